"""Lay the films of two cameras over each other: roughly in time, then in space, and then frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, Gray, to_gray
from hvdbench.ingest.two_cameras import (
    Exposed,
    Match,
    Matrix,
    SharpFilm,
    correct_colours,
    covered_box,
    estimate_homography,
    find_position,
    fit_colours,
    middle_homography,
)
from hvdbench.metrics.fidelity import PSNR_CAP_DB, psnr
from hvdbench.response import Response
from hvdbench.sources.interpolation import shrink_gray
from hvdbench.workspace.progress import Progress, silent

_COARSE_PX = 160  # width at which the films are laid over each other in time
_ANCHORS = 5  # blurry frames by which both films are aligned
_AROUND = 2  # fast frames before and after the expected position that are searched
_ROUNDS = 2  # of homography and positions, each of which makes the other better


@dataclass(frozen=True)
class Matched:
    """The clip that was made of two films.

    Attributes:
        H: the homography from px of the sharp pictures to px of the blurry ones.
        box: left, top, right, bottom of the part of the blurry pictures that both cameras see.
        frames: the numbers of the blurry frames that lie within the sharp film.
        matches: the position and colours of each.
    """

    H: Matrix
    box: tuple[int, int, int, int]
    frames: tuple[int, ...]
    matches: tuple[Match, ...]


def match_films(
    sharp: Frames,
    blurry: Frames,
    exposed: Exposed,
    response: Response,
    search: int,
    *,
    H: Matrix | None = None,
    progress: Progress = silent,
) -> Matched:
    """Align two films in space and time.

    Args:
        sharp: the fast film, uint8 RGB (S, h, w, 3).
        blurry: the slow film, uint8 RGB (T, H, W, 3).
        exposed: how one slow frame lies over the fast ones.
        response: of both cameras.
        search: by how many fast frames the beginnings may lie apart.
        H: the homography, where it is known.
        progress: function called with blurry frames done, their number, and the stage.

    Raises:
        InputError: if the films do not overlap, or no homography is found.
    """
    size = (blurry.shape[2], blurry.shape[1])
    offset = coarse_offset(sharp, blurry, exposed, search)
    expected = {
        index: Fraction(offset + exposed.frames * index)
        for index in range(len(blurry))
        if 0 <= offset + exposed.frames * index <= len(sharp) - exposed.frames
    }
    if not expected:
        raise InputError("no blurry frame lies within the sharp film: film longer, or search further (--search)")
    found = H if H is not None else _homography(sharp, blurry, expected, exposed, response)
    box = covered_box(found, (sharp.shape[2], sharp.shape[1]), size)
    film = SharpFilm(sharp, response, found, box, size)
    matches, drift = [], Fraction(0)
    for done, (index, start) in enumerate(expected.items()):
        progress(done, len(expected), "find positions")
        match = _refined(film, blurry, index, start + drift, exposed, response)
        drift = match.start - start  # the clocks of two cameras drift apart slowly
        matches.append(match)
    progress(len(expected), len(expected), "find positions")
    return Matched(found, box, tuple(expected), tuple(matches))


def _homography(
    sharp: Frames, blurry: Frames, expected: dict[int, Fraction], exposed: Exposed, response: Response
) -> Matrix:
    """Estimate the homography and the positions of some blurry frames together.

    A camera that moves shows the same shift whether it is displaced or late, so that neither can be found alone: for
    each offset in time one homography is fitted to all frames, and that with which they are closest is kept. Then
    positions and homography are refined in turn.
    """
    size, indices = (blurry.shape[2], blurry.shape[1]), list(expected)
    anchors = dict.fromkeys(indices[round(place)] for place in np.linspace(0, len(indices) - 1, _ANCHORS))
    unaligned, as_they_are = SharpFilm(sharp, response), np.eye(3, 4)
    reach = round(_AROUND / exposed.step)
    best: tuple[float, Matrix, dict[int, Match]] | None = None
    for step in sorted(range(-reach, reach + 1), key=abs):
        starts = {at: expected[at] + step * exposed.step for at in anchors}
        guesses = {at: Match(start, as_they_are, 0.0) for at, start in starts.items() if _fits(start, sharp, exposed)}
        H = _aligned(unaligned, blurry, guesses, exposed, response, None) if guesses else None
        if H is None:
            continue
        closeness = float(np.mean([_closeness(unaligned, blurry, at, one.start, H, exposed, response)
                                   for at, one in guesses.items()]))  # fmt: skip
        if best is None or closeness > best[0]:
            best = closeness, H, guesses
    if best is None:
        raise InputError(
            "the pictures of the two cameras could not be aligned: film a scene with more detail, or give the "
            "homography of your own calibration (--homography)"
        )
    _, found, guesses = best
    for _ in range(_ROUNDS):
        film = SharpFilm(sharp, response, found, covered_box(found, (sharp.shape[2], sharp.shape[1]), size), size)
        guesses = {at: _refined(film, blurry, at, one.start, exposed, response) for at, one in guesses.items()}
        refined = _aligned(unaligned, blurry, guesses, exposed, response, found)
        found = found if refined is None else refined
    return found


def _fits(start: Fraction, sharp: Frames, exposed: Exposed) -> bool:
    return 0 <= start <= len(sharp) - exposed.frames


def _closeness(
    film: SharpFilm, blurry: Frames, index: int, start: Fraction, H: Matrix, exposed: Exposed, response: Response
) -> float:
    """Return the PSNR of a made blurry frame that is warped by a homography and corrected, dB."""
    fake, size = film.mean(exposed.fine_places(start)), (blurry.shape[2], blurry.shape[1])
    left, top, right, bottom = covered_box(H, (fake.shape[1], fake.shape[0]), size)
    warped = np.asarray(cv2.warpPerspective(fake, H, size, flags=cv2.INTER_CUBIC), np.float32)
    picture = np.ascontiguousarray(blurry[index, top:bottom, left:right])
    light = np.ascontiguousarray(warped[top:bottom, left:right])
    M = fit_colours(light, response.to_light(picture))
    return min(psnr(response.to_display(correct_colours(M, light)), picture), PSNR_CAP_DB)


def coarse_offset(sharp: Frames, blurry: Frames, exposed: Exposed, search: int) -> int:
    """Find the fast frame at which the first slow frame begins, by small gray pictures that need no alignment.

    For each offset the gray means of the windows are correlated with some of the blurry frames; the largest mean
    correlation wins, the offset nearest 0 of equally good ones.

    Args:
        sharp, blurry: both films, uint8 RGB.
        exposed: how one slow frame lies over the fast ones.
        search: the largest offset, fast frames, in both directions.

    Raises:
        InputError: if no offset lays a blurry frame into the sharp film.
    """
    fast = np.stack([_small(frame) for frame in sharp])
    sums = np.concatenate([np.zeros((1, *fast.shape[1:])), np.cumsum(fast, axis=0)])
    means = (sums[exposed.frames :] - sums[: -exposed.frames]) / exposed.frames  # (S - R + 1, h, w)
    indices = sorted({round(place) for place in np.linspace(0, len(blurry) - 1, _ANCHORS)})
    slow = {index: _small(blurry[index], fast.shape[2:0:-1]) for index in indices}
    best: tuple[float, int] | None = None
    for offset in sorted(range(-search, search + 1), key=abs):
        places = {index: offset + exposed.frames * index for index in indices}
        scores = [_alike(slow[index], means[at]) for index, at in places.items() if 0 <= at < len(means)]
        if scores and (best is None or float(np.mean(scores)) > best[0] + 1e-9):
            best = float(np.mean(scores)), offset
    if best is None:
        raise InputError("the two films do not overlap in time: film longer, or search further (--search)")
    return best[1]


def _small(frame: Frame, size: Sequence[int] | None = None) -> NDArray[np.float64]:
    gray: Gray = shrink_gray(to_gray(frame), _COARSE_PX)
    if size is not None:
        gray = np.asarray(cv2.resize(gray, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA), np.uint8)
    return gray.astype(np.float64)


def _alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the correlation coefficient of two pictures; 0 where one is flat."""
    x, y = a - a.mean(), b - b.mean()
    length = float(np.sqrt(np.square(x).sum() * np.square(y).sum()))
    return float((x * y).sum()) / length if length > 0 else 0.0


