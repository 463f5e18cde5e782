"""A rolling shutter: each row at its own time, in the blur, both truths, the oracle and the flow."""

from dataclasses import replace

import numpy as np
import pytest
from made_scene import SIZE, WIDE, F, MadeScene, constant_path, smooth_picture
from numpy.typing import NDArray

from hvdbench.sources.scene import Layer, centred_K
from hvdbench.synth.exposure.displacement import measure_displacement
from hvdbench.synth.exposure.one_exposure import Exposure, expose
from hvdbench.synth.exposure.shutter import Shutter
from hvdbench.synth.exposure.view import View

TAU_S, T_MID_S, READOUT_S = 0.01, 0.05, 0.02
ROWS = np.arange(SIZE[1])


def upright_line() -> NDArray[np.float32]:
    picture = np.zeros((WIDE[1], WIDE[0], 3), np.float32)
    picture[:, 79:81] = 0.5
    return picture


def layered(picture: NDArray[np.float32]) -> MadeScene:
    """Make the scene that takes the other way: composited for each sub-frame, though nothing lies in front."""
    clear = Layer(np.zeros((*picture.shape[:2], 4), np.float32), centred_K(F, *WIDE))
    return MadeScene(planes=(Layer(picture, centred_K(F, *WIDE)), clear))


def line_place(light: NDArray[np.float32]) -> NDArray[np.float64]:
    x = np.arange(light.shape[1])
    return np.asarray((light[..., 0] @ x) / np.maximum(light[..., 0].sum(axis=1), 1e-9), np.float64)


def test_rows_are_open_one_after_the_other() -> None:
    shutter = Shutter(T_MID_S, TAU_S, 64, READOUT_S)
    np.testing.assert_allclose(shutter.delay_s(np.array([0.0, 32.0, 64.0])), [-0.01, 0.0, 0.01])
    assert shutter.window_s == pytest.approx((0.035, 0.065))
    assert Shutter(T_MID_S, TAU_S, 64).bands(1e4) == [(0, 64, 0.0)]


def test_bands_cover_all_rows_and_step_by_a_quarter_pixel_at_most() -> None:
    shutter = Shutter(T_MID_S, TAU_S, 64, READOUT_S)
    for speed_px_s in (0.0, 100.0, 400.0, 1e6):
        bands = shutter.bands(speed_px_s)
        assert [top for top, _, _ in bands] == [0, *(bottom for _, bottom, _ in bands[:-1])]
        assert bands[-1][1] == 64
        steps = np.diff([delay for _, _, delay in bands]) * speed_px_s
        assert len(bands) == 64 or not len(steps) or steps.max() <= 0.25 * 64 / (64 - len(bands))


@pytest.mark.parametrize("make", [lambda picture: MadeScene((picture,)), layered], ids=["one plane", "layers"])
def test_a_pan_slants_an_upright_line_in_all_three_pictures(make: object) -> None:
    # Row y sees the line at (79.5 − 32) − f tan(Ω (y/h − 1/2) readout).
    view = View(make(upright_line()), constant_path((0, 200.0, 0)), 2.0)  # type: ignore[operator]
    exposure = expose(view, T_MID_S, TAU_S, readout_s=READOUT_S)
    angle = np.radians(200.0) * (ROWS / SIZE[1] - 0.5) * READOUT_S
    expected = (SIZE[0] - 1) / 2 - F * np.tan(angle)
    for picture in (exposure.mid, exposure.centroid, exposure.blurry):
        np.testing.assert_allclose(line_place(picture), expected, atol=0.15)
    assert np.ptp(expected) > 6.0


@pytest.mark.parametrize("make", [lambda picture: MadeScene((picture,)), layered], ids=["one plane", "layers"])
def test_each_row_is_what_a_global_shutter_sees_at_its_time(make: object) -> None:
    view = View(make(smooth_picture()), constant_path((40, 150, 30), (0.2, 0.1, 0.1)), 2.0)  # type: ignore[operator]
    rolling = expose(view, T_MID_S, TAU_S, readout_s=READOUT_S)
    for row in (0, 17, 40, 63):
        delay = (row / SIZE[1] - 0.5) * READOUT_S
        still = expose(view, T_MID_S + delay, TAU_S)
        for name in ("blurry", "mid", "centroid"):
            np.testing.assert_allclose(getattr(rolling, name)[row], getattr(still, name)[row], atol=0.02, err_msg=name)


