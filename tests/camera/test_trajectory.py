"""Camera paths: checks, interpolation, motion, and the index of sets."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hvdbench.camera.index import load_sets, read_index, read_sets
from hvdbench.camera.trajectory import Trajectory, lowpass
from hvdbench.errors import RecipeError, TrajectoryError, UnknownNameError


def turning(frequency_hz: float = 4.0, fps: float = 30.0, seconds: float = 4.0) -> Trajectory:
    amplitude_rad = 0.05
    t_s = np.arange(int(seconds * fps)) / fps
    angle = amplitude_rad * np.sin(2 * np.pi * frequency_hz * t_s)
    quaternion = np.stack([np.cos(angle / 2), 0 * angle, np.sin(angle / 2), 0 * angle], axis=1)
    position = np.stack([0.01 * np.sin(2 * np.pi * t_s), 0 * t_s, 0 * t_s], axis=1)
    return Trajectory(t_s, quaternion, position, name="turning", scale_m=True)


def test_rates_of_a_sinusoid_at_30_rows_a_second_are_within_1_percent_at_4_hz() -> None:
    # Slerp would be 22 % off at its worst; a C2 rotation spline is 0.4 % off.
    t_s = np.linspace(0.5, 3.0, 2001)
    omega, _ = turning().motion(t_s, lowpass_hz=None)
    expected = 0.05 * 2 * np.pi * 4.0 * np.cos(2 * np.pi * 4.0 * t_s)
    assert np.abs(omega[:, 1] - expected).max() < 0.01 * np.abs(expected).max()
    assert np.abs(omega[:, [0, 2]]).max() < 1e-9


def test_motion_is_told_along_the_cameras_own_axes() -> None:
    # A camera turned by 90 degrees about y moves along the world's x: that is backwards along its own z,
    # since its z axis points along the world's +x: forwards.
    t_s = np.arange(60) / 30.0
    half = np.sqrt(0.5)
    path = Trajectory(t_s, np.tile([half, 0, half, 0], (60, 1)), np.outer(t_s, [1.0, 0, 0]))
    omega, velocity = path.motion(np.linspace(0.1, 1.5, 500), lowpass_hz=None)
    np.testing.assert_allclose(velocity, np.tile([0.0, 0, 1.0], (500, 1)), atol=1e-9)
    np.testing.assert_allclose(omega, 0.0, atol=1e-9)


def test_body_rates_reproduce_the_rotation() -> None:
    generator = np.random.default_rng(3)
    t_s = np.arange(90) / 30.0
    rotation = Rotation.from_rotvec(np.cumsum(generator.normal(0, 0.03, (90, 3)), axis=0))
    path = Trajectory(t_s, rotation.as_quat()[:, [3, 0, 1, 2]], np.zeros((90, 3)))
    fine = np.linspace(0, 2.9, 20001)
    omega, _ = path.motion(fine, lowpass_hz=None)
    turned = path.pose_at(fine[:1])[0][0]
    for index in range(0, 4000):
        turned = turned * Rotation.from_rotvec(0.5 * (omega[index] + omega[index + 1]) * (fine[1] - fine[0]))
    error = (turned.inv() * path.pose_at(fine[4000:4001])[0][0]).magnitude()
    assert error < 1e-4


def test_poses_at_the_rows_are_the_rows() -> None:
    path = turning()
    rotation, position = path.pose_at(path.t_s)
    assert (rotation.inv() * path.rotation).magnitude().max() < 1e-9
    np.testing.assert_allclose(position, path.position_w, atol=1e-12)


def test_flipped_quaternion_signs_change_nothing() -> None:
    path = turning()
    signs = np.where(np.arange(len(path.t_s)) % 3 == 0, -1.0, 1.0)[:, None]
    flipped = Trajectory(path.t_s, path.quaternion_wxyz * signs, path.position_w)
    t_s = np.linspace(0.2, 3.0, 700)
    np.testing.assert_allclose(flipped.motion(t_s)[0], path.motion(t_s)[0], atol=1e-9)


def test_a_path_runs_back_past_its_end() -> None:
    path = turning(frequency_hz=1.3)
    end = path.duration_s
    offsets = np.linspace(0.05, 1.0, 200)
    ahead, _ = path.motion(end + offsets, lowpass_hz=None)
    behind, _ = path.motion(end - offsets, lowpass_hz=None)
    np.testing.assert_allclose(ahead, -behind, atol=1e-9)


def test_lowpass_keeps_slow_motion_in_phase_and_removes_jitter() -> None:
    t_s = np.arange(4000) / 1000.0
    slow, fast = np.sin(2 * np.pi * t_s), np.sin(2 * np.pi * 40 * t_s)
    filtered = lowpass((slow + fast)[:, None], 6.0, 1000.0)[500:-500, 0]
    assert np.abs(filtered - slow[500:-500]).max() < 0.02


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"t_s": np.zeros(120)}, "time does not rise"),
        ({"position_w": np.full((120, 3), np.nan)}, "not finite"),
        ({"quaternion_wxyz": np.ones((120, 4))}, "norm 2.0000"),
        ({"position_w": np.zeros((119, 3))}, "as many times as quaternions"),
    ],
)
def test_a_broken_path_is_refused_with_its_fault(change: dict[str, np.ndarray], sentence: str) -> None:
    path = turning()
    values = {"t_s": path.t_s, "quaternion_wxyz": path.quaternion_wxyz, "position_w": path.position_w} | change
    with pytest.raises(TrajectoryError, match=sentence):
        Trajectory(**values)


def test_short_paths_and_gaps_give_no_motion() -> None:
    path = turning()
    short = Trajectory(path.t_s[:20], path.quaternion_wxyz[:20], path.position_w[:20])
    with pytest.raises(TrajectoryError, match="too short"):
        short.motion(np.linspace(0, 1, 100))
    keep = np.r_[0:40, 60:120]
    broken = Trajectory(path.t_s[keep], path.quaternion_wxyz[keep], path.position_w[keep])
    with pytest.raises(TrajectoryError, match=r"gap of 0\.700 s after row 40"):
        broken.motion(np.linspace(0, 1, 100))


def test_a_resampled_path_keeps_its_motion_on_an_even_clock() -> None:
    path = turning(frequency_hz=1.3)
    uneven = np.delete(np.arange(len(path.t_s)), [7, 40, 41])
    some = Trajectory(path.t_s[uneven], path.quaternion_wxyz[uneven], path.position_w[uneven])
    even = some.resampled(25.0)
    np.testing.assert_allclose(np.diff(even.t_s), 0.04)
    angle = 0.05 * np.sin(2 * np.pi * 1.3 * even.t_s)
    np.testing.assert_allclose(even.rotation.as_rotvec()[:, 1], angle, atol=2e-4)
    with pytest.raises(TrajectoryError, match="are fewer than two"):
        path.resampled(0.2)


def test_an_extended_path_turns_round_where_it_is_calm_and_keeps_its_rates() -> None:
    path = turning(frequency_hz=0.9, seconds=1.6)
    longer = path.extended(10.0)
    assert 10.0 <= longer.duration_s < 10.0 + path.duration_s
    longer.check_regular()
    speeds = [
        np.sqrt(np.mean(np.square(np.degrees((one.rotation[:-1].inv() * one.rotation[1:]).magnitude()))))
        for one in (path, longer)
    ]
    assert speeds[1] == pytest.approx(speeds[0], rel=0.1)
    # No step reverses at full speed: neighbours' rates differ as little as within the path, but at a calm end.
    rate = np.diff(longer.rotation.as_rotvec()[:, 1]) * 30.0
    within = np.abs(np.diff(np.diff(path.rotation.as_rotvec()[:, 1]) * 30.0)).max()
    assert np.abs(np.diff(rate)).max() < 2.0 * within
    assert path.extended(1.0) is path


def test_a_path_too_short_to_use_is_not_made_long() -> None:
    path = turning(seconds=0.5)
    with pytest.raises(TrajectoryError, match="too short"):
        path.extended(10.0)


def write_index(root: Path, text: str) -> None:
    (root / "index.toml").write_text(text, encoding="utf-8")


SET = 'origin = "{origin}"\nfps = 30\nfolder = "{name}"\nlicence = "made"\nsource = "test"\n'


def write_set(root: Path, name: str, origin: str) -> str:
    folder = root / name / "00"
    folder.mkdir(parents=True)
    rows = [f"{i} {i * 1e-3} 0 0 1 0 0 0" for i in range(40)]
    (folder / "pred_traj.txt").write_text("\n".join(rows), encoding="utf-8")
    return f"[{name}]\n" + SET.format(origin=origin, name=name)


def test_monst3r_means_every_set_that_monst3r_estimated(tmp_path: Path) -> None:
    tables = [write_set(tmp_path, "b_set", "monst3r"), write_set(tmp_path, "a_set", "monst3r")]
    write_index(tmp_path, "\n".join([*tables, write_set(tmp_path, "made_up", "simulated")]))
    assert [path.name for path in load_sets("monst3r", root=tmp_path)] == ["a_set/00", "b_set/00"]
    assert [path.origin for path in load_sets("made_up", root=tmp_path)] == ["simulated"]


def test_no_monst3r_set_gives_no_path_and_an_unknown_set_a_hint(tmp_path: Path) -> None:
    write_index(tmp_path, write_set(tmp_path, "made_up", "simulated"))
    assert load_sets("monst3r", root=tmp_path) == []
    with pytest.raises(UnknownNameError, match="did you mean 'made_up'"):
        load_sets("made_ip", root=tmp_path)


def test_a_set_may_state_its_scenes_depth_and_extend_its_paths(tmp_path: Path) -> None:
    write_index(tmp_path, write_set(tmp_path, "short", "measured") + "scene_depth = 1.5\nextend_s = 6\n")
    (path,) = load_sets("short", root=tmp_path)
    assert path.name == "short/00 (back and forth)"
    assert path.duration_s >= 6.0
    assert path.scene_depth == 1.5
    assert read_sets("short", root=tmp_path)[0].duration_s == pytest.approx(1.3)


def test_a_wrong_value_of_the_index_is_named(tmp_path: Path) -> None:
    write_index(tmp_path, write_set(tmp_path, "made_up", "simulated").replace("licence", "note = 1\nlicence"))
    with pytest.raises(RecipeError, match="note"):
        read_index(tmp_path)
    write_index(tmp_path, "origin = 1")
    with pytest.raises(TrajectoryError, match="'origin' is outside a set"):
        read_index(tmp_path)


def test_the_shipped_set_is_simulated_metric_and_usable() -> None:
    paths = load_sets("handheld_simulated")
    assert len(paths) == 6
    for path in paths:
        assert path.origin == "simulated"
        assert path.scale_m
        path.check_regular()
        assert path.duration_s > 9.9
