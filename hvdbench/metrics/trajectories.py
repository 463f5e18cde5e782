"""Compare where a face or a fingertip moves in a restored sequence and in the true one (HyperCUT's Table 5).

The detectors are models of others in ONNX, which are asked for by name in the folder of weights; none comes with
hvdbench. Each sees the whole picture, scaled to its input: the pictures must be of a face or a hand, as RB2V's are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import Frame
from hvdbench.metrics.measure import Measure, Meter
from hvdbench.metrics.metric import Metric
from hvdbench.metrics.sequence import BothOrders, best_of
from hvdbench.weights.finding import find_weights
from hvdbench.weights.registry import check_sha256, known_weights
from hvdbench.workspace.manifest import file_sha256

Points = NDArray[np.float64]  # (P, 2), x first, px
Detect = Callable[[Frame], Points]

INDEX_FINGERTIP = 8
"""Place of the tip of the index finger among the 21 points of a hand of MediaPipe's models."""


@dataclass(frozen=True)
class Detector:
    """What is known about a model that finds points in a picture.

    Attributes:
        weights: its name among the known weights.
        points: the number of points that it finds.
        unit: of the coordinates: ``share`` of the picture's sides, or ``px`` of the model's input.
    """

    weights: str
    points: int
    unit: Literal["share", "px"]

    def missing(self) -> str | None:
        """Return the sentence about a file that is not here, or None."""
        try:
            find_weights(self.weights)
        except WeightsError as error:
            return str(error)
        return None

    def open(self) -> tuple[Detect, str]:
        """Open the model.

        Returns:
            The function that finds the points (P, 2) of a frame, px, and what identifies the model.

        Raises:
            WeightsError: if the file is missing, is not the published one, or cannot be read as ONNX.
            InputError: if ONNX Runtime is missing, or the model takes or gives something else.
        """
        path, known = find_weights(self.weights), known_weights(self.weights)
        if known.sha256:
            check_sha256(path, known.sha256)
        session = _session(path)
        given = session.get_inputs()[0]
        first, size = _layout(path, given.shape)
        place = _output_of(path, session, self.points)

        def detect(frame: Frame) -> Points:
            picture = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
            batch = picture.transpose(2, 0, 1)[None] if first else picture[None]
            found = np.asarray(session.run(None, {given.name: np.ascontiguousarray(batch)})[place], np.float64)
            points = found.reshape(self.points, -1)[:, :2]
            to_frame = np.array([frame.shape[1], frame.shape[0]], np.float64)
            return np.asarray(points * to_frame / (1.0 if self.unit == "share" else np.array(size, np.float64)))

        return detect, f"{self.weights}, sha256 {file_sha256(path)}"


FACE = Detector("face_landmarks_68", 68, "share")
HAND = Detector("hand_landmarks_21", 21, "px")


def landmark_error(restored: Points, truth: Points) -> float:
    """Return the mean squared error between the points of two faces, px².

    Args:
        restored: (P, 2), px.
        truth: of the same shape.

    Raises:
        InputError: if the shapes differ.
    """
    if restored.shape != truth.shape:
        raise InputError(f"points of {restored.shape} and {truth.shape} cannot be compared: a detector changed")
    return float(np.square(restored - truth).mean())


def fingertip_error(restored: Points, truth: Points) -> float:
    """Return the distance between the tips of the index fingers of two hands, px.

    Args:
        restored: (21, 2), px.
        truth: of the same shape.
    """
    return float(np.hypot(*(restored - truth)[INDEX_FINGERTIP]))


def trajectory_error(
    restored: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    detect: Detect,
    error: Callable[[Points, Points], float],
) -> float:
    """Return the mean error over the frames of a sequence, whose order is turned as a whole where that is smaller.

    Args:
        restored: uint8 RGB (N, H, W, 3).
        truth: of the same shape.
        detect: finds the points of a frame.
        error: compares the points of two frames.

    Raises:
        InputError: if the shapes differ.
    """
    if restored.shape != truth.shape:
        raise InputError(f"a restored sequence is {restored.shape} and the true one is {truth.shape}")
    ours, theirs = ([detect(frame) for frame in sequence] for sequence in (restored, truth))
    forward = np.array([error(one, other) for one, other in zip(ours, theirs, strict=True)])
    backward = np.array([error(one, other) for one, other in zip(ours[::-1], theirs, strict=True)])
    return float(BothOrders(forward, backward).scores("sequence", "lower").mean())


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError("ONNX Runtime is not installed: run pip install hvdbench[onnx]") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # nothing but fatal errors: a sentence of ours follows
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a family of its own for this
        raise WeightsError(f"{path} cannot be read as ONNX: download it again") from error


def _layout(path: Path, shape: list[Any]) -> tuple[bool, tuple[int, int]]:
    """Return whether a model takes the colours first, and the width and height of its input, px."""
    if len(shape) == 4 and shape[0] in (1, "batch", "N", None):
        first = shape[1] == 3
        sides = shape[2:] if first else shape[1:3]
        if (first or shape[3] == 3) and all(isinstance(side, int) and side > 0 for side in sides):
            return first, (int(sides[1]), int(sides[0]))
    raise InputError(f"{path} takes {shape}, and one picture (1, 3, H, W) or (1, H, W, 3) of a fixed size is expected")


def _output_of(path: Path, session: Any, points: int) -> int:
    """Return the place of the first output that holds two or three coordinates of each point."""
    for place, output in enumerate(session.get_outputs()):
        sides = [side for side in output.shape if isinstance(side, int)]
        if int(np.prod(sides)) in (2 * points, 3 * points):
            return place
    shapes = ", ".join(str(output.shape) for output in session.get_outputs())
    raise InputError(f"{path} gives {shapes}, and the coordinates of {points} points are expected")


def _meter(name: str, detect: Detect, error: Callable[[Points, Points], float]) -> Meter:
    def measure(candidates: Frame, truth: Frame | None) -> Mapping[str, float]:
        assert truth is not None
        return {name: trajectory_error(best_of(candidates, truth), truth, detect, error)}

    return measure


def _open(name: str, detector: Detector, error: Callable[[Points, Points], float], device: str) -> Measure:
    detect, identity = detector.open()
    return Measure(name, (name,), f"{name} 1, {identity}", partial(_meter, name, detect, error), "subframes")


LANDMARK_ERROR = Metric(
    "landmark_error",
    "landmark error",
    "px²",
    "lower",
    decimals=2,
    opener=partial(_open, "landmark_error", FACE, landmark_error),
    needs="subframes",
    missing=FACE.missing,
)
FINGERTIP_ERROR = Metric(
    "fingertip_error",
    "fingertip error",
    "px",
    "lower",
    decimals=2,
    opener=partial(_open, "fingertip_error", HAND, fingertip_error),
    needs="subframes",
    missing=HAND.missing,
)
