"""Faces and fingertips: errors by hand, and detectors that are loaded from made ONNX files."""

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hvdbench.errors import InputError, WeightsError
from hvdbench.metrics import trajectories
from hvdbench.metrics.opening import open_measure, problem_with
from hvdbench.metrics.trajectories import FACE, HAND, fingertip_error, landmark_error, trajectory_error
from hvdbench.weights import finding, registry

onnx = pytest.importorskip("onnx")
SIDE = 32


def dot(x: int, y: int) -> np.ndarray:
    """Draw a white square of 9 px about a place on black, 96x64."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[y - 4 : y + 5, x - 4 : x + 5] = 255
    return picture


def write_model(path: Path, points: int, *, colours_first: bool, in_px: bool, coordinates: int) -> None:
    """Write a model whose points all lie at the centre of light, as shares of the picture or px of its input."""
    from onnx import TensorProto, helper, numpy_helper

    axis = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    if in_px:
        axis = axis * SIDE
    shape = [1, 3, SIDE, SIDE] if colours_first else [1, SIDE, SIDE, 3]
    grid_x = np.broadcast_to(axis[None, :], (SIDE, SIDE))
    grid_y = np.broadcast_to(axis[:, None], (SIDE, SIDE))
    if colours_first:
        weights = [np.broadcast_to(grid, (1, 3, SIDE, SIDE)).copy() for grid in (grid_x, grid_y)]
    else:
        weights = [np.broadcast_to(grid[..., None], (1, SIDE, SIDE, 3)).copy() for grid in (grid_x, grid_y)]
    nodes = [helper.make_node("ReduceSum", ["picture"], ["light"], keepdims=0)]
    for name in ("x", "y"):
        nodes.append(helper.make_node("Mul", ["picture", f"grid_{name}"], [f"by_{name}"]))
        nodes.append(helper.make_node("ReduceSum", [f"by_{name}"], [f"sum_{name}"], keepdims=0))
        nodes.append(helper.make_node("Div", [f"sum_{name}", "light"], [f"at_{name}"]))
        nodes.append(helper.make_node("Reshape", [f"at_{name}", "one"], [f"one_{name}"]))
    parts = ["one_x", "one_y"] + ["zero"] * (coordinates - 2)
    nodes.append(helper.make_node("Concat", parts, ["point"], axis=0))
    nodes.append(helper.make_node("Tile", ["point", "count"], ["flat"]))
    nodes.append(helper.make_node("Reshape", ["flat", "row"], ["points"]))
    constants = [
        numpy_helper.from_array(weights[0].astype(np.float32), "grid_x"),
        numpy_helper.from_array(weights[1].astype(np.float32), "grid_y"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.zeros(1, np.float32), "zero"),
        numpy_helper.from_array(np.array([points], np.int64), "count"),
        numpy_helper.from_array(np.array([1, points * coordinates], np.int64), "row"),
    ]
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("points", TensorProto.FLOAT, [1, points * coordinates])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write both models into a folder of weights; the hand's published digest is replaced by the made file's."""
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    write_model(tmp_path / "pfld.onnx", 68, colours_first=True, in_px=False, coordinates=2)
    hand = tmp_path / "handpose_estimation_mediapipe_2023feb.onnx"
    write_model(hand, 21, colours_first=False, in_px=True, coordinates=3)
    digest = hashlib.sha256(hand.read_bytes()).hexdigest()
    known = tuple(replace(one, sha256=digest) if one.name == HAND.weights else one for one in registry.KNOWN)
    monkeypatch.setattr(registry, "KNOWN", known)
    monkeypatch.setattr(finding, "KNOWN", known)
    open_measure.cache_clear()
    yield tmp_path
    open_measure.cache_clear()


def test_errors_by_hand() -> None:
    truth = np.zeros((68, 2))
    moved = truth + np.array([3.0, 1.0])
    assert landmark_error(moved, truth) == pytest.approx((9 + 1) / 2)
    hand, other = np.zeros((21, 2)), np.zeros((21, 2))
    other[8], other[9] = (3.0, 4.0), (100.0, 0.0)
    assert fingertip_error(other, hand) == 5.0
    with pytest.raises(InputError, match="detector changed"):
        landmark_error(moved[:5], truth)


def test_a_trajectory_is_turned_as_a_whole() -> None:
    truth = np.stack([dot(20 + 8 * step, 30) for step in range(7)])

    def detect(frame: np.ndarray) -> np.ndarray:
        return np.tile(np.argwhere(frame[..., 0] == 255).mean(axis=0)[::-1], (68, 1))

    ahead = np.stack([dot(22 + 8 * step, 30) for step in range(7)])
    assert trajectory_error(ahead, truth, detect, landmark_error) == pytest.approx(2.0)
    assert trajectory_error(ahead[::-1], truth, detect, landmark_error) == pytest.approx(2.0)
    still = np.repeat(dot(44, 30)[None], 7, axis=0)
    assert trajectory_error(still, truth, detect, landmark_error) == pytest.approx(np.mean([9, 4, 1, 0, 1, 4, 9]) * 32)


@pytest.mark.parametrize(("detector", "points"), [(FACE, 68), (HAND, 21)])
def test_a_detector_is_loaded_and_finds_px_of_the_frame(
    folder: Path, detector: trajectories.Detector, points: int
) -> None:
    detect, identity = detector.open()
    assert identity.startswith(f"{detector.weights}, sha256 ")
    for x, y in ((30, 20), (70, 44)):
        found = detect(dot(x, y))
        assert found.shape == (points, 2)
        np.testing.assert_allclose(found, np.tile([x + 0.5, y + 0.5], (points, 1)), atol=0.3)  # px' edges, not centres


def test_both_metrics_measure_a_sequence(folder: Path) -> None:
    truth = np.stack([dot(20 + 8 * step, 30) for step in range(7)])
    moved = np.stack([dot(26 + 8 * step, 38) for step in range(7)])
    tip = open_measure("fingertip_error").start()(moved[None, ::-1], truth)
    assert tip == {"fingertip_error": pytest.approx(10.0, abs=0.2)}
    face = open_measure("landmark_error").start()(moved[None], truth)
    assert face == {"landmark_error": pytest.approx((36 + 64) / 2, abs=2)}


def test_a_missing_or_changed_detector_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    told = problem_with("landmark_error", has_truth=True, has_subframes=True)
    assert told is not None
    assert "pfld.onnx" in told
    assert "https://github.com/cunjian/pytorch_face_landmark" in told
    (tmp_path / "handpose_estimation_mediapipe_2023feb.onnx").write_bytes(b"not it")
    with pytest.raises(WeightsError, match=r"has sha256 .*, expected db0898ae717b"):
        HAND.open()
    (tmp_path / "pfld.onnx").write_bytes(b"not ONNX")
    with pytest.raises(WeightsError, match=r"pfld.onnx cannot be read as ONNX"):
        FACE.open()


def test_a_model_of_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    write_model(tmp_path / "pfld.onnx", 5, colours_first=True, in_px=False, coordinates=2)
    with pytest.raises(InputError, match="the coordinates of 68 points are expected"):
        FACE.open()


def test_the_made_square_is_where_it_is_said_to_be() -> None:
    assert cv2.moments(dot(30, 20)[..., 0], binaryImage=True)["m10"] / 81 == pytest.approx(30)
