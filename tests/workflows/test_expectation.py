"""What gain a clip promises: its signs on made clips, and a regression whose answer is known."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from benchmarks.gains import fit_gains
from hvdbench.errors import InputError
from hvdbench.labels.sharpness import select_sharp
from hvdbench.workflows.deblur.clip_signs import SIGNS, ClipSigns, signs_of, small_gray
from hvdbench.workflows.deblur.expected_gain import expected_gain, read_gains


def texture(width=96, height=64, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3)).astype(np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def moving(step_px=2, count=8, wide=160):
    picture = texture(wide)
    return np.stack([picture[:, step_px * i : step_px * i + 96] for i in range(count)])


def grays(frames) -> list:
    return [small_gray(frame) for frame in frames]


def test_signs_of_a_clip_worked_out_by_hand():
    sharp = [True, False, False, False, True, False, False, False]
    given = select_sharp(np.where(sharp, 300.0, 100.0))
    signs = signs_of(grays(moving()), given)
    assert signs.sharp_share == 0.25
    assert signs.distance_frames == pytest.approx((1 + 2 + 1 + 1 + 2 + 3) / 6)
    assert signs.contrast == 3.0
    assert signs.motion_share == pytest.approx(2 / 96, rel=0.15)
    assert signs.flow_reliability > 0.8


def test_a_picture_that_is_replaced_between_two_frames_cannot_be_borrowed_from():
    given = select_sharp(np.array([300.0, 100.0]))
    same = signs_of(grays([texture()] * 2), given)
    other = signs_of(grays([texture(seed=1), texture(seed=2)]), given)
    assert same.flow_reliability > 0.99
    assert other.flow_reliability < 0.7


def test_large_frames_give_the_signs_of_small_ones():
    small = moving()
    large = np.stack([cv2.resize(frame, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC) for frame in small])
    given = select_sharp(np.array([3.0, 1, 1, 1, 3, 1, 1, 1]))
    assert signs_of(grays(large), given).motion_share == pytest.approx(
        signs_of(grays(small), given).motion_share, rel=0.2
    )


def test_a_clip_whose_frames_were_all_selected_has_no_signs():
    given = select_sharp(np.array([3.0, 1.0]))
    everything = replace(given, is_sharp=np.ones(2, bool))
    assert everything.is_selected.all()
    assert signs_of(grays(moving(count=2)), everything) is None


def drawn(count, seed=0, noise_db=0.0):
    """Clips of six scenes whose gain is 1 + 8 x the sharp share + 2 x the reliability."""
    random = np.random.default_rng(seed)
    signs = [ClipSigns(*random.uniform([0.02, 1, 0.4, 1.2, 0.002], [0.4, 8, 1.0, 6.0, 0.03])) for _ in range(count)]
    gains = [1 + 8 * s.sharp_share + 2 * s.flow_reliability + random.normal(0, noise_db) for s in signs]
    return signs, gains, [f"scene {i % 6}" for i in range(count)]


def test_gains_that_follow_from_two_signs_are_found_again():
    learned = fit_gains("made", *drawn(200))
    for share, reliability in ((0.1, 0.9), (0.3, 0.5)):
        found = expected_gain(ClipSigns(share, 3.0, reliability, 2.0, 0.01), learned)
        assert found.gain_db == pytest.approx(1 + 8 * share + 2 * reliability, abs=0.1)
        assert found.outside == ()
    assert learned.half_width_db < 0.15
    assert (learned.clips, learned.scenes) == (200, 6)


def test_nine_of_ten_new_clips_lie_within_the_interval():
    learned = fit_gains("made", *drawn(120, noise_db=1.0))
    signs, gains, _ = drawn(2000, seed=1, noise_db=1.0)
    found = [expected_gain(one, learned) for one in signs]
    inside = np.mean([e.low_db <= gain <= e.high_db for e, gain in zip(found, gains, strict=True)])
    assert 0.85 < inside < 0.95


def test_a_sign_outside_of_what_was_learned_from_is_named():
    learned = fit_gains("made", *drawn(50))
    assert expected_gain(ClipSigns(0.9, 3.0, 0.9, 2.0, 0.01), learned).outside == ("sharp_share",)


def test_an_interval_is_of_scenes_that_were_not_learned_from():
    signs, gains, scenes = drawn(60)
    own = {f"scene {i}": 2.0 * i for i in range(6)}  # each scene has a gain of its own that no sign tells
    apart = fit_gains("made", signs, [gain + own[scene] for gain, scene in zip(gains, scenes, strict=True)], scenes)
    assert apart.half_width_db > 4


def test_too_few_clips_or_scenes_are_refused():
    signs, gains, scenes = drawn(8)
    with pytest.raises(InputError, match="7 clips of 6 scenes"):
        fit_gains("made", signs[:7], gains[:7], scenes[:7])
    with pytest.raises(InputError, match="8 clips of 1 scenes"):
        fit_gains("made", signs, gains, ["one"] * 8)


def test_the_gains_that_ship_say_what_they_were_learned_from():
    gains = read_gains()
    assert "selfhvd_rc_fusion" in gains
    for method, learned in gains.items():
        assert learned.method == method
        assert len(learned.weights) == len(learned.low) == len(SIGNS)
        assert learned.half_width_db > 0
        assert all(low <= high for low, high in zip(learned.low, learned.high, strict=True))


def test_a_file_without_gains_is_one_sentence(tmp_path):
    (tmp_path / "gains.json").write_text(json.dumps({"methods": {"x": {"centre": [1]}}}))
    with pytest.raises(InputError, match="contains no learned gains"):
        read_gains(tmp_path / "gains.json")
