"""Tiny models of others in every form, made where a test needs them."""

import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget

SOURCE = """
import random
import sys

import numpy as np
import torch
from torch import nn

from hvdbench.networks.spec import NetworkSpec


class Net(nn.Sequential):
    def __init__(self, width=4):
        super().__init__(nn.Conv2d(3, width, 3, padding=1), nn.Tanh(), nn.Conv2d(width, 3, 3, padding=1))


class Halving(Net):
    def forward(self, x):
        if x.shape[-1] % 8 or x.shape[-2] % 8:
            raise ValueError("sides must be multiples of 8")
        return super().forward(x)


class ClipMean(nn.Module):
    def forward(self, clip):
        n, t, c, h, w = clip.shape
        return clip.mean(dim=1, keepdim=True).expand(n, t, c, h, w)


class Declared(ClipMean):
    spec = NetworkSpec(channel_order="bgr", value_range=(0.0, 255.0))


class Shortened(nn.Module):
    def forward(self, clip):
        n, t, c, h, w = clip.shape
        return clip[:, 2:-2]


class Pair(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        return x.mean(dim=1), 1 - x


class Named(Pair):
    def forward(self, x):
        flow, restored = super().forward(x)
        return {"flow": flow, "restored": restored}


class Both(nn.Module):
    def forward(self, x):
        return x.cumsum(dim=0) if x.ndim == 4 else x.cumsum(dim=1)


class Invert(nn.Module):
    def forward(self, x):
        return 1 - x


class Broken(nn.Module):
    def forward(self, x):
        raise KeyError("nothing works")


class Whole(nn.Module):
    def forward(self, x):
        return (255 * x).to(torch.uint8)


class Middle(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.0, -0.1, 1.0, 0.1, 0.0]))

    def forward(self, clip):
        if clip.shape[1:3] != (5, 3):
            raise ValueError("five frames of three colours are needed")
        return (clip * self.weight[:, None, None, None]).sum(dim=1)


class MiddleKept(Middle):
    def forward(self, clip):
        return super().forward(clip)[:, None]


class MiddleOfStack(Middle):
    def forward(self, pictures):
        return super().forward(pictures.unflatten(1, (5, 3)))


class MiddleOfVolume(Middle):
    def forward(self, volume):
        return super().forward(volume.transpose(1, 2))


class AnyMiddle(nn.Module):
    def forward(self, clip):
        n, t, c, h, w = clip.shape
        if c != 3:
            raise ValueError("three colours are needed")
        return clip.mean(dim=1)


class Volume(nn.Conv3d):
    def __init__(self):
        super().__init__(3, 3, 3, padding=1)


class Alike(Net):
    def forward(self, x):
        return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2]) if x.ndim == 5 else super().forward(x)


class Noisy(nn.Module):
    def forward(self, x):
        return x + 0.05 * torch.randn_like(x)


class NoisyByNumpy(nn.Module):
    def forward(self, x):
        return x + 0.05 * torch.from_numpy(np.random.standard_normal(tuple(x.shape))).float()


class NoisyByPython(nn.Module):
    def forward(self, x):
        return x * random.uniform(0.5, 1)


class InPlace(nn.Module):
    def forward(self, x):
        return x.mul_(0.5)


class NotFinite(nn.Module):
    def forward(self, x):
        y = x.clone()
        y[..., :4] = float("nan")
        return y


class Leaves(nn.Module):
    def forward(self, x):
        sys.exit(0)


class LeavesDeclared(Leaves):
    spec = NetworkSpec()


class PairDeclared(nn.Module):
    spec = NetworkSpec()

    def forward(self, x):
        return x, x


class Levels(nn.Module):
    def forward(self, x):
        return 255 * x


class Signed(nn.Module):
    def forward(self, x):
        return 2 * x - 1


class Correction(nn.Module):
    def forward(self, x):
        return 0.01 * (x - x.mean())


class Overdone(nn.Module):
    def forward(self, x):
        return 3 * (x - 0.5) + 0.5


def ready():
    torch.manual_seed(0)
    return Net()


made = ready()


def wrong():
    return "no module"
"""


def write_module(folder: Path, name: str) -> None:
    """Write the module of all networks above."""
    (folder / f"{name}.py").write_text(SOURCE, encoding="utf-8")


def small_net(width: int = 4) -> nn.Sequential:
    """Make the class Net above with its own weights, some colour kept."""
    net = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.Tanh(), nn.Conv2d(width, 3, 3, padding=1))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return net.eval()


def directly(net: nn.Module, frames: np.ndarray) -> np.ndarray:
    """Restore frame by frame by hand: uint8 RGB (T, H, W, 3)."""
    restored = []
    with torch.no_grad():
        for frame in frames:
            picture = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float() / 255
            levels = torch.floor(net(picture).clamp(0, 1) * 255 + 0.5)
            restored.append(levels[0].permute(1, 2, 0).to(torch.uint8).numpy())
    return np.stack(restored)


def save_scripted(net: nn.Module, path: Path, *, freeze: bool = False, shape: tuple[int, ...] = (1, 3, 16, 16)) -> Path:
    """Save a trace, whose makers call it deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(net, torch.zeros(shape))
        (torch.jit.freeze(traced) if freeze else traced).save(path)
    return path


def smooth_clip(frames: int = 5, height: int = 37, width: int = 53, seed: int = 0) -> np.ndarray:
    """Blurred noise, uint8 RGB."""
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in made_clip(frames, height, width, seed)])


def made_clip(frames: int = 5, height: int = 37, width: int = 53, seed: int = 0) -> np.ndarray:
    """Noise, uint8 RGB."""
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def restore(method: Method, frames: np.ndarray, **budget) -> np.ndarray:
    """Restore a clip with a method that needs no training."""
    return method.restore(frames, label_paper(frames), Budget(**budget)).frames
