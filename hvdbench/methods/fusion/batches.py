"""Draw random crops of candidate stacks, each with a label to compare the output with."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.flow import Flow
from hvdbench.methods.fusion.candidates import FIRST_SHARP_SLOT, CandidateStack


@dataclass(frozen=True)
class Labels:
    """The pictures that the restored frames of a stack are compared with.

    Attributes:
        colours: (N, L, H, W, 3) uint8; L labels for each frame, of which each crop draws one.
        masks: (N, L, H, W) uint8, 255 where the label can be trusted; a mask of zeros marks a missing label.
    """

    colours: NDArray[np.uint8]
    masks: NDArray[np.uint8]


@dataclass(frozen=True)
class Pairs:
    """Frames whose sharp picture is known, from the truth or by blurring a sharp frame again, with their candidates."""

    stack: CandidateStack
    sharp: NDArray[np.uint8]
    """Sharp pictures, (N, H, W, 3)."""

    def labels(self) -> Labels:
        """Return the sharp pictures as labels that are trusted everywhere."""
        return Labels(self.sharp[:, None], np.full((len(self.sharp), 1, *self.sharp.shape[1:3]), 255, np.uint8))


@dataclass(frozen=True)
class ReblurModel:
    """The blur of the stacked frames: motion (N, H, W, 2), exposure share, and whether the flow explains it (N,)."""

    motion: NDArray[np.float32] | list[Flow]
    tau: float
    explained: NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """Crops of N frames, as tensors."""

    candidates: Tensor  # (N, C, 3, h, w)
    masks: Tensor  # (N, C, 1, h, w)
    is_sharp: Tensor  # (N, C)
    label: Tensor  # (N, 3, h, w)
    label_mask: Tensor  # (N, 1, h, w)
    motion: Tensor | None  # (N, 2, h, w)
    explained: Tensor | None  # (N,)


def labels_of_stack(stack: CandidateStack, learn_blend: bool = False) -> Labels:
    """Return the two warped neighbouring sharp frames as labels, or the blend (the last candidate) alone.

    A selected frame is its own label, as in the paper.
    """
    slots = slice(-1, None) if learn_blend else slice(FIRST_SHARP_SLOT, FIRST_SHARP_SLOT + 2)
    colours, masks = stack.colours[:, slots].astype(np.uint8), stack.masks[:, slots].copy()
    selected = stack.is_sharp[:, 0]
    colours[selected], masks[selected] = stack.colours[selected, :1], 255
    return Labels(colours, masks)


class CropDrawer:
    """A source of random crops from random frames, flipped at random, each with one of its labels.

    Args:
        stack: frames with their candidates.
        labels: labels of the same frames.
        patch_px: side of the crops, even; smaller frames give smaller crops.
        random: the only source of randomness.
        device: device that the crops are moved to.
        blur: blur of the same frames; None where no re-blur loss needs it.
    """

    def __init__(
        self,
        stack: CandidateStack,
        labels: Labels,
        patch_px: int,
        random: np.random.Generator,
        device: str,
        blur: ReblurModel | None = None,
    ) -> None:
        self.stack, self.labels, self.blur = stack, labels, blur
        self._random, self._device = random, device
        self._size = min(patch_px, *(side // 2 * 2 for side in stack.colours.shape[2:4]))
        usable = labels.masks.max(axis=(2, 3)) > 0  # (N, L)
        self.labelled = np.flatnonzero(usable.any(axis=1))
        self._slots = [np.flatnonzero(row) for row in usable]

    def draw(self, count: int) -> Batch:
        """Draw ``count`` crops; at least one frame must have a label."""
        rows = self._random.choice(self.labelled, count)
        height, width = self.stack.colours.shape[2:4]
        parts: list[list[NDArray[np.uint8]]] = [[], [], [], []]
        motions: list[NDArray[np.float32]] = []
        for row in rows:
            top = int(self._random.integers(0, height - self._size + 1))
            left = int(self._random.integers(0, width - self._size + 1))
            flip_y, flip_x = self._random.random(2) < 0.5
            slot = int(self._random.choice(self._slots[row]))
            ys, xs = slice(top, top + self._size), slice(left, left + self._size)
            step = (slice(None, None, -1 if flip_y else 1), slice(None, None, -1 if flip_x else 1))
            whole = (self.stack.colours[row], self.stack.masks[row], self.labels.colours[row], self.labels.masks[row])
            for part, planes in zip(parts, (*whole[:2], whole[2][slot][None], whole[3][slot][None]), strict=True):
                part.append(planes[:, ys, xs][:, *step])
            if self.blur is not None:
                sign = np.array([-1.0 if flip_x else 1.0, -1.0 if flip_y else 1.0], np.float32)
                motions.append(self.blur.motion[row][ys, xs][*step] * sign)
        return self._batch(rows, parts, motions)

    def _batch(
        self, rows: NDArray[np.intp], parts: list[list[NDArray[np.uint8]]], motions: list[NDArray[np.float32]]
    ) -> Batch:
        device = self._device

        def picture(arrays: list[NDArray[np.uint8]]) -> Tensor:
            return torch.from_numpy(np.stack(arrays)).to(device).movedim(-1, -3).float() / 255  # (N, n, 3, h, w)

        def plane(arrays: list[NDArray[np.uint8]]) -> Tensor:
            return torch.from_numpy(np.stack(arrays)).to(device).float().unsqueeze(-3) / 255  # (N, n, 1, h, w)

        motion = explained = None
        if self.blur is not None:
            motion = torch.from_numpy(np.stack(motions)).to(device).permute(0, 3, 1, 2)  # (N, 2, h, w)
            explained = torch.from_numpy(self.blur.explained[rows]).to(device)
        colours, masks, labels, label_masks = parts
        flags = torch.from_numpy(self.stack.is_sharp[rows]).float().to(device)
        return Batch(
            picture(colours), plane(masks), flags, picture(labels)[:, 0], plane(label_masks)[:, 0], motion, explained
        )