def _aligned(
    film: SharpFilm,
    blurry: Frames,
    guesses: dict[int, Match],
    exposed: Exposed,
    response: Response,
    before: Matrix | None,
) -> Matrix | None:
    """Estimate the homography from several blurry frames, each against the corrected mean of its sharp window."""
    found, size = [], (0, 0)
    for index, guess in guesses.items():
        light = correct_colours(guess.colours, film.mean(exposed.fine_places(guess.start)))
        size = (light.shape[1], light.shape[0])
        H = estimate_homography(response.to_display(light), blurry[index], before)
        if H is not None:
            found.append(H)
    return middle_homography(found, size) if found else None


def _refined(
    film: SharpFilm, blurry: Frames, index: int, start: Fraction, exposed: Exposed, response: Response
) -> Match:
    """Find the position of a blurry frame around an expected one, in steps of one sub-frame."""
    left, top, right, bottom = film.box
    steps = round(_AROUND / exposed.step)
    near = sorted(range(-steps, steps + 1), key=abs)
    first = exposed.step * round(start / exposed.step)
    picture = np.ascontiguousarray(blurry[index, top:bottom, left:right])
    match = find_position(picture, film, (first + step * exposed.step for step in near), exposed, response)
    if match is None:
        raise InputError(f"blurry frame {index} lies outside the sharp film: film longer with the fast camera")
    return match
