"""Make the label of each frame of a window: align it within the step, or cut it from clips that were aligned before.

Flow on the blurry input is the same in every step, so with ``flow.cache`` it is estimated only once, on whole frames.
"""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.dataset.facts import Box, CheckedReader, ClipFacts, ClipReader
from hvdbench.frames import Frames
from hvdbench.methods.selfhvd.clues import at_slots, draw_slots
from hvdbench.methods.selfhvd.flows import FlowModel, eight_bit
from hvdbench.methods.selfhvd.masks import Label, align
from hvdbench.methods.selfhvd.settings import Clues, SelfHvdObjectiveSettings
from hvdbench.methods.training.samples import ALIGNED_STREAMS, nearest_selected
from hvdbench.workspace.progress import Progress, silent

WARPED, MASKS = ALIGNED_STREAMS
_CHANNELS = {WARPED: 3, MASKS: 2}
_FRAMES_AT_ONCE = 4
_MOST_IN_MEMORY = 2 * 2**30


@dataclass(frozen=True)
class FrameLabel(Label):
    """A label together with which pictures it was aligned to.

    Attributes:
        on_output: (N,) bool, True where the sharp frame was aligned to the output, False where to the input.
    """

    on_output: Tensor


def label_of(
    restored: Tensor, batch: Mapping[str, Tensor], slots: Tensor, flows: FlowModel, settings: SelfHvdObjectiveSettings
) -> FrameLabel:
    """Return the label of the frame in each slot, ``S_{J(k)→k}``, and its masks (Eqs. 3-5).

    With ``flow.on = "output"`` a frame whose output cannot be aligned, by ``flow.output_share``, is aligned to its
    input.

    Args:
        restored: (N, T, 3, h, w), the pictures that labels are aligned to with ``flow.on = "output"``.
        batch: windows; labels that they already hold are used.
        slots: (N, T) frame in each slot.
        flows: model that estimates the flow.
        settings: settings of what to align to, and of which masks are on.
    """
    if WARPED in batch:
        masks = at_slots(batch[MASKS], slots)
        nowhere = torch.zeros(len(masks), dtype=torch.bool, device=masks.device)
        return FrameLabel(at_slots(batch[WARPED], slots), masks[:, :1], masks[:, 1:], nowhere)
    if settings.flow.on == "input":
        return input_label(batch, slots, flows, settings)
    in_place = at_slots(batch["nearest"] == 0, slots) if settings.flow.own_label == "in_place" else None
    label = align(at_slots(restored.detach(), slots), at_slots(batch["sharp"], slots), flows, settings.masks, in_place)
    share, trust = settings.flow.output_share, _trust(label, settings)
    on_output = torch.ones_like(trust, dtype=torch.bool)
    rows = (trust < share).nonzero().flatten()  # above it no alignment to the input could be that much better
    warped, occlusion, mask = label.warped, label.occlusion, label.mask
    if len(rows):
        other = input_label(batch, slots, flows, settings, rows)
        worse = trust[rows] < share * _trust(other, settings)
        taken = rows[worse]
        warped = warped.index_copy(0, taken, other.warped[worse])
        occlusion = occlusion.index_copy(0, taken, other.occlusion[worse])
        mask = mask.index_copy(0, taken, other.mask[worse])
        on_output[taken] = False
    return FrameLabel(warped, occlusion, mask, on_output)


def input_label(
    batch: Mapping[str, Tensor],
    slots: Tensor,
    flows: FlowModel,
    settings: SelfHvdObjectiveSettings,
    rows: Tensor | None = None,
) -> FrameLabel:
    """Return the label of the frame in each slot, aligned to the blurry input, whatever ``flow.on`` says.

    Args:
        batch: windows, without labels.
        slots: (N, T) frame in each slot.
        flows: model that estimates the flow.
        settings: settings of the masks, and of a selected frame's own label.
        rows: numbers of the pictures, of N * T, that are needed; None for all.
    """
    own = at_slots(batch["nearest"] == 0, slots)
    rows = torch.arange(len(own), device=own.device) if rows is None else rows
    in_place = own[rows] if settings.flow.own_label == "in_place" else None
    blurry, sharp = at_slots(batch["blurry"], slots)[rows], at_slots(batch["sharp"], slots)[rows]
    found = align(blurry, sharp, flows, settings.masks, in_place)
    return FrameLabel(found.warped, found.occlusion, found.mask, torch.zeros_like(own[rows]))


def _trust(label: Label, settings: SelfHvdObjectiveSettings) -> Tensor:
    """Return the mean mask of each picture, (N,); where all masks are switched off, that of the occlusion mask."""
    masks = settings.masks
    return (label.mask if masks.occlusion or masks.uncertainty else label.occlusion).flatten(1).mean(1)


