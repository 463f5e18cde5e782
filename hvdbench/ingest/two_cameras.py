"""Match the films of two cameras behind a beam splitter: a slow one that blurs and a fast one that does not.

The processing of RB2V (HyperCUT, Pham et al., CVPR 2023, section 4.2, Eq. 9 and 10, and Algorithm 1 of its supplement),
put right where the algorithm as printed cannot work; ``docs/blur2vid.md`` says where that is.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.frames import Frame, Frames, Gray, Image, to_gray
from hvdbench.metrics.fidelity import PSNR_CAP_DB, psnr
from hvdbench.response import Response
from hvdbench.sources.interpolation import FlowPair, between, estimate_pair

Matrix = NDArray[np.float64]

_DARKEST, _BRIGHTEST = 3, 250  # levels outside are cut off by a camera, and say nothing about its colours
_FEWEST_PIXELS = 64
_SOFT_PX = 2.0
_LEAST_SIDE_PX = 32
_ECC = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-7)
_ECC_BLUR_PX = 3
_RATIO_TEST, _RANSAC_PX, _FEWEST_MATCHES = 0.75, 3.0, 8
_KEPT_PICTURES, _KEPT_FLOWS = 96, 8


def fit_colours(x: Image, y: Image, known: NDArray[np.bool_] | None = None) -> Matrix:
    """Return the 3x4 matrix M that minimises ``|| M (x, 1) - y ||`` over pixels, by linear regression.

    Equation 1 of HyperCUT's supplement; its fourth column is an offset.

    Args:
        x: the picture to correct, (H, W, 3) float32 light.
        y: the picture whose colours it shall have, of the same shape.
        known: (H, W) True where a pixel counts; None for all.

    Returns:
        M, (3, 4) float64.

    Raises:
        InputError: if the shapes differ, or fewer than 64 pixels count.
    """
    if x.shape != y.shape or x.ndim != 3 or x.shape[2] != 3:
        raise InputError(f"colours are fitted between pictures (H, W, 3) of one size, found {x.shape} and {y.shape}")
    chosen = np.ones(x.shape[:2], np.bool_) if known is None else known
    if np.count_nonzero(chosen) < _FEWEST_PIXELS:
        raise InputError(
            f"{np.count_nonzero(chosen)} pixels are neither black nor white in both pictures, too few to fit colours"
        )
    places = np.column_stack([x[chosen].astype(np.float64), np.ones(np.count_nonzero(chosen))])
    found, *_ = np.linalg.lstsq(places, y[chosen].astype(np.float64), rcond=None)
    return np.asarray(found.T, np.float64)


def correct_colours(M: Matrix, light: Image) -> Image:
    """Apply a 3x4 colour matrix to light, (H, W, 3) float32; negative light becomes 0."""
    return np.asarray(np.maximum(light @ M[:, :3].T.astype(np.float32) + M[:, 3].astype(np.float32), 0), np.float32)


def estimate_homography(moving: Frame, fixed: Frame, start: Matrix | None = None) -> Matrix | None:
    """Estimate the homography that maps pixels of one camera's picture to those of the other's.

    It begins with matches of SIFT features and RANSAC, and is refined by maximising the enhanced correlation
    coefficient of the grays (Evangelidis & Psarakis, TPAMI 2008).

    Args:
        moving: the picture to be aligned, uint8 RGB (H, W, 3).
        fixed: the picture that it is aligned with, of any size.
        start: the homography to begin with; None: from features.

    Returns:
        The homography, (3, 3), of moving px to fixed px; None where none was found.
    """
    a, b = to_gray(moving), to_gray(fixed)
    first = _by_features(a, b) if start is None else start
    inverse = np.linalg.inv(np.eye(3) if first is None else first).astype(np.float32)
    try:
        _, refined = cv2.findTransformECC(b, a, inverse, cv2.MOTION_HOMOGRAPHY, _ECC, None, _ECC_BLUR_PX)  # type: ignore[call-overload]
    except cv2.error:  # it did not converge
        return first
    return np.asarray(np.linalg.inv(refined / refined[2, 2]), np.float64)


def _by_features(a: Gray, b: Gray) -> Matrix | None:
    sift = cv2.SIFT.create()
    (places_a, texts_a), (places_b, texts_b) = (sift.detectAndCompute(gray, None) for gray in (a, b))
    if texts_a is None or texts_b is None or min(len(texts_a), len(texts_b)) < _FEWEST_MATCHES:
        return None
    twos = cv2.BFMatcher().knnMatch(texts_a, texts_b, k=2)
    good = [two[0] for two in twos if len(two) == 2 and two[0].distance < _RATIO_TEST * two[1].distance]
    if len(good) < _FEWEST_MATCHES:
        return None
    ours = np.array([places_a[match.queryIdx].pt for match in good])
    theirs = np.array([places_b[match.trainIdx].pt for match in good])
    found, _ = cv2.findHomography(ours, theirs, cv2.RANSAC, _RANSAC_PX)
    return None if found is None else np.asarray(found, np.float64)


def middle_homography(found: Sequence[Matrix], size: tuple[int, int]) -> Matrix:
    """Return the homography that maps the corners of a picture to the medians of where several ones map them.

    Args:
        found: homographies, (3, 3) each.
        size: width and height of the picture that they map, px.
    """
    corners = corners_of(size)
    mapped = np.median([cv2.perspectiveTransform(corners[None], H)[0] for H in found], axis=0)
    return np.asarray(cv2.getPerspectiveTransform(corners.astype(np.float32), mapped.astype(np.float32)), np.float64)


def corners_of(size: tuple[int, int]) -> Matrix:
    """Return the corners of a picture, (4, 2) px: clockwise from the top left."""
    right, bottom = size[0] - 1.0, size[1] - 1.0
    return np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float64)


def covered_box(H: Matrix, moving: tuple[int, int], fixed: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom (half open) of the part of a picture that a warped one covers.

    Args:
        H: maps px of the moving picture to px of the fixed one.
        moving, fixed: widths and heights of the two pictures, px.

    Raises:
        InputError: if a side of what is covered is under 32 px.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = cv2.perspectiveTransform(corners_of(moving)[None], H)[0]
    left, top = int(np.ceil(max(x0, x3, 0))), int(np.ceil(max(y0, y1, 0)))
    right = int(np.floor(min(x1, x2, fixed[0] - 1))) + 1
    bottom = int(np.floor(min(y2, y3, fixed[1] - 1))) + 1
    if min(right - left, bottom - top) < _LEAST_SIDE_PX:
        raise InputError(
            f"the two cameras' pictures overlap by less than {_LEAST_SIDE_PX} px: film the same scene with both, or "
            "give the homography of your own calibration"
        )
    return left, top, right, bottom


class SharpFilm:
    """The fast camera's film as the slow camera would see it, at any time between its first and last frame.

    Args:
        frames: uint8 RGB (T, H, W, 3).
        response: of both cameras; pictures are warped, interpolated and averaged in its light.
        H: maps its pixels to the slow camera's, (3, 3); None: both see the same.
        box: left, top, right, bottom of the part of the slow camera's picture that is seen; None: all.
        size: width and height of the slow camera's picture; None: as the fast one's.
    """

    def __init__(
        self,
        frames: Frames,
        response: Response,
        H: Matrix | None = None,
        box: tuple[int, int, int, int] | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._frames, self._response = frames, response
        self._size = size or (frames.shape[2], frames.shape[1])
        self._H = np.eye(3) if H is None else H
        self.box = box or (0, 0, *self._size)
        self._pictures: OrderedDict[Fraction, Image] = OrderedDict()
        self._flows: OrderedDict[int, FlowPair] = OrderedDict()

    def __len__(self) -> int:
        return len(self._frames)

    def picture(self, place: Fraction) -> Image:
        """Return the picture at a place in the film, whole numbers being its frames: (H, W, 3) float32 light."""
        if place not in self._pictures:
            self._pictures[place] = self._frame(int(place)) if place.denominator == 1 else self._between(place)
            while len(self._pictures) > _KEPT_PICTURES:
                self._pictures.popitem(last=False)
        return self._pictures[place]

    def mean(self, places: Iterable[Fraction]) -> Image:
        """Return the mean of pictures at several places, (H, W, 3) float32 light."""
        total, count = np.zeros(0), 0
        for place in places:
            picture = self.picture(place).astype(np.float64)
            total, count = (total + picture if count else picture), count + 1
        return np.asarray(total / count, np.float32)

    def _frame(self, index: int) -> Image:
        light = self._response.to_light(self._frames[index])
        left, top, right, bottom = self.box
        if np.array_equal(self._H, np.eye(3)) and light.shape[1::-1] == self._size:
            return np.ascontiguousarray(light[top:bottom, left:right])
        shift = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
        warped = cv2.warpPerspective(
            light, shift @ self._H, (right - left, bottom - top), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        return np.asarray(np.clip(warped, 0.0, 1.0), np.float32)

    def _between(self, place: Fraction) -> Image:
        first = int(place)
        a, b = self.picture(Fraction(first)), self.picture(Fraction(first + 1))
        if first not in self._flows:
            grays = [to_gray(self._response.to_display(light)) for light in (a, b)]
            self._flows[first] = estimate_pair(*grays)
            while len(self._flows) > _KEPT_FLOWS:
                self._flows.popitem(last=False)
        return between(a, b, self._flows[first], float(place - first))


@dataclass(frozen=True)
class Exposed:
    """How one exposure of the slow camera lies over the fast camera's film.

    Attributes:
        frames: fast frames that one exposure lasts, R; the first and the last of them are the ends of its sub-frames.
        subframes: the number N of sharp sub-frames of an exposure; N - 1 is a multiple of R - 1.
        extra: pictures interpolated between two sub-frames for the made blurry frame alone (2 in the paper: 19 in all).
    """

    frames: int
    subframes: int = 7
    extra: int = 2

    def __post_init__(self) -> None:
        if self.frames < 2 or self.subframes < 3 or self.subframes % 2 == 0 or (self.subframes - 1) % (self.frames - 1):
            raise InputError(
                f"of {self.frames} fast frames to each slow one, {self.subframes} sub-frames cannot be made evenly: "
                "an odd number is needed, of which one less is a multiple of the fast frames less one"
            )

    @property
    def step(self) -> Fraction:
        """From one sub-frame to the next, in fast frames."""
        return Fraction(self.frames - 1, self.subframes - 1)

    def places(self, start: Fraction) -> list[Fraction]:
        """Return the places of the N sub-frames of an exposure that begins at a place."""
        return [start + number * self.step for number in range(self.subframes)]

    def fine_places(self, start: Fraction) -> list[Fraction]:
        """Return the places of all pictures that the made blurry frame is the mean of."""
        fine = self.step / (self.extra + 1)
        return [start + number * fine for number in range((self.subframes - 1) * (self.extra + 1) + 1)]


@dataclass(frozen=True)
class Match:
    """Where a blurry frame lies in the fast camera's film.

    Attributes:
        start: the place of the first sub-frame, p of Eq. 10, in fast frames.
        colours: the 3x4 matrix C of Eq. 9, from the fast camera's colours to the slow one's.
        psnr: of the made blurry frame, corrected, against the real one, dB.
    """

    start: Fraction
    colours: Matrix
    psnr: float


def find_position(
    blurry: Frame, film: SharpFilm, starts: Iterable[Fraction], exposed: Exposed, response: Response
) -> Match | None:
    """Find where a blurry frame lies in the fast film (Eq. 10): ``p = argmax_i PSNR(C_i(fake_i), y)``.

    ``fake_i`` is the mean light of the pictures of a window, and ``C_i`` the colour matrix fitted from it to y. For the
    fit alone both are smoothed, since what their fine detail differs by would draw the matrix towards 0.

    Args:
        blurry: y, uint8 RGB (H, W, 3).
        film: the fast film, as the slow camera sees it.
        starts: the positions i to try; those whose window reaches past the film are left out.
        exposed: what lies in a window.
        response: of the blurry frame.

    Returns:
        The best position, the first of several equally good ones; None where every window reaches past the film.
    """
    light = response.to_light(blurry)
    soft, inside = _soft(light), _is_inside(blurry)
    best: Match | None = None
    for start in starts:
        if start < 0 or start + exposed.frames - 1 > len(film) - 1:
            continue
        fake = film.mean(exposed.fine_places(start))
        levels = response.to_display(fake)
        M = fit_colours(_soft(fake), soft, inside & _is_inside(levels))
        close = min(psnr(response.to_display(correct_colours(M, fake)), blurry), PSNR_CAP_DB)
        if best is None or close > best.psnr:
            best = Match(start, M, close)
    return best


def _is_inside(levels: Frame) -> NDArray[np.bool_]:
    """Mark the pixels (H, W) of which no colour is cut off."""
    return np.asarray(((levels >= _DARKEST) & (levels <= _BRIGHTEST)).all(axis=2), np.bool_)


def _soft(light: Image) -> Image:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), _SOFT_PX), np.float32)
