"""What the oracle measures and where it draws its lines; the exact flow between frames."""

from dataclasses import replace

import numpy as np
import pytest
from made_scene import SIZE, WIDE, F, MadeScene, constant_path, smooth_picture
from pydantic import ValidationError

from hvdbench.flow import warp
from hvdbench.sources.scene import Layer, centred_K
from hvdbench.synth.exposure.displacement import grid_points, measure_displacement
from hvdbench.synth.exposure.one_exposure import expose
from hvdbench.synth.exposure.shutter import Shutter, count_sub_frames
from hvdbench.synth.exposure.view import View
from hvdbench.synth.oracle import BLURRY, MILD, SHARP, OracleSettings

TAU_S, T_MID_S = 0.02, 0.05
PATCH = 24  # the near square's side, px


def two_planes() -> MadeScene:
    """Make a far picture with a near square in the frame's middle."""
    near = np.dstack([smooth_picture(1), np.zeros(WIDE[::-1], np.float32)])
    middle = slice(WIDE[1] // 2 - PATCH // 2, WIDE[1] // 2 + PATCH // 2), slice(68, 92)
    near[..., 3][middle] = 1.0
    near[..., :3] *= near[..., 3:]
    K = centred_K(F, *WIDE)
    return MadeScene(planes=(Layer(smooth_picture(), K, inverse_depth_1_m=0.1), Layer(near, K, inverse_depth_1_m=1.0)))


def test_labels_follow_the_chosen_statistic_and_shares() -> None:
    moved = measure_displacement(View(MadeScene(), constant_path(), 2.0), T_MID_S, TAU_S)
    extent = np.full(45, 0.002 * 1000)
    extent[0] = 0.010 * 1000  # one corner alone moves
    corner = replace(moved, extent_px=extent)
    assert corner.label(1000) == SHARP
    assert corner.label(1000, OracleSettings(statistic="max")) == BLURRY
    assert corner.label(1000, OracleSettings(statistic="max", sharp_share=0.004, blurry_share=0.02)) == MILD
    assert corner.label(1000, OracleSettings(sharp_share=0.001)) == MILD


def test_lines_count_as_the_lower_class() -> None:
    settings = OracleSettings()
    for share, expected in ((0.003, SHARP), (0.0031, MILD), (0.006, MILD), (0.0061, BLURRY)):
        assert settings.classify(np.full(45, share * 1000), 1000) == expected


@pytest.mark.parametrize(
    "values",
    [{"sharp_share": 0.01}, {"sharp_share": 0.0}, {"blurry_share": 1.5}, {"statistic": "mean"}, {"shrp_share": 0.1}],
)
def test_wrong_oracle_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OracleSettings.model_validate(values)


def test_the_middle_point_of_the_grid_is_the_frames_centre() -> None:
    np.testing.assert_array_equal(grid_points(SIZE)[22], [(SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2])


def test_no_step_between_sub_frames_exceeds_the_promise() -> None:
    # A swing that is fast in its middle, and a path of over 128 px.
    for amplitude_deg in (2.0, 40.0):
        camera = constant_path()
        angle = np.radians(amplitude_deg) * np.sin(2 * np.pi * 25 * (camera.t_s - T_MID_S))
        camera = replace(camera, rotation_vector_wc=np.stack([0 * angle, angle, 0 * angle], axis=1))
        view = View(MadeScene(), camera, 2.0)
        moved = measure_displacement(view, T_MID_S, TAU_S)
        count = count_sub_frames(moved.swept_px, TAU_S, step_px=0.5, sub_frame_hz=960)
        (H,) = view.homographies(view.scene.layers(0.0), Shutter(T_MID_S, TAU_S, SIZE[1]).times(count))
        (middle,) = view.homographies(view.scene.layers(0.0), np.array([T_MID_S]))
        points = np.column_stack([grid_points(SIZE), np.ones(45)])
        seen = np.einsum("nij,pj->npi", H @ np.linalg.inv(middle), points)
        step = np.linalg.norm(np.diff(seen[..., :2] / seen[..., 2:], axis=0), axis=2)
        assert step.max() <= 0.5 * 1.02  # the top speed is measured over 1/32 of the exposure
        assert amplitude_deg < 40 or count > 257


def test_points_follow_the_layer_that_they_show() -> None:
    view = View(two_planes(), constant_path(velocity_m_s=(1.0, 0, 0)), 2.0)
    extent = measure_displacement(view, T_MID_S, TAU_S).extent_px
    points = grid_points(SIZE)
    near = np.abs(points - (np.array(SIZE) - 1) / 2).max(axis=1) < PATCH / 2
    assert near.sum() == 3
    np.testing.assert_allclose(extent[near], F * TAU_S * 1.0, rtol=1e-9)
    np.testing.assert_allclose(extent[~near], F * TAU_S * 0.1, rtol=1e-9)


def test_flow_is_the_homography_and_warps_one_frame_to_the_other() -> None:
    view = View(MadeScene(), constant_path((20, 80, 60), (0.1, 0, 0.2), (0, 30)), 2.0)
    t_a, t_b = 0.03, 0.07
    flow = view.flow(t_a, t_b)
    assert flow.shape == (SIZE[1], SIZE[0], 2)
    assert flow.dtype == np.float32
    a, b = (np.rint(255 * np.clip(expose(view, t, 1e-5).mid, 0, 1)).astype(np.uint8) for t in (t_a, t_b))
    difference = np.abs(warp(b, flow).astype(float) - a)
    assert difference[8:-8, 12:-12].mean() < 0.1 * np.abs(b.astype(float) - a)[8:-8, 12:-12].mean()
    assert np.abs(flow).max() > 4.0
    back = view.flow(t_b, t_a)
    there = (np.mgrid[0 : SIZE[1], 0 : SIZE[0]][::-1].transpose(1, 2, 0) + flow)[20, 40]
    x, y = np.rint(there).astype(int)
    np.testing.assert_allclose(back[y, x], -flow[20, 40], atol=0.1)


def test_flow_follows_the_frontmost_layer_and_the_videos_own_motion() -> None:
    view = View(two_planes(), constant_path(velocity_m_s=(1.0, 0, 0)), 2.0)
    flow = view.flow(0.04, 0.06)
    np.testing.assert_allclose(flow[32, 48], [-F * 0.02 * 1.0, 0], atol=1e-3)
    np.testing.assert_allclose(flow[5, 5], [-F * 0.02 * 0.1, 0], atol=1e-3)
    video = View(MadeScene(flow_px_s=200.0), constant_path(), 2.0)
    np.testing.assert_allclose(video.flow(0.04, 0.06), np.full((SIZE[1], SIZE[0], 2), [4.0, 0.0]), atol=1e-4)


def test_flow_follows_a_moving_object() -> None:
    class Moving(MadeScene):
        def layers(self, t_s: float) -> tuple[Layer, ...]:
            square = np.zeros((20, 20, 4), np.float32)
            square[4:16, 4:16] = 1.0
            ground = Layer(smooth_picture(), centred_K(F, *WIDE))
            return (ground, Layer(square, centred_K(F, 20, 20), offset_px=(300.0 * (t_s - 0.04), 0.0), is_object=True))

    flow = View(Moving(), constant_path(), 2.0).flow(0.04, 0.06)
    np.testing.assert_allclose(flow[32, 48], [6.0, 0.0], atol=1e-4)
    np.testing.assert_allclose(flow[5, 5], [0.0, 0.0], atol=1e-4)
