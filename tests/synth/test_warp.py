"""Plane homographies and compositing against closed forms."""

import numpy as np
import pytest

from hvdbench.sources.scene import Layer, centred_K
from hvdbench.synth.exposure.warp import apply_homography, plane_homography, render, render_alpha, window_of

W, HEIGHT, F = 160, 96, 120.0
K = centred_K(F, W, HEIGHT)
CENTRE = np.array([[(W - 1) / 2, (HEIGHT - 1) / 2]])


def moved(
    points: np.ndarray,
    rotation: tuple[float, float, float] = (0, 0, 0),
    position: tuple[float, float, float] = (0, 0, 0),
    lens: tuple[float, float] = (0, 0),
    depth_m: float = 2.0,
) -> np.ndarray:
    H = plane_homography(
        np.array([rotation], float),
        np.array([position], float),
        np.array([lens], float),
        K=K,
        K_texture=K,
        inverse_depth_1_m=1 / depth_m,
    )
    return apply_homography(H, points)[0] - points


def test_no_motion_moves_nothing() -> None:
    np.testing.assert_allclose(moved(CENTRE), 0, atol=1e-12)


def test_a_yaw_to_the_right_moves_the_picture_left_and_the_lens_brings_it_back() -> None:
    angle = np.radians(1.0)
    np.testing.assert_allclose(moved(CENTRE, (0, angle, 0)), [[-F * np.tan(angle), 0]], atol=1e-9)
    np.testing.assert_allclose(moved(CENTRE, (0, angle, 0), lens=(F * np.tan(angle), 0)), 0, atol=1e-9)


def test_a_pitch_up_moves_the_picture_down_and_the_lens_brings_it_back() -> None:
    angle = np.radians(1.0)
    np.testing.assert_allclose(moved(CENTRE, (angle, 0, 0)), [[0, F * np.tan(angle)]], atol=1e-9)
    np.testing.assert_allclose(moved(CENTRE, (angle, 0, 0), lens=(0, -F * np.tan(angle))), 0, atol=1e-9)


def test_the_lens_leaves_f_theta_x_squared_off_the_axis() -> None:
    angle = np.radians(0.3)
    edge = CENTRE + np.array([60.0, 0])
    field = np.arctan(60 / F)
    exact = F * (np.tan(field - angle) - np.tan(field) + np.tan(angle))
    left = moved(edge, (0, angle, 0), lens=(F * np.tan(angle), 0))
    np.testing.assert_allclose(left, [[exact, 0]], atol=1e-9)
    assert abs(left[0, 0]) == pytest.approx(F * angle * (60 / F) ** 2, rel=0.02)


def test_roll_moves_by_2_r_sin_half_whatever_the_lens_does() -> None:
    angle, radius = np.radians(2.0), 40.0
    point = CENTRE + np.array([radius, 0])
    for lens in ((0.0, 0.0), (3.0, -2.0)):
        displacement = moved(point, (0, 0, angle), lens=lens) - np.array([lens])
        assert np.linalg.norm(displacement) == pytest.approx(2 * radius * np.sin(angle / 2), rel=1e-9)


def test_a_lateral_move_shifts_all_by_f_t_over_z() -> None:
    points = CENTRE + np.array([[0, 0], [50, 20], [-30, -40]])
    np.testing.assert_allclose(moved(points, position=(0.1, 0, 0)), [[-F * 0.1 / 2, 0]] * 3, atol=1e-9)


def test_a_forward_move_spreads_by_r_dz_over_z_less_dz() -> None:
    point = CENTRE + np.array([50.0, 0])
    np.testing.assert_allclose(moved(point, position=(0, 0, 0.2)), [[50 * 0.2 / (2 - 0.2), 0]], atol=1e-9)


def test_a_plane_at_infinity_feels_no_move() -> None:
    np.testing.assert_allclose(moved(CENTRE, position=(1, 1, 1), depth_m=np.inf), 0, atol=1e-12)


def ramp(width: int, height: int) -> np.ndarray:
    return np.tile(np.linspace(0, 1, width, dtype=np.float32)[None, :, None], (height, 1, 3))


def test_a_whole_pixel_shift_copies_pixels() -> None:
    texture = np.random.default_rng(0).uniform(0, 1, (40, 60, 3)).astype(np.float32)
    H = np.array([[1.0, 0, -7], [0, 1, -3], [0, 0, 1]])
    np.testing.assert_allclose(render([Layer(texture, K)], [H], (40, 30)), texture[3:33, 7:47], atol=1e-6)


def test_half_coverage_mixes_light_evenly() -> None:
    below = np.full((20, 20, 3), 0.2, np.float32)
    above = np.dstack([np.full((20, 20, 3), 0.5 * 0.8), np.full((20, 20), 0.5)]).astype(np.float32)
    picture = render([Layer(below, K), Layer(above, K)], [np.eye(3)] * 2, (20, 20))
    np.testing.assert_allclose(picture[5:15, 5:15], 0.5, atol=1e-6)


def test_a_small_layer_is_drawn_whole_wherever_it_stands() -> None:
    below = np.zeros((96, 160, 3), np.float32)
    patch = np.zeros((24, 24, 4), np.float32)
    patch[4:20, 4:20] = 1.0
    for x, y in ((10.3, 7.7), (140.2, 80.1), (-12.0, -12.0), (400.0, 10.0)):
        H = np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])
        layers = [Layer(below, K), Layer(patch, K)]
        picture = render(layers, [np.eye(3), H], (W, HEIGHT))
        alpha = render_alpha(layers, [np.eye(3), H], (W, HEIGHT))[1]
        np.testing.assert_allclose(picture[..., 0], alpha, atol=1e-5)
    left, top, width, height = window_of(Layer(patch, K), H, (W, HEIGHT))
    assert width <= 0 or height <= 0
    assert left == W
    assert top == 12
