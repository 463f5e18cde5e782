"""Make the places of a clip that an adaptation learns from, and those that decide whether it helped.

There are two kinds. The label of an exact place is a sharp frame of the clip, and its input is that frame blurred again
along about the motion of a blurry frame, its donor. Were it blurred exactly as the planes assume, the network would
learn that this assumption holds, and real blur would come out worse.

The label of a warped place is a sharp frame warped onto a blurry one (Eq. 3), trusted by its mask (Eq. 5); the input is
the blurry frame without that sharp frame among its candidates, because the network would only have to copy it. No sharp
frame that is held out is a label that is learned from, or a candidate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hvdbench.frames import Frame, to_display
from hvdbench.methods.blur.alignment import Aligner, sharp_neighbours
from hvdbench.methods.blur.exposure_model import ExposureModel
from hvdbench.methods.fusion.pretrained.planes import frame_planes
from hvdbench.methods.fusion.resynthesis import blur_again, noise_levels
from hvdbench.workspace.engine import thread_map

_EACH_SIDE = 2
_REACH_FRAMES = 2  # as far as a withheld frame may lie from what it judges in ``hvdbench heldout``
_GAINS = (0.8, 1.2)
_LINE, _BEND = 0.15, 0.5  # standard deviations of what a path has besides the motion, in lengths of the path


@dataclass(frozen=True)
class Place:
    """A part of a frame whose sharp picture is known, or known where a mask says so.

    Attributes:
        frame: number of the frame that the label comes from.
        planes: what the network sees, uint8 (PLANES, h, w).
        label: sharp picture, uint8 (3, h, w).
        mask: where it can be trusted, uint8 (1, h, w), 255 for everywhere.
    """

    frame: int
    planes: NDArray[np.uint8]
    label: NDArray[np.uint8]
    mask: NDArray[np.uint8]


class PlaceMaker:
    """A maker of the places of one clip.

    Args:
        model: blur model of the clip.
        is_selected: (T,) whether each frame is selected as sharp.
        side_px: side of a place, at most.
        seed: seed of what is drawn.
        workers: number of threads; the result does not depend on it.
    """

    def __init__(
        self, model: ExposureModel, is_selected: NDArray[np.bool_], side_px: int, seed: int, workers: int = 1
    ) -> None:
        self.model, self.is_selected, self.side_px, self.workers = model, is_selected, side_px, workers
        self._random = np.random.default_rng(seed)

    def exact(self, frames: Sequence[int], count: int, without: NDArray[np.intp]) -> list[Place]:
        """Make exact places, at least one; frame after frame in turn.

        Args:
            frames: sharp frames that are blurred again.
            count: number of places.
            without: sharp frames that must not be candidates.
        """
        moves = ~self.is_selected & ~self.model.confirmed_sharp(~self.is_selected)
        donors = np.flatnonzero(moves if moves.any() else ~self.is_selected)
        sources = np.setdiff1d(np.flatnonzero(self.is_selected), without)
        jobs = [
            (
                int(frames[k % len(frames)]),
                int(self._random.choice(donors)),
                self._box(),
                int(self._random.integers(2**32)),
            )
            for k in range(count)
        ]
        return list(thread_map(lambda job: self._exact(*job, sources), jobs, self.workers))

    def warped(self, count: int, without: NDArray[np.intp]) -> list[Place]:
        """Make warped places, each of a blurry frame and its nearest sharp frame before or after.

        Args:
            count: number of places.
            without: sharp frames that must be neither labels nor candidates.
        """
        blurry = self._random.permutation(np.flatnonzero(~self.is_selected))
        sources = np.setdiff1d(np.flatnonzero(self.is_selected), without)
        jobs = []
        for k in range(count):
            index = int(blurry[k % len(blurry)])
            near = sharp_neighbours(index, sources)
            jobs.append((index, int(self._random.choice(near)), self._box()))
        return list(thread_map(lambda job: self._warped(*job, sources), jobs, self.workers))

    def judging(self, frames: NDArray[np.intp]) -> list[Place]:
        """Make warped places whose labels are these sharp frames, of each blurry frame within two frames of one.

        Args:
            frames: sharp frames, which are labels here and candidates of none.
        """
        sources = np.setdiff1d(np.flatnonzero(self.is_selected), frames)
        jobs = [
            (int(index), int(frame), self._box())
            for frame in frames
            for index in np.flatnonzero(~self.is_selected)
            if abs(index - frame) <= _REACH_FRAMES
        ]
        return list(thread_map(lambda job: self._warped(*job, sources), jobs, self.workers))

    def _box(self) -> tuple[slice, slice]:
        parts = []
        for length in self.model.aligner.frames.shape[1:3]:
            side = min(self.side_px, length)
            first = int(self._random.integers(0, length - side + 1))
            parts.append(slice(first, first + side))
        return parts[0], parts[1]

    def _cut(self, frames: Sequence[int], box: tuple[slice, slice]) -> ExposureModel:
        """Return the blur model of a part of some frames."""
        whole = self.model.aligner
        part = np.stack([whole.eight_bits(k)[box] for k in frames])
        return replace(self.model, aligner=Aligner(part, whole.preset, whole.scale, alignment=whole.alignment))

    def _exact(self, frame: int, donor: int, box: tuple[slice, slice], seed: int, sources: NDArray[np.intp]) -> Place:
        """Blur a sharp frame again as the donor was, and put it in the donor's place among sharp frames."""
        last, random = len(self.is_selected) - 1, np.random.default_rng(seed)
        before, after = (_distance(donor, sources, side) for side in (-1, 1))
        near = np.array([k for k in sources if k <= frame - before or k >= frame + after], np.intp)
        kept = sharp_neighbours(frame, near, _EACH_SIDE)
        around = sorted({frame, *kept, *(k for k in (frame - 1, frame + 1) if 0 <= k <= last)})
        there = self._cut(around, box)
        # a donor's motion is estimated from the frames beside it, hence two more at each end
        run = range(max(0, donor - 2), min(last, donor + 2) + 1)
        donors = self._cut(run, box)
        pictures, hidden = list(there.aligner.frames), list[int]()
        for place, k in enumerate(around):
            if k != frame and (k in kept or not self.is_selected[k]):
                continue
            if (like := donor + k - frame) in run:
                pictures[place] = _blurred(pictures[place], donors, like - run.start, random)
            else:
                hidden.append(place)
        made = replace(there, aligner=replace(there.aligner, frames=np.stack(pictures)))
        place = around.index(frame)
        motion = donors.motion(donor - run.start)  # the sharp frame's own is that of a camera that held still
        planes = frame_planes(made, place, _places(around, kept), hidden, motion).planes
        label = there.aligner.frames[place]
        return _place(frame, planes, np.asarray(label, np.float32), np.ones(label.shape[:2], np.float32))

    def _warped(self, index: int, label: int, box: tuple[slice, slice], sources: NDArray[np.intp]) -> Place:
        last = len(self.is_selected) - 1
        kept = sharp_neighbours(index, sources[sources != label], _EACH_SIDE)
        around = sorted({index, label, *kept, *(k for k in (index - 1, index + 1) if 0 <= k <= last)})
        there = self._cut(around, box)
        target, source = around.index(index), around.index(label)
        unseen = [place for place, k in enumerate(around) if self.is_selected[k] and (k == label or k not in sources)]
        planes = frame_planes(there, target, _places(around, kept), unseen).planes
        return _place(label, planes, there.aligner.warped(target, source), there.aligner.mask(target, source))


