"""Fine-tune ESTRNN on windows of a clip whose middle frame was blurred anew, with that frame itself as the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from hvdbench.dataset.facts import Box, CheckedReader, ClipFacts
from hvdbench.frames import Frame, Frames
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.dadeblur.settings import FineTuningSettings
from hvdbench.methods.rivals.dadeblur.sharp_regions import Region
from hvdbench.methods.training.engine import FitResult, fit
from hvdbench.methods.training.objective import Objective, StepLoss
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.networks.estrnn import ESTRNN
from hvdbench.networks.spec import NetworkSpec, VideoNetwork
from hvdbench.store import TRUTH_FOLDERS

_EXPLOSION_FACTOR = 1000.0  # the squared error of a window in front of a wall is a thousandth of that of a hedge


@dataclass(frozen=True)
class Pair:
    """A region and the same region blurred anew.

    Attributes:
        region: frame and part of it.
        blurred: what replaces the region in frames of its window, uint8 (h, w, 3) by the number of the frame in the
            clip; empty where the region stays as it is.
    """

    region: Region
    blurred: Mapping[int, Frame]


class PairReader(CheckedReader):
    """A reader that has a clip for each pair: the window around its frame, with the pair's frames blurred anew.

    The stream ``sharp`` is the clip's own frames; only the middle one serves as a truth.

    Args:
        frames: the clip, uint8 RGB (T, H, W, 3).
        pairs: at least one pair, whose frames have all their neighbours.
        before, after: frames of a window before and after its middle.
    """

    def __init__(self, frames: Frames, pairs: Sequence[Pair], before: int, after: int) -> None:
        self._frames, self._before = frames, before
        self._pairs = {f"test/region_{number:04d}": pair for number, pair in enumerate(pairs)}
        count = before + 1 + after
        facts = [
            ClipFacts(
                key,
                count,
                pair.region.box.height,
                pair.region.box.width,
                ("blur", TRUTH_FOLDERS["mid"]),
                np.arange(count) == before,
                np.zeros(count),
                np.array([0], np.intp),
            )
            for key, pair in self._pairs.items()
        ]
        super().__init__(facts, name="regions", origin="measured", digest="")

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of a window; see :meth:`hvdbench.dataset.facts.ClipReader.read`."""
        wanted, box = self._check(key, stream, frames, box)
        pair = self._pairs[key]
        outer = pair.region.box
        rows = slice(outer.top + box.top, outer.top + box.top + box.height)
        columns = slice(outer.left + box.left, outer.left + box.left + box.width)
        numbers = wanted + pair.region.frame - self._before
        found = self._frames[numbers, rows, columns].copy()
        if stream == "blur":
            for number, blurred in pair.blurred.items():
                found[numbers == number] = blurred[box.top : box.top + box.height, box.left : box.left + box.width]
        return found

    def close(self) -> None:
        """Do nothing, since no file is open."""


class MiddleFrame(nn.Module):
    """ESTRNN that restores the middle frame of a window alone, from a state of zeros."""

    def __init__(self, network: ESTRNN) -> None:
        super().__init__()
        self.network = network

    @property
    def spec(self) -> NetworkSpec:
        """The spec of the network itself."""
        return self.network.spec

    def forward(self, clip: Tensor) -> Tensor:
        """Restore the middle of (N, T, 3, H, W), T the length of the network's window; (N, 1, 3, H, W)."""
        return self.network.restore_inner(clip)


class MiddleObjective(Objective):
    """The squared distance of the middle frame, clamped to its range, to the truth.

    Args:
        middle: number of the middle frame in a window.
    """

    def __init__(self, middle: int) -> None:
        self.middle = middle

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor], step: int) -> StepLoss:
        """Restore the middle frames and compare them with the sharp regions."""
        restored = network(batch["blurry"])[:, 0].clamp(0, 1)
        l2 = (restored - batch["truth"][:, self.middle]).square().mean()
        return StepLoss(l2, {"l2": l2.detach()})


def fine_tune(
    network: ESTRNN, frames: Frames, pairs: Sequence[Pair], settings: FineTuningSettings, budget: Budget
) -> FitResult:
    """Fine-tune a network on pairs, in place; it ends in evaluation.

    Args:
        network: network with the weights that it starts from.
        frames: the clip, uint8 RGB (T, H, W, 3).
        pairs: regions and the same blurred anew.
        settings: steps, rates, batch and crop.
        budget: seed, device and progress.

    Raises:
        FitError: if the loss exploded.
    """
    reader = PairReader(frames, pairs, network.past_frames, network.future_frames)
    window = WindowSettings(
        crop_px=settings.crop_px,
        clip_frames=network.past_frames + 1 + network.future_frames,
        flips_and_turns=settings.flips_and_turns,
    )
    engine = EngineSettings(
        steps=settings.steps,
        batch=settings.batch,
        learning_rate=settings.learning_rate,
        final_learning_rate=min(settings.final_learning_rate, settings.learning_rate),
        clip_gradient=settings.clip_gradient,
        ema_decay=settings.ema_decay,
        precision=settings.precision,
        explosion_factor=_EXPLOSION_FACTOR,
    )
    side = min(settings.crop_px, *(min(clip.height, clip.width) for clip in reader.clips))
    window = window.model_copy(update={"crop_px": side})  # asked for so, it is no cause for a warning
    windows = TrainingWindows(reader, window, budget.seed, engine.steps * engine.batch, "mid", with_sharp=False)
    door = RgbNetwork(network, video=_as_video(MiddleFrame(network)))
    return fit(
        door,
        MiddleObjective(network.past_frames),
        windows,
        engine,
        None,
        seed=budget.seed,
        device=budget.device,
        progress=lambda done, total, what: budget.progress(done, total, "fine-tune"),
    )


def _as_video(network: nn.Module) -> VideoNetwork:
    return network  # type: ignore[return-value]
