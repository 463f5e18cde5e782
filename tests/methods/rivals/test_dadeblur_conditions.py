"""The conditions under which regions are blurred (DBCGM), and the exposures that the networks are trained on."""

import numpy as np
import pytest
import torch

from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.rivals.dadeblur.conditions import condition_of, motion_lengths, turned_by_a_quarter, unit_vectors
from hvdbench.methods.rivals.dadeblur.exposure_clips import decoded, evenly_spread, exposure_share, turned_alike
from hvdbench.methods.rivals.dadeblur.settings import ConditionSettings


@pytest.fixture(scope="module")
def moving():
    """A clip of 8 frames, 48x64, whose texture moves by 2 px to the right from frame to frame."""
    import cv2

    random = np.random.default_rng(0)
    wide = cv2.GaussianBlur(random.integers(0, 256, (48, 96, 3), np.uint8), (0, 0), 2)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)
    return np.stack([wide[:, 20 - 2 * i : 84 - 2 * i] for i in range(8)])


@pytest.fixture(scope="module")
def lengths():
    """Lengths by the estimator: frame t has t px on the left and 2 t px on the right."""
    made = np.ones((8, 48, 64), np.float32) * np.arange(8, dtype=np.float32)[:, None, None]
    made[..., 32:] *= 2
    return made


def test_a_condition_points_along_the_motion_and_is_as_long_as_the_neighbours(moving, lengths):
    made = condition_of(Aligner(moving), lengths, 4, ConditionSettings(extra_px=10.0, extra_width_px=640))
    inner = made[12:36, 16:48]
    np.testing.assert_allclose(np.median(inner[..., 0]), 1.0, atol=0.02)
    np.testing.assert_allclose(np.hypot(inner[..., 0], inner[..., 1]), 1.0, atol=1e-5)
    # frames 2, 3, 5, 6 have 4 px on the left and 8 on the right on average, and the own frame half and all of its
    # largest; 10 px at a width of 640 are 1 px here
    np.testing.assert_allclose(made[:, :32, 2], 0.5 * 4 + 1, rtol=1e-6)
    np.testing.assert_allclose(made[:, 32:, 2], 1.0 * 8 + 1, rtol=1e-6)


def test_a_frame_near_an_end_takes_the_neighbours_that_there_are_and_as_published_its_own_length(moving, lengths):
    settings = ConditionSettings(extra_px=0.0)
    meant = condition_of(Aligner(moving), lengths, 1, settings)
    np.testing.assert_allclose(meant[:, 32:, 2], 2 * (0 + 2 + 3) / 3, rtol=1e-6)
    for index, own in ((2, 4.0), (5, 10.0)):
        published = condition_of(Aligner(moving), lengths, index, settings, "published")
        np.testing.assert_allclose(published[:, 32:, 2], own)
    same = [condition_of(Aligner(moving), lengths, 3, settings, way) for way in ("meant", "published")]
    np.testing.assert_array_equal(*same)


def test_lengths_by_the_motion_are_its_share_of_the_exposure(moving):
    found = motion_lengths(Aligner(moving), np.array([1, 0, 0, 0, 0, 0, 0, 1], bool))
    # the frames are sharp, so the least share that is tried fits best: a fifth of 2 px
    np.testing.assert_allclose(np.median(found[2:6], axis=(1, 2)), 0.4, atol=0.02)


def test_what_does_not_move_has_no_direction():
    motion = np.zeros((2, 2, 2), np.float32)
    motion[0, 0] = (3, -4)
    np.testing.assert_allclose(unit_vectors(motion)[0, 0], (0.6, -0.8), rtol=1e-6)
    assert not unit_vectors(motion)[1].any()


def test_a_still_clip_of_zero_lengths_gives_finite_conditions():
    still = np.zeros((8, 48, 64, 3), np.uint8)
    made = condition_of(Aligner(still), np.zeros((8, 48, 64), np.float32), 4, ConditionSettings())
    assert np.isfinite(made).all()


def test_a_broken_condition_is_turned_by_a_quarter():
    made = np.array([[[1.0, 0.0, 5.0]]], np.float32)
    assert turned_by_a_quarter(made).flatten().tolist() == [0, 1, 5]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_an_exposure_is_found_by_blurring(moving, share):
    from hvdbench.methods.blur.reblur import reblur

    motion = np.zeros((48, 64, 2), np.float32)
    motion[..., 0] = 6
    blurry = np.rint(reblur(moving[0].astype(np.float32), motion, share)).clip(0, 255).astype(np.uint8)
    assert exposure_share(moving[0], blurry, motion) == share


def test_an_exposure_is_decoded_to_a_unit_vector_and_a_length():
    stored = torch.tensor([255.0, 127.5, 255 / 16])[:, None, None] / 255  # (1/16)^2 of 256 px is 1 px
    x, y, length = decoded(stored, 4.0).flatten().tolist()
    assert (x, y, length) == pytest.approx((1.0, 0.0, 0.25))
    assert decoded(torch.tensor([1.0, 1.0, 0.0])[:, None, None], 4.0).flatten().tolist() == [0, 0, 0]
    assert decoded(torch.ones(3, 1, 1), 4.0)[2] == 1


def test_directions_turn_with_the_pictures_and_as_published_the_map_stays():
    seen = set()
    for seed in range(30):
        picture = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None]
        exposure = torch.stack((torch.full((2, 2), 0.6), torch.full((2, 2), 0.8), picture[0]))
        (moved,), turned = turned_alike([picture], exposure, np.random.default_rng(seed), "meant")
        assert turned[2].tolist() == moved[0].tolist()  # the lengths lie where their pixels are
        x, y = (round(float(value), 1) for value in turned[:2, 0, 0])
        # the pixel to the right of where 1 lies now tells what became of x
        row, column = (moved[0] == 1).nonzero()[0].tolist()
        beside = (moved[0] == 2).nonzero()[0].tolist()
        right = np.array([beside[1] - column, beside[0] - row])
        below = np.array((moved[0] == 3).nonzero()[0].tolist())[::-1] - (column, row)
        assert (x, y) == pytest.approx(tuple(0.6 * right + 0.8 * below))
        (same,), kept = turned_alike([picture], exposure, np.random.default_rng(seed), "published")
        assert same.tolist() == moved.tolist()
        assert kept[2].tolist() == picture[0].tolist()
        assert kept[:2].tolist() == turned[:2].tolist()
        seen.add((x, y))
    assert len(seen) == 8


def test_frames_to_measure_are_evenly_spread():
    assert evenly_spread(20, 4).tolist() == [0, 6, 13, 19]
    assert evenly_spread(3, 10).tolist() == [0, 1, 2]