def draw_window_slots(batch: Mapping[str, Tensor], clues: Clues, segment_frames: int, *, seed: int) -> Tensor:
    """Draw the frame in each slot of each window, (N, T), by the window's own index."""
    selected, indices = batch["is_selected"].cpu().numpy(), batch["index"].tolist()
    drawn = [
        draw_slots(row, clues, segment_frames, seed=seed, index=index)
        for row, index in zip(selected, indices, strict=True)
    ]
    return torch.from_numpy(np.stack(drawn)).to(batch["blurry"].device)


class AlignedClips(CheckedReader):
    """Clips with two more streams that are made at once: each frame's warped sharp frame, and its masks.

    ``warped`` is ``S_{J(i)→i}``, (T, H, W, 3); ``warp_masks`` is ``M_occ`` and ``M_i``, (T, H, W, 2); both are uint8,
    5 bytes per pixel together. They are kept in memory or, above 2 GiB, in a file without a name, which the system
    removes when the process ends, however it ends.

    Args:
        reader: reader of the clips.
        selection: (T,) frames to take as selected by a clip's key, in place of the labels.
        flows: model that estimates the flow.
        settings: settings of the alignment.
        device: device to estimate the flow on.
        folder: folder of the file; None for the system's folder of temporary files.
        progress: function called with (done, total, what).
    """

    def __init__(
        self,
        reader: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        flows: FlowModel,
        settings: SelfHvdObjectiveSettings,
        *,
        device: torch.device | str = "cpu",
        folder: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        own = reader.clips
        clips = [dataclasses.replace(clip, streams=(*clip.streams, *ALIGNED_STREAMS)) for clip in own]
        super().__init__(clips, name=reader.name, origin=reader.origin, digest=reader.digest)
        self._reader, self._flows, self._settings = reader, flows, settings
        self._device, self._progress = torch.device(device), progress
        self._done, self._total = 0, sum(clip.frame_count for clip in own)
        self._made = _make_room(own, folder)
        for clip in own:
            selected = np.asarray((selection or {}).get(clip.key, clip.is_selected))
            if selected.any():  # a clip without a selected frame is refused later, when windows are cut
                self._align(clip, nearest_selected(selected))

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of one clip; see :meth:`ClipReader.read`. ``warp_masks`` have two channels."""
        if stream not in ALIGNED_STREAMS:
            return self._reader.read(key, stream, frames, box)
        wanted, box = self._check(key, stream, frames, box)
        rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        return np.asarray(self._made[key, stream][wanted, rows, columns])

    def close(self) -> None:
        """Close the reader of the clips."""
        self._reader.close()

    def _align(self, clip: ClipFacts, nearest: NDArray[np.int64]) -> None:
        """Align a clip's labels to its frames, a few frames at a time."""
        for first in range(0, clip.frame_count, _FRAMES_AT_ONCE):
            i = np.arange(first, min(first + _FRAMES_AT_ONCE, clip.frame_count))
            read = torch.from_numpy(self._reader.read(clip.key, "blur", [*i.tolist(), *nearest[i].tolist()]))
            blurry, sharp = read.to(self._device).permute(0, 3, 1, 2).float().div(255).chunk(2)
            in_place = None
            if self._settings.flow.own_label == "in_place":
                in_place = torch.from_numpy(nearest[i] == i).to(self._device)
            label = align(blurry, sharp, self._flows, self._settings.masks, in_place)
            self._made[clip.key, WARPED][i] = eight_bit(label.warped)
            self._made[clip.key, MASKS][i] = eight_bit(torch.cat((label.occlusion, label.mask), 1))
            self._done += len(i)
            self._progress(self._done, self._total, "align")


def _make_room(clips: Sequence[ClipFacts], folder: Path | None) -> dict[tuple[str, str], NDArray[np.uint8]]:
    """Allocate both streams of all clips; return (T, H, W, channels) by the clip's key and the stream."""
    shapes = {
        (clip.key, stream): (clip.frame_count, clip.height, clip.width, channels)
        for clip in clips
        for stream, channels in _CHANNELS.items()
    }
    total = sum(int(np.prod(shape)) for shape in shapes.values())
    room: NDArray[np.uint8]
    if total <= _MOST_IN_MEMORY:
        room = np.zeros(total, np.uint8)
    else:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.truncate(total)
            room = np.memmap(file, np.uint8, "r+", shape=(total,))  # keeps the nameless file alive after the block
    made, first = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        made[name] = np.asarray(room)[first : first + size].reshape(shape)
        first += size
    return made
