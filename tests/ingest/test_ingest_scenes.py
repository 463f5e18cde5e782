"""Scene cuts and repeated frames, found while a film is read."""

import numpy as np
import pytest
from made_film import pattern

from hvdbench.errors import VideoError
from hvdbench.frames import list_frames, read_frame
from hvdbench.ingest.repeats import Repeats, frozen
from hvdbench.ingest.scenes import look_of, with_cuts
from hvdbench.video.reader import Shot, VideoReader


def shots_of(frames):
    return [Shot(index / 25, frame) for index, frame in enumerate(frames)]


def cuts_of(frames):
    return [index for index, seen in enumerate(with_cuts(shots_of(frames))) if seen.begins]


def test_a_scene_begins_with_the_first_frame_and_after_each_cut():
    frames = np.concatenate([pattern(1, 5), pattern(2, 7), pattern(3, 4)])
    assert cuts_of(frames) == [0, 5, 12]
    assert [seen.begins for seen in with_cuts(shots_of(frames), detect=False)] == [True] + 15 * [False]


def test_a_flash_and_a_change_of_brightness_are_no_cuts():
    flash = pattern(1, 9)
    flash[4] = 255
    assert cuts_of(flash) == [0]
    brighter = pattern(1, 9)
    brighter[4:] = np.clip(brighter[4:].astype(int) + 60, 0, 255).astype(np.uint8)
    assert cuts_of(brighter) == [0]


def test_a_time_that_goes_back_begins_a_scene():
    shots = [Shot(time_s, pattern(1, 1)[0]) for time_s in (0.0, 0.1, 0.2, 0.05, 0.1)]
    assert [seen.begins for seen in with_cuts(shots)] == [True, False, False, True, False]


def test_frames_come_in_order_and_an_error_comes_last():
    def failing():
        yield from shots_of(pattern(1, 3))
        raise VideoError("the video tore")

    seen = with_cuts(failing())
    assert [next(seen).shot.time_s for _ in range(3)] == [0, 1 / 25, 2 / 25]
    with pytest.raises(VideoError, match="tore"):
        next(seen)
    assert list(with_cuts([])) == []


@pytest.mark.parametrize(
    "name",
    [
        "phone/phone_rot180_vfr_blurry.mp4",
        "phone/iphone_portrait_rot90_gps.mov",
        "phone/shaky_path_360p.mp4",
        "paired/reds_027_x4_f000-039/blur",
        "paired/reds_020_720p_f000-007/blur",
        "handheld/otb_blurcar2_f376-400",
    ],
)
def test_shake_and_blur_are_not_taken_for_cuts(shared, name):
    path = shared / "data" / name
    if path.is_dir():
        assert cuts_of([read_frame(file) for file in list_frames(path)]) == [0]
        return
    with VideoReader(path) as reader:
        assert [index for index, seen in enumerate(with_cuts(reader)) if seen.begins] == [0]


def test_cuts_between_real_clips_are_found(shared):
    names = ["iphone_portrait_rot90_gps.mov", "ipad_hevc_portrait_rot90.mov", "iphone_ios9_portrait_rot90.mov"]
    frames = []
    for name in names:
        with VideoReader(shared / "data/phone" / name, size=(180, 320)) as reader:
            frames += [shot.picture for shot, _ in zip(reader, range(8), strict=False)]
    assert cuts_of(frames) == [0, 8, 16]


def test_a_copy_with_other_noise_is_a_repeat_and_slow_motion_is_not():
    rng = np.random.default_rng(0)
    moving = pattern(1, 8, step=3)
    doubled = np.clip(moving.repeat(2, axis=0) + rng.normal(0, 2, (16, 64, 96, 3)), 0, 255).astype(np.uint8)
    repeats = Repeats()
    found = [repeats.is_repeat(look_of(frame)) for frame in doubled]
    assert found[2:] == 7 * [False, True]
    repeats = Repeats()
    assert not any(repeats.is_repeat(look_of(frame)) for frame in pattern(1, 8, step=1))


def test_every_second_frame_of_a_converted_clip_is_found(shared):
    with VideoReader(shared / "data/phone/shaky_path_360p.mp4") as reader:
        repeats = Repeats()
        found = [repeats.is_repeat(look_of(shot.picture)) for shot, _ in zip(reader, range(60), strict=False)]
    assert found[2:25] == [True] + 11 * [False, True]
    assert not any(found[25:])


def test_three_repeats_in_a_row_stand_still():
    duplicate = np.array([0, 1, 1, 0, 1, 1, 1, 0, 0, 1], bool)
    np.testing.assert_array_equal(frozen(duplicate), np.array([0, 0, 0, 1, 1, 1, 1, 0, 0, 0], bool))
    np.testing.assert_array_equal(frozen(np.array([0, 1, 1, 1], bool)), np.ones(4, bool))
    assert not frozen(np.zeros(1, bool)).any()
