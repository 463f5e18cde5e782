"""Train a network on BluRef's pseudo-sharp targets, which are made anew from its better and better outputs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hvdbench.errors import FitError
from hvdbench.frames import Frames
from hvdbench.methods.building import build_network, load_start, start_at_identity
from hvdbench.methods.foreign.adapting import as_video_network
from hvdbench.methods.inference.network_restoration import restore_with
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.bluref.settings import BlurefSettings
from hvdbench.methods.rivals.bluref.targets import Matcher, make_matcher, make_targets
from hvdbench.methods.rivals.crops import PictureCrops
from hvdbench.methods.stages import stage
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.workspace.progress import silent

_LEAST_ERROR = 1e-8  # NAFNet's PSNR loss adds it before the logarithm
_LOGGED_STEPS = 10

MakeMatcher = Callable[[Frames, Frames, BlurefSettings, str], Matcher]


@dataclass
class FitRecord:
    """What a fit records: the loss of every tenth step in dB, and each round's mean mask."""

    loss: list[float] = field(default_factory=list)
    coverage: list[float] = field(default_factory=list)


def masked_psnr_loss(restored: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over pictures of ``10 log10(mean (m (a - b))²)``, minus their PSNR in dB where ``m`` is 1.

    The mean is over all pixels, those that the mask leaves out too, as in the published code; its gradient is that of
    the mean over the others, because the logarithm turns the factor between them into a constant.

    Args:
        restored, target: pictures (N, 3, H, W) in [0, 1].
        mask: (N, 1, H, W) in [0, 1].
    """
    squared = (mask * (restored - target)).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(squared + _LEAST_ERROR).mean()


class BlurefFit:
    """A fit of the network to one clip.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        is_selected: (T,) the sharp frames; at least one frame is one, and one is not.
        settings: settings of the method.
        budget: seed, threads, device and progress.
        matcher: what makes the matcher of each round.
    """

    def __init__(
        self,
        frames: Frames,
        is_selected: NDArray[np.bool_],
        settings: BlurefSettings,
        budget: Budget,
        matcher: MakeMatcher = make_matcher,
    ) -> None:
        self.frames, self.settings, self.budget, self._matcher = frames, settings, budget, matcher
        self.record = FitRecord()
        self._random = np.random.default_rng(budget.seed)
        self._todo = np.flatnonzero(~is_selected)
        self._references = np.flatnonzero(is_selected) if settings.references == "sharp" else self._todo
        self.network: nn.Module = build_network(settings.network, settings.network_arguments, budget.seed)
        if settings.start_from:
            load_start(self.network, settings.start_from, {})
        else:
            start_at_identity(self.network)
        self.network.to(budget.device)
        self._door = RgbNetwork(self.network, video=as_video_network(self.network))
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
        )

    def run(self) -> nn.Module:
        """Run all rounds and return the network, in evaluation.

        Raises:
            FitError: if no reference could be matched anywhere.
        """
        settings, done = self.settings, 0
        seen = self.frames
        for number in range(settings.rounds):
            matcher = self._matcher(self.frames, seen, settings, self.budget.device)
            with stage("flow"):
                targets = make_targets(matcher, self._todo.tolist(), self._references, settings, self.budget.workers)
            self.record.coverage.append(round(targets.coverage, 4))
            if not targets.masks.any():
                raise FitError(
                    "no sharp frame of the clip could be matched with any blurry one, so there is nothing to learn "
                    "from: lower least_confidence or mask_scale in the recipe"
                )
            # the published code trains on what it matched: from the second round on, the network's own outputs
            inputs = seen if settings.as_.inputs == "published" else self.frames
            until = settings.steps * (number + 1) // settings.rounds
            stacks = (self._windows(inputs), targets.colours, targets.masks)
            drawer = PictureCrops(stacks, settings.crop_px, self._random, self.budget.device)
            for step in range(done, until):
                self._step(drawer, step)
            done = until
            if number + 1 < settings.rounds:
                seen = self._fed_back()
        return self.network.eval()

    def _fed_back(self) -> Frames:
        """Return the clip with its blurry frames as the network restores them."""
        seen, quiet = self.frames.copy(), replace(self.budget, progress=silent)
        video = as_video_network(self.network.eval())
        if self.settings.window_frames == 1:
            seen[self._todo] = restore_with(video, self.frames[self._todo], quiet).frames
        else:
            seen[self._todo] = restore_with(video, self.frames, quiet).frames[self._todo]
        return seen

    def _windows(self, frames: Frames) -> NDArray[np.uint8]:
        """Return the windows about the blurry frames, (M, H, W, 3 N); the clip's ends are repeated."""
        reach = self.settings.window_frames // 2
        around = np.clip(self._todo[:, None] + np.arange(-reach, reach + 1), 0, len(frames) - 1)
        return np.concatenate([frames[around[:, place]] for place in range(around.shape[1])], axis=-1)

    def _step(self, drawer: PictureCrops, step: int) -> None:
        settings = self.settings
        share = 0.5 * (1 + np.cos(np.pi * step / settings.steps))
        rate = settings.final_learning_rate + share * (settings.learning_rate - settings.final_learning_rate)
        for group in self._optimiser.param_groups:
            group["lr"] = float(rate)
        blurry, target, mask = drawer.draw(settings.batch)
        self.network.train()
        # (B, 3 N, h, w) to (B, N, 3, h, w)
        window = blurry.reshape(len(blurry), settings.window_frames, 3, *blurry.shape[-2:])
        restored = self._door(window)[:, settings.window_frames // 2]
        loss = masked_psnr_loss(restored, target, mask)
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip_gradient)
        self._optimiser.step()
        if step % _LOGGED_STEPS == 0 or step == settings.steps - 1:
            self.record.loss.append(round(float(loss.detach()), 4))
            self.budget.progress(step + 1, settings.steps, "fit")
