import cv2
import numpy as np
import pytest
from made_shake import make_shake, make_texture

from hvdbench.labels.registration import fit_similarity
from hvdbench.realism.motion import FLOW_WIDTH_PX, view_motion


def _flow(zoom: float, turn: float, x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:64, :96].astype(np.float32)
    columns, rows = columns - 47.5, rows - 31.5
    return np.stack([zoom * columns - turn * rows + x, turn * columns + zoom * rows + y], axis=-1)


def test_a_similarity_is_found_exactly():
    found = fit_similarity(_flow(0.01, -0.02, 3.0, -4.0))
    np.testing.assert_allclose(found, [0.01, -0.02, 3.0, -4.0], atol=1e-6)


def test_a_thing_that_moves_by_itself_is_left_out():
    flow = _flow(0.0, 0.0, 2.0, 1.0)
    flow[10:40, 20:50] = (-9.0, 6.0)
    np.testing.assert_allclose(fit_similarity(flow), [0.0, 0.0, 2.0, 1.0], atol=1e-3)


def test_the_shift_of_a_shaken_view_is_measured():
    shake = make_shake(frames=6)
    found = view_motion(shake.sharp).shift_px
    np.testing.assert_allclose(found, np.diff(shake.centre_px, axis=0), atol=0.3)


def test_turn_and_zoom_have_the_sign_of_the_picture():
    picture = make_texture(200, 260).astype(np.uint8)
    move = cv2.getRotationMatrix2D((129.5, 99.5), -2.0, 1.03)  # OpenCV counts against the clock for positive angles
    frames = np.stack([picture, cv2.warpAffine(picture, move, (260, 200))])[..., None].repeat(3, axis=3)
    found = view_motion(frames)
    assert found.roll_deg[0] == pytest.approx(2.0, abs=0.15)
    assert found.zoom[0] == pytest.approx(0.03, abs=0.004)


def test_shifts_of_wide_frames_are_in_their_own_pixels():
    width = 2 * FLOW_WIDTH_PX
    picture = cv2.resize(make_texture(100, width // 4), (width, 400)).astype(np.uint8)
    frames = np.stack([picture, np.roll(picture, 12, axis=1)])[..., None].repeat(3, axis=3)
    assert view_motion(frames).shift_px[0] == pytest.approx([12.0, 0.0], abs=0.5)