def test_a_changing_video_is_blended_at_each_rows_time() -> None:
    # Pictures of even light that brightens by 0.08 per frame of 240 Hz: row y shows the light of its own mid-exposure.
    levels = tuple(
        np.full((WIDE[1], WIDE[0], 3), 0.02 + 0.08 * index * (1 - index / 60), np.float32) for index in range(25)
    )
    view = View(MadeScene(levels), constant_path((20, 100, 30)), 2.0)
    exposure = expose(view, T_MID_S, TAU_S, readout_s=READOUT_S)
    times = T_MID_S + (ROWS / SIZE[1] - 0.5) * READOUT_S
    values = np.array([picture[0, 0, 0] for picture in levels])
    now = np.interp(times * 240, np.arange(25), values)
    np.testing.assert_allclose(exposure.mid[..., 0], np.broadcast_to(now[:, None], SIZE[::-1]), atol=3e-3)
    fine = np.linspace(-0.5, 0.5, 2001) * TAU_S
    mean = np.interp((times[:, None] + fine) * 240, np.arange(25), values).mean(axis=1)
    np.testing.assert_allclose(exposure.blurry[..., 0], np.broadcast_to(mean[:, None], SIZE[::-1]), atol=3e-3)


def test_without_motion_the_readout_changes_nothing() -> None:
    view = View(MadeScene(), constant_path(at_deg=(0.4, 0.7, 2.0)), 2.0)
    still, rolling = (expose(view, T_MID_S, TAU_S, readout_s=readout_s) for readout_s in (0.0, READOUT_S))
    for name in ("blurry", "mid", "centroid"):
        np.testing.assert_allclose(getattr(rolling, name), getattr(still, name), atol=1e-6)


def test_the_oracle_follows_points_at_their_own_rows_times() -> None:
    # A turn that sets in at 0.05 s: rows above the middle are still while their shutter is open.
    camera = constant_path((0, 200.0, 0))
    late = np.clip(camera.rotation_vector_wc, 0.0, None)
    view = View(MadeScene(), replace(camera, rotation_vector_wc=late), 2.0)
    extent = measure_displacement(view, T_MID_S, 0.004, readout_s=READOUT_S).extent_px.reshape(5, 9)
    np.testing.assert_allclose(extent[:2], 0.0, atol=1e-9)
    assert (extent[3:] > 1.0).all()
    both = measure_displacement(view, T_MID_S, 0.004).extent_px
    assert both.min() > 0.5


def test_flow_between_rolling_frames_meets_each_point_in_the_row_where_it_arrives() -> None:
    view = View(MadeScene(), constant_path((150, 60, 10)), 2.0)
    t_a, t_b = 0.035, 0.065
    flow = view.flow(t_a, t_b, readout_s=READOUT_S)
    (layer,) = view.scene.layers(0.0)
    for x, y in ((10, 8), (60, 30), (80, 55)):
        (start,) = view.homographies((layer,), np.array([t_a + (y / SIZE[1] - 0.5) * READOUT_S]))
        there = np.array([x, y]) + flow[y, x]
        (end,) = view.homographies((layer,), np.array([t_b + (there[1] / SIZE[1] - 0.5) * READOUT_S]))
        where = end[0] @ np.linalg.inv(start[0]) @ np.array([x, y, 1.0])
        np.testing.assert_allclose(there, where[:2] / where[2], atol=2e-3)
    assert np.abs(flow - view.flow(t_a, t_b)).max() > 0.3


def test_a_moving_object_leans_with_the_readout() -> None:
    square = np.zeros((40, 20, 4), np.float32)
    square[4:36, 4:16] = 1.0

    class Moving(MadeScene):
        def layers(self, t_s: float) -> tuple[Layer, ...]:
            ground = Layer(np.zeros((WIDE[1], WIDE[0], 3), np.float32), centred_K(F, *WIDE))
            offset = (500.0 * (t_s - T_MID_S), 0.0)
            return (ground, Layer(square, centred_K(F, 20, 40), offset_px=offset, is_object=True))

        def key_times(self, start_s: float, end_s: float) -> None:  # type: ignore[override]
            return None

    exposure: Exposure = expose(View(Moving(), constant_path(), 2.0), T_MID_S, TAU_S, readout_s=READOUT_S)
    assert exposure.object_mask is not None
    covered = np.flatnonzero(exposure.mid[..., 0].sum(axis=1) > 5.0)[2:-2]
    place = line_place(exposure.mid)[covered]
    expected = (SIZE[0] - 1) / 2 + 500.0 * (covered / SIZE[1] - 0.5) * READOUT_S
    np.testing.assert_allclose(place, expected, atol=0.2)
    np.testing.assert_allclose(line_place(exposure.centroid)[covered], expected, atol=0.2)
    columns = np.arange(SIZE[0])
    of_mask = (exposure.object_mask[covered] @ columns) / exposure.object_mask[covered].sum(axis=1)
    np.testing.assert_allclose(of_mask, expected, atol=0.6)
