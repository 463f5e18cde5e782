"""Draw the crops and questions of a study, by a seed, from the restored frames of several methods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from hvdbench.annotate.study.design import CROPS, Kind, Question, Study, write_study
from hvdbench.errors import InputError
from hvdbench.frames import Frame, write_frame
from hvdbench.workspace.progress import Progress, silent

SIDE_PX = 720
"""Side of a crop where frames are that large."""
_BLUR, _LEAST_BLUR_PX = 0.012, 2.0  # standard deviation of the blurred copy of a check: 8.6 px of a side of 720 px
_CLEAR_SHARE = 2 / 3  # of the checks; the others show one crop twice


class ClipFrames(Protocol):
    """The frames of a clip, uint8 RGB (H, W, 3) each, of which only the drawn ones are read."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Frame: ...


@dataclass(frozen=True)
class StudyClip:
    """A clip that all methods restored.

    Attributes:
        name: the clip's name.
        open: function that returns the frames of each method by its name; called once.
        skipped: frames that are asked about only where the clip has no others, such as those that methods learn from.
    """

    name: str
    open: Callable[[], Mapping[str, ClipFrames]]
    skipped: frozenset[int] = frozenset()


@dataclass(frozen=True)
class StudyRequest:
    """What a study is to ask.

    Attributes:
        methods: the methods' names, at least two.
        made_from: the folder of each.
        against: the method that all others are compared with; None to compare every pair.
        crops: crops of each pair of methods.
        checks: attention checks.
        side_px: side of a crop, px; frames that are smaller are shown as far as they go.
        seed: seed of clips, frames and places, and of each voter's order and sides.
    """

    methods: Sequence[str]
    made_from: Mapping[str, str]
    against: str | None = None
    crops: int = 20
    checks: int = 6
    side_px: int = SIDE_PX
    seed: int = 0

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs that are compared.

        Raises:
            InputError: if there are fewer than two methods, or the one to compare with is not among them.
        """
        if len(self.methods) < 2:
            raise InputError(f"a study compares two methods or more, found {len(self.methods)}: name another folder")
        if self.against is None:
            return list(combinations(self.methods, 2))
        if self.against not in self.methods:
            raise InputError(f"'{self.against}' is not among the methods ({', '.join(self.methods)})")
        return [(self.against, name) for name in self.methods if name != self.against]


@dataclass
class _Drawn:
    """The crops that were drawn, by their place in ``crops/``."""

    folder: Path
    count: int = 0
    questions: list[Question] = field(default_factory=list)
    detailed: list[tuple[float, Frame, Question]] = field(default_factory=list)

    def keep(self, crop: Frame) -> str:
        name = f"{self.count:06d}.png"
        self.count += 1
        write_frame(self.folder / CROPS / name, crop)
        return name

    def ask(
        self, kind: Kind, methods: tuple[str, str], crops: tuple[str, str], at: tuple[str, int, int, int]
    ) -> Question:
        clip, frame, left, top = at
        return Question(
            kind=kind, first=methods[0], second=methods[1], crops=crops, clip=clip, frame=frame, left=left, top=top
        )


def make_study(
    folder: Path, clips: Sequence[StudyClip], request: StudyRequest, progress: Progress = silent
) -> tuple[Study, list[str]]:
    """Draw a study and write it into an empty folder.

    Clips are taken in random order, about equally often; frame and place are uniform over a clip's frames and over the
    frame. A frame at which two compared methods are equal pixel for pixel is passed over: there is nothing to choose.

    Args:
        folder: the folder.
        clips: what all methods restored.
        request: what is asked.
        progress: function called with clips done, their number, and what is being done.

    Returns:
        The study, and a sentence for what it lacks.

    Raises:
        InputError: if methods differ in the number or size of frames, a frame cannot be read, or no frame of any clip
            shows a difference.
    """
    pairs, chance = request.pairs, np.random.default_rng(request.seed)
    (folder / CROPS).mkdir(parents=True, exist_ok=True)
    drawn = _Drawn(folder)
    order = [clips[index] for index in chance.permutation(len(clips))]
    left = request.crops
    for done, clip in enumerate(order):
        progress(done, len(order), f"draw crops: {clip.name}")
        wanted = math.ceil(left / (len(order) - done))
        left -= _draw_clip(drawn, clip, wanted, pairs, request, chance)
    progress(len(order), len(order), "draw crops")
    if not drawn.questions:
        raise InputError(
            f"the methods {', '.join(request.methods)} restored the same pixels wherever they were compared: nothing "
            "could be chosen"
        )
    _draw_checks(drawn, request.checks)
    study = Study(
        seed=request.seed,
        methods=tuple(request.methods),
        made_from=dict(request.made_from),
        questions=tuple(drawn.questions),
    )
    write_study(folder, study)
    found = request.crops - left
    said = [f"only {found} of {request.crops} crops were found at which all compared methods differ"] if left else []
    return study, said


def _draw_clip(
    drawn: _Drawn,
    clip: StudyClip,
    wanted: int,
    pairs: Sequence[tuple[str, str]],
    request: StudyRequest,
    chance: np.random.Generator,
) -> int:
    """Draw crops of a clip, and return how many were found."""
    if wanted <= 0:
        return 0
    frames = clip.open()
    count = _common_length(clip.name, frames)
    shuffled = [int(index) for index in chance.permutation(count)]
    shuffled.sort(key=lambda index: index in clip.skipped)  # a stable sort: the others keep their random order
    found = 0
    for index in shuffled:
        if found == wanted:
            break
        pictures = {method: frames[method][index] for method in request.methods}
        height, width = _common_size(clip.name, index, pictures)
        tall, wide = min(request.side_px, height), min(request.side_px, width)
        top, left = int(chance.integers(height - tall + 1)), int(chance.integers(width - wide + 1))
        crops = {name: picture[top : top + tall, left : left + wide] for name, picture in pictures.items()}
        if any(np.array_equal(crops[first], crops[second]) for first, second in pairs):
            continue
        found += 1
        files = {name: drawn.keep(crop) for name, crop in crops.items()}
        at = (clip.name, index, left, top)
        drawn.questions += [drawn.ask("pair", pair, (files[pair[0]], files[pair[1]]), at) for pair in pairs]
        seen = {method: _seen_blur(crop) for method, crop in crops.items()}
        method = max(seen, key=lambda name: seen[name])  # a blurred copy of what is blurred already looks the same
        check = drawn.ask("same", (method, method), (files[method], files[method]), at)
        drawn.detailed.append((seen[method], crops[method], check))
        # only as many pictures are kept as there are checks
        drawn.detailed = sorted(drawn.detailed, key=lambda one: -one[0])[: max(1, request.checks)]
    return found


def _draw_checks(drawn: _Drawn, checks: int) -> None:
    """Add the attention checks, on the crops where blur is seen best; a flat wall looks the same when it is blurred."""
    if checks <= 0:
        return
    kinds = ["clear"] * math.ceil(checks * _CLEAR_SHARE)
    kinds += ["same"] * (checks - len(kinds))
    for number, kind in enumerate(kinds):
        _, crop, check = drawn.detailed[number % len(drawn.detailed)]
        if kind == "clear":
            blurred = drawn.keep(_blurred(crop))
            check = check.model_copy(update={"kind": "clear", "crops": (check.crops[0], blurred)})
        drawn.questions.append(check)


def _blurred(crop: Frame) -> Frame:
    sigma_px = max(_LEAST_BLUR_PX, _BLUR * max(crop.shape[:2]))
    return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(crop), (0, 0), sigma_px), np.uint8)


def _seen_blur(crop: Frame) -> float:
    """Return by how many levels a crop changes on average if it is blurred."""
    return float(np.abs(crop.astype(np.int16) - _blurred(crop)).mean())


def _common_length(clip: str, frames: Mapping[str, ClipFrames]) -> int:
    lengths = {method: len(own) for method, own in frames.items()}
    (first, count), *others = lengths.items()
    for method, length in others:
        if length != count:
            raise InputError(
                f"clip '{clip}' has {count} frames of '{first}' and {length} of '{method}': a study compares the same "
                "frames"
            )
    return count


def _common_size(clip: str, frame: int, pictures: Mapping[str, Frame]) -> tuple[int, int]:
    (first, picture), *others = pictures.items()
    height, width = picture.shape[:2]
    for method, other in others:
        if other.shape != picture.shape:
            raise InputError(
                f"frame {frame} of clip '{clip}' has {width}x{height} px of '{first}' and "
                f"{other.shape[1]}x{other.shape[0]} of '{method}': a study compares frames of one size"
            )
    return height, width