def _places(around: Sequence[int], kept: Sequence[int]) -> NDArray[np.intp]:
    return np.array([place for place, k in enumerate(around) if k in kept], np.intp)


def _place(frame: int, planes: NDArray[np.float32], label: NDArray[np.float32], mask: NDArray[np.float32]) -> Place:
    return Place(
        frame,
        np.rint(planes).astype(np.uint8),
        np.rint(label.transpose(2, 0, 1)).astype(np.uint8),
        np.rint(255 * mask[None]).astype(np.uint8),
    )


def _blurred(frame: Frame, donors: ExposureModel, like: int, random: np.random.Generator) -> Frame:
    """Blur a frame along about the donor's path, and add the noise that it then lacks compared with the donor."""
    motion = donors.motion(like)
    length = donors.tau * float(np.median(np.hypot(motion[..., 0], motion[..., 1])))
    path = np.array(
        [random.uniform(*_GAINS), *random.normal(0, _LINE * length, 2), *random.normal(0, _BEND * length, 2)]
    )
    picture = to_display(blur_again(frame, motion, path, donors.tau))
    lacking = noise_levels(donors.aligner.eight_bits(like)) ** 2 - noise_levels(picture) ** 2
    noise = random.normal(0.0, np.sqrt(max(0.0, lacking)), picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255).round(), np.uint8)


def _distance(index: int, selected: NDArray[np.intp], side: int) -> int:
    """Return the distance to the nearest selected frame on a side, in frames; 1 where there is none."""
    return min((side * (int(k) - index) for k in selected if side * (int(k) - index) > 0), default=1)
