"""A training small enough for tests: clips of noise, one convolution, an objective with every kind of term.

Run as a script it trains in a process of its own: ``python made_training.py FOLDER '{"steps": 20, "kill_at": 12}'``.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hvdbench.dataset.facts import Box, ClipFacts
from hvdbench.methods.training.engine import FitResult, fit
from hvdbench.methods.training.objective import MASK_COVERAGE, SHARP_CHOSEN_SHARE, Objective, StepLoss
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings
from hvdbench.methods.training.settings import EngineSettings, ValidationSettings
from hvdbench.methods.training.validation import make_validation
from hvdbench.networks.spec import NetworkSpec

SMALL = WindowSettings(crop_px=16, clip_frames=3)
QUIET = ValidationSettings(clips=0, loss_samples=0)


class MadeReader:
    """Clips of smooth noise, three streams each; the truth is the blurry frame, darkened."""

    name, origin, digest = "made", "demo", "0123456789abcdef"

    def __init__(self, clips: int = 2, frames: int = 6, side: int = 24, splits: Sequence[str] = ("train",)) -> None:
        random = np.random.default_rng(5)
        self._frames = {}
        facts = []
        for i in range(clips):
            key = f"{splits[i % len(splits)]}/{i}"
            coarse = random.integers(0, 256, (frames, side // 4, side // 4, 3)).astype(np.uint8)
            blurry = coarse.repeat(4, axis=1).repeat(4, axis=2)
            self._frames[key] = {"blur": blurry, "sharp": blurry // 2, "sharp_centroid": blurry // 4}
            selected = np.arange(frames) % 3 == 0
            facts.append(ClipFacts(key, frames, side, side, tuple(self._frames[key]), selected, 1.0 * selected))
        self.clips = tuple(facts)

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> np.ndarray:
        box = box or Box(0, 0, *self._frames[key][stream].shape[1:3])
        rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        return self._frames[key][stream][list(frames), rows, columns]

    def close(self) -> None:
        pass


class OneConvolution(nn.Module):
    """Restores every frame alone; ``first`` is there to be frozen or slowed down."""

    def __init__(self, channels: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.spec = NetworkSpec()
        self.first = nn.Conv2d(3, channels, 3, padding=1)
        self.drop = nn.Dropout(dropout)
        self.last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        frames = clip.flatten(0, 1)
        return (frames + self.last(self.drop(torch.relu(self.first(frames))))).view_as(clip)


class OneFrame(nn.Module):
    """Restores single pictures, and says nothing of itself."""

    def __init__(self, frames: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(3 * frames, 4, 3, padding=1)
        self.last = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures[:, -3:] + self.last(torch.relu(self.first(pictures)))


class ThreeFrames(OneFrame):
    """Restores every frame of a clip from itself and its neighbours, the ends repeated."""

    def __init__(self) -> None:
        super().__init__(3)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        before, after = torch.cat((clip[:, :1], clip[:, :-1]), 1), torch.cat((clip[:, 1:], clip[:, -1:]), 1)
        return super().forward(torch.cat((before, after, clip), 2).flatten(0, 1)).unflatten(0, clip.shape[:2])


class MiddleFrame(OneFrame):
    """Restores the middle frame of three."""

    def __init__(self) -> None:
        super().__init__(3)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return super().forward(clip.roll(1, 1).flatten(1, 2))


class Volume(nn.Module):
    """Restores clips whose colours come before time."""

    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Conv3d(3, 3, 3, padding=1)

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        return volume + self.only(volume)


class MadeObjective(Objective):
    """L1 to the truth and to a slow copy of the weights, which is state; the terms that the log knows by name."""

    def __init__(self, kill_at: int | None = None, explode_at: int | None = None, explode_by: float = 1e4) -> None:
        self.kill_at, self.explode_at, self.explode_by = kill_at, explode_at, explode_by
        self.anchor = torch.zeros(())
        self.seen: list[int] = []
        self.validated: list[int] = []

    def loss(self, network, batch, step) -> StepLoss:
        if step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen += batch["index"].tolist()
        restored = network(batch["blurry"])
        rec = (restored - batch["truth"]).abs().mean()
        hold = (restored.mean((1, 2, 3, 4)) - self.anchor).square().mean()
        total = rec + hold
        if self.explode_at is not None and step >= self.explode_at:
            total = total * self.explode_by
        shares = {MASK_COVERAGE: batch["truth"].mean(), SHARP_CHOSEN_SHARE: batch["sharp"].mean()}
        terms = {"rec": rec, "hold": hold} | shares
        return StepLoss(total, {name: value.detach() for name, value in terms.items()})

    def at_validation(self, network, step, measured) -> dict[str, float]:
        self.validated.append(step)
        self.anchor = torch.tensor(measured["sharpness"] / 1e5)
        return {"anchor_update": float(step % 2 == 0)}

    def panel(self, network, batch, step) -> np.ndarray:
        return np.full((8, 12, 3), 100, np.uint8)

    def state(self) -> dict[str, torch.Tensor]:
        return {"anchor": self.anchor}

    def load_state(self, state) -> None:
        self.anchor = state["anchor"]


def settings(**changes: object) -> EngineSettings:
    usual = {
        "steps": 20,
        "batch": 2,
        "learning_rate": 1e-2,
        "final_learning_rate": 1e-3,
        "log_every": 3,
        "validate_every": 4,
        "checkpoint_every": 5,
        "validation": QUIET,
    }
    return EngineSettings.model_validate(usual | changes)


def network(dropout: float = 0.0) -> OneConvolution:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return OneConvolution(dropout=dropout)


def train(
    folder: Path | None,
    engine: EngineSettings,
    *,
    objective: MadeObjective | None = None,
    dropout: float = 0.0,
    at: tuple[int, ...] = (),
    **options: object,
) -> tuple[OneConvolution, FitResult, MadeObjective]:
    reader, inner, objective = MadeReader(), network(dropout), objective or MadeObjective()
    windows = TrainingWindows(reader, SMALL, 1, engine.steps * engine.batch, "mid")
    validation = make_validation(reader, engine.validation, SMALL, seed=1, truth="mid", at=at)
    result = fit(RgbNetwork(inner), objective, windows, engine, folder, validation=validation, **options)
    return inner, result, objective


def train_like(folder: Path, wishes: dict[str, object]) -> None:
    """Train with settings, ``dropout`` and ``kill_at``, the step at which the process kills itself."""
    rest = {key: value for key, value in wishes.items() if key not in {"kill_at", "dropout"}}
    dropout, made = wishes.get("dropout", 0.0), MadeObjective(wishes.get("kill_at"))
    train(folder, settings(**rest), objective=made, dropout=dropout)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train_like(Path(sys.argv[1]), json.loads(sys.argv[2]))
