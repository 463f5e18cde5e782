"""A homography laid over flow: where one explains a pair, what stays with the flow, and that both ways agree."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hvdbench.errors import RecipeError
from hvdbench.flow import Flow, flow_dis, round_trip_px
from hvdbench.frames import Gray
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.planes import fit_plane, lay_plane, plane_flow
from hvdbench.methods.blur.refined_plane import fit_refined_plane, lay_refined_plane
from hvdbench.methods.recipe import load_method
from hvdbench.workspace.engine import thread_map

H, W = 120, 160
TURN = np.array([[1.01, -0.02, 3.0], [0.015, 0.99, -2.0], [4e-5, -3e-5, 1.0]])
BACK = np.linalg.inv(TURN)


def texture(height: int = H, width: int = W, seed: int = 3) -> Gray:
    random = np.random.default_rng(seed)
    picture = np.full((height, width), 128, np.float32)
    for grain in (4, 8, 16, 32):
        noise = random.normal(0, 28, (height // grain + 2, width // grain + 2)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def pair(back: NDArray[np.float64] = BACK) -> tuple[Gray, Gray]:
    """Two views of a wide texture; the second is the first, moved by ``TURN`` or the inverse of ``back``."""
    wide = texture(H + 80, W + 80)
    move = np.array([[1, 0, 40], [0, 1, 40], [0, 0, 1.0]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    b = cv2.warpPerspective(wide, move @ back, (W, H), flags=flags)
    return wide[40:-40, 40:-40].copy(), b


def noisy(flow: Flow, sigma_px: float = 0.15, seed: int = 0) -> Flow:
    return flow + np.random.default_rng(seed).normal(0, sigma_px, flow.shape).astype(np.float32)


def error_px(found: Flow, exact: Flow) -> NDArray[np.float32]:
    return np.asarray(np.hypot(*np.moveaxis(found - exact, -1, 0)), np.float32)


def test_the_flow_of_a_plane_is_what_its_homography_says():
    flow = plane_flow(TURN, H, W)
    points = np.array([[[0, 0]], [[100, 7]], [[W - 1, H - 1]]], np.float32)
    moved = cv2.perspectiveTransform(points, TURN)
    found = [flow[int(y), int(x)] for ((x, y),) in points]
    np.testing.assert_allclose(found, (moved - points)[:, 0], atol=1e-4)
    np.testing.assert_allclose(plane_flow(np.eye(3), H, W), 0, atol=1e-6)


def test_the_plane_is_found_in_noise_and_among_strangers():
    there, back = noisy(plane_flow(TURN, H, W)), noisy(plane_flow(BACK, H, W), seed=1)
    there[:20, :30] += 6  # a twentieth moves by itself, and does not lead back
    found = fit_plane(there, back)
    assert found is not None
    assert error_px(plane_flow(found, H, W), plane_flow(TURN, H, W)).max() < 0.15
    np.testing.assert_array_equal(fit_plane(there, back), found)


def test_a_scene_of_two_motions_is_no_plane():
    there, back = plane_flow(TURN, H, W), plane_flow(BACK, H, W)
    there[:, : W // 3] += (4, 0)
    back[:, : W // 3] -= (4, 0)
    assert fit_plane(there, back) is None
    a, b = pair()
    same_there, same_back = lay_plane(there, back, a, b)
    assert same_there is there
    assert same_back is back


def test_flows_that_nowhere_agree_are_left_alone():
    there, back = plane_flow(TURN, H, W), plane_flow(TURN, H, W) + 5
    assert fit_plane(there, back) is None
    small = np.zeros((5, 5, 2), np.float32)
    assert fit_plane(small, small) is None


def test_a_horizon_within_the_frame_is_refused():
    tilt = np.array([[1, 0, 0], [0, 1, 0], [-0.0061, 0, 1.0]])
    assert fit_plane(plane_flow(tilt, H, W), plane_flow(np.linalg.inv(tilt), H, W)) is None


def test_on_a_planar_pair_the_noise_goes_and_both_ways_agree():
    a, b = pair()
    exact = plane_flow(TURN, H, W)
    there, back = lay_plane(noisy(exact, 0.3), noisy(plane_flow(BACK, H, W), 0.3, 1), a, b)
    assert there.dtype == np.float32
    assert error_px(there, exact).mean() < 0.2 * error_px(noisy(exact, 0.3), exact).mean()
    trip = round_trip_px(there, back)
    assert np.median(trip[np.isfinite(trip)]) < 0.01


def test_a_small_thing_that_moves_by_itself_stays_with_the_flow():
    a, b = pair()
    there, back = plane_flow(TURN, H, W), plane_flow(BACK, H, W)
    thing = texture(24, 28, seed=9)
    a[50:74, 60:88], b[55:79, 66:94] = thing, thing
    there[50:74, 60:88], back[55:79, 66:94] = (6, 5), (-6, -5)
    laid, laid_back = lay_plane(noisy(there), noisy(back, seed=1), a, b)
    assert error_px(laid, there)[54:70, 64:84].max() < 1
    assert error_px(laid_back, back)[59:75, 70:90].max() < 1
    assert error_px(laid, there)[:20].mean() < 0.1


BENT = np.array([0.35, -0.25], np.float32)  # px: what blur across edges does to flow


def bent_flows(turn: NDArray[np.float64] = TURN) -> tuple[Flow, Flow]:
    """Noisy flows of a plane that are off to one side, and agree with each other all the same."""
    there, back = plane_flow(turn, H, W), plane_flow(np.linalg.inv(turn), H, W)
    return noisy(there + BENT, 0.1), noisy(back - BENT, 0.1, 1)


def test_a_plane_that_is_fitted_to_the_pictures_loses_what_bends_the_flow():
    a, b = pair()
    there, back = bent_flows()
    whole, _ = lay_plane(there, back, a, b)
    refined, refined_back = lay_refined_plane(there, back, a, b)
    exact = plane_flow(TURN, H, W)
    assert error_px(whole, exact).mean() > 0.35
    assert error_px(refined, exact).mean() < 0.1
    assert error_px(refined_back, plane_flow(BACK, H, W)).mean() < 0.1
    trip = round_trip_px(refined, refined_back)
    assert np.median(trip[np.isfinite(trip)]) < 0.01


@pytest.mark.parametrize("blurred", [0, 1])
def test_blur_of_one_frame_and_another_light_do_not_move_the_plane(blurred):
    pictures = list(pair())
    pictures[blurred] = cv2.blur(pictures[blurred], (7, 1))
    pictures[1] = np.clip(0.8 * pictures[1] + 12, 0, 255).astype(np.uint8)
    refined, _ = lay_refined_plane(*bent_flows(), *pictures)
    assert error_px(refined, plane_flow(TURN, H, W)).mean() < 0.12


def test_a_pan_under_a_rolling_shutter_is_a_plane_too():
    readout, pan = 0.4, np.array([9.0, 5.0])  # share of the frame time; px per frame
    skew = np.eye(3)
    skew[:2, 2] = pan
    skew[:2, 1] += readout * 0.1 * pan / H * np.array([1, 1])  # the second frame pans a tenth faster
    a, b = pair(np.linalg.inv(skew))
    there, back = bent_flows(skew)
    exact = plane_flow(skew, H, W)
    refined, _ = lay_refined_plane(there, back, a, b)
    assert error_px(refined, exact).mean() < 0.3 * error_px(there, exact).mean()


def test_without_texture_the_plane_stays_that_of_the_flow():
    flat = np.full((H, W), 90, np.uint8)
    found = fit_refined_plane(plane_flow(TURN, H, W), plane_flow(BACK, H, W), flat, flat)
    assert found is not None
    assert error_px(plane_flow(found[0], H, W), plane_flow(TURN, H, W)).max() < 0.05
    assert found[1] == 1.0


def test_a_large_thing_that_moves_by_itself_leaves_the_plane_to_the_rest():
    a, b = pair()
    thing = texture(64, 72, seed=9)
    there, back = bent_flows()
    a[30:94, 50:122], b[36:100, 42:114] = thing, thing
    there[30:94, 50:122], back[36:100, 42:114] = (-8, 6), (8, -6)
    assert lay_plane(there, back, a, b)[0] is there  # 94 % do not follow
    laid, _ = lay_refined_plane(there, back, a, b)
    exact, rest = plane_flow(TURN, H, W), np.ones((H, W), bool)
    rest[20:104, 40:132] = False
    assert error_px(there, exact)[rest].mean() > 0.35
    assert error_px(laid, exact)[rest].mean() < 0.12
    np.testing.assert_array_equal(laid[40:84, 60:112], there[40:84, 60:112])


def test_a_scene_of_many_depths_that_one_plane_nearly_explains_keeps_its_flow():
    a, b = pair()
    slant = np.zeros((H, W, 2), np.float32)
    slant[..., 0] = 1.6 * np.sin(np.linspace(0, 4 * np.pi, W))  # depth that no homography has
    there, back = plane_flow(TURN, H, W) + slant, plane_flow(BACK, H, W) - slant
    assert lay_plane(there, back, a, b)[0] is there
    assert lay_refined_plane(there, back, a, b)[0] is there


def test_a_plane_that_few_follow_is_not_laid_at_all():
    a, b = pair()
    there, back = plane_flow(TURN, H, W), plane_flow(BACK, H, W)
    for place, step in enumerate((-9, 12, 3, -15, 7, 15, -4, 0)):  # eight bands, each with a motion of its own
        rows = slice(15 * place, 15 * (place + 1))
        there[rows] += (step, 0)
        back[rows] -= (step, 0)
    assert fit_refined_plane(there, back, a, b) is None
    assert lay_refined_plane(there, back, a, b)[0] is there


def panning(count: int = 4) -> NDArray[np.uint8]:
    wide = texture(H + 60, W + 60)
    frames = [wide[20 + 3 * i : 20 + 3 * i + H, 40 - 5 * i : 40 - 5 * i + W] for i in range(count)]
    return np.repeat(np.stack(frames)[..., None], 3, axis=3)


@pytest.mark.parametrize("alignment", ["planes", "refined"])
def test_an_aligner_with_planes_follows_a_pan_to_its_border(alignment):
    frames = panning()
    plain, planes = Aligner(frames), Aligner(frames, alignment=alignment)
    exact = np.broadcast_to(np.array([10, -6], np.float32), (H, W, 2))
    assert error_px(planes.flow(1, 3), exact).max() < 0.3
    assert error_px(plain.flow(1, 3), exact).max() > 1
    np.testing.assert_array_equal(plain.flow(1, 3), flow_dis(frames[1, ..., 0], frames[3, ..., 0]))
    assert planes.mask(1, 3)[8:, :-12].min() > 0.9


def test_planes_do_not_hang_on_which_way_is_asked_for_first_or_on_threads():
    frames = panning()
    one, other = Aligner(frames, alignment="planes"), Aligner(frames, alignment="planes")
    there, back = one.flow(0, 2), one.flow(2, 0)
    np.testing.assert_array_equal(other.flow(2, 0), back)
    np.testing.assert_array_equal(other.flow(0, 2), there)
    shared = Aligner(frames, alignment="planes")
    pairs = [(0, 2), (2, 0), (1, 2), (0, 2)]
    found = list(thread_map(lambda pair: shared.flow(*pair), pairs, 3))
    np.testing.assert_array_equal(found[0], there)
    np.testing.assert_array_equal(found[1], back)
    np.testing.assert_allclose(shared.flow(1, 1), 0, atol=1e-3)


def test_a_recipe_names_its_alignment(tmp_path):
    text = 'title = "a"\nscheme = "reblur_blend"\n[settings]\nalignment = "{}"\n'
    (tmp_path / "mine.toml").write_text(text.format("planes"))
    assert load_method(str(tmp_path / "mine.toml")).scheme.settings.alignment == "planes"
    (tmp_path / "mine.toml").write_text(text.format("plains"))
    with pytest.raises(RecipeError, match="'alignment': Input should be 'dis', 'planes' or 'refined'"):
        load_method(str(tmp_path / "mine.toml"))
