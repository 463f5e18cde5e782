import numpy as np
import pytest
from made_shake import make_shake

from hvdbench.errors import InputError
from hvdbench.flow import grid
from hvdbench.labels.extent import (
    ABOVE_EXTENT,
    UNKNOWN_EXTENT,
    ExtentMeter,
    blur_extents,
    extents,
    joined_extents,
    label_extent,
)
from hvdbench.labels.registration import exposure_tracks, fit_similarity, frame_points, view_path
from hvdbench.labels.relative_blur import covariance_extents, evidence, relative_covariances, solve_blocks
from hvdbench.labels.sharpness import SEGMENT
from hvdbench.labels.spectra import BINS, DIRECTIONS, RADII, SpectralPairs, compare_spectra, transfer


@pytest.fixture(scope="module")
def shake():
    return make_shake(frames=24, swing_px=30.0)


@pytest.fixture(scope="module")
def found(shake):
    return blur_extents(shake.blurry)


def as_grays(frames):
    return [frame[..., 0] for frame in frames]


def test_a_similarity_is_found_again_from_its_flow_though_a_quarter_moves_otherwise():
    a, b, c, d = 0.01, -0.02, 3.0, -1.5
    points = grid(60, 80) - np.array([39.5, 29.5], np.float32)
    x, y = points[..., 0], points[..., 1]
    flow = np.stack([a * x - b * y + c, b * x + a * y + d], axis=-1).astype(np.float32)
    flow[:30, :40] += 9.0
    np.testing.assert_allclose(fit_similarity(flow), [a, b, c, d], atol=1e-4)


def test_an_even_motion_has_the_extent_of_its_length_in_the_exposure():
    path = np.zeros((8, 4))
    path[:, 2], path[:, 3] = 3.0 * np.arange(8), 4.0 * np.arange(8)
    tracks = exposure_tracks(path, [slice(0, 8)], 0.6, frame_points(64, 48, 9, 5), 9)
    np.testing.assert_allclose(extents(tracks), 0.6 * 5.0, rtol=1e-5)


def test_a_turn_moves_points_by_their_distance_from_the_centre():
    path = np.zeros((6, 4))
    path[:, 1] = 0.01 * np.arange(6)
    tracks = exposure_tracks(path, [slice(0, 6)], 0.5, np.array([[100.0, 0.0], [0.0, 50.0]]), 5)
    reach = np.linalg.norm(tracks[:, -1] - tracks[:, 0], axis=-1)
    np.testing.assert_allclose(reach, [[0.5, 0.25]] * 6, rtol=1e-4)


def test_nothing_is_carried_across_a_cut(shake):
    other = make_shake(frames=6, swing_px=30.0, seed=5)
    _, stretches = view_path(as_grays(np.concatenate([shake.blurry[:6], other.blurry])))
    assert stretches == [slice(0, 6), slice(6, 12)]


def test_the_view_is_followed_to_a_pixel_over_24_frames(shake):
    path, stretches = view_path(as_grays(shake.blurry))
    assert stretches == [slice(0, 24)]
    expected = shake.centre_px - shake.centre_px[0]
    assert np.abs(path[:, 2:] - expected).max() < 1.0


def test_transfer_of_a_straight_motion_is_a_sinc_along_it_and_1_across():
    tracks = np.zeros((1, 33, 1, 2), np.float32)
    tracks[0, :, 0, 0] = np.linspace(-2.0, 2.0, 33)
    left = transfer(tracks).reshape(len(RADII), DIRECTIONS)
    np.testing.assert_allclose(left[:, 0], np.sinc(4.0 * np.asarray(RADII)) ** 2, atol=0.03)
    assert (left[:, DIRECTIONS // 2] > 0.93).all()


def test_spectra_of_one_view_are_alike_where_neither_is_blurred(shake):
    path, stretches = view_path(as_grays(shake.sharp))
    pairs = compare_spectra(as_grays(shake.sharp), path, stretches)
    assert np.median(np.abs(pairs.log_ratio)) < 0.2
    assert len(pairs.first) == 23 + 22 + 21


def test_the_exposure_share_and_the_extents_are_found_without_being_told(shake, found):
    assert found.basis == "motion"
    assert found.exposure_share == pytest.approx(0.7, abs=0.1)
    ratio = found.extent_px / shake.extent_px
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)
    assert np.corrcoef(found.extent_px, shake.extent_px)[0, 1] > 0.97


def test_frames_that_were_moved_after_exposure_are_judged_by_their_spectra(shake):
    steady = np.stack(
        [
            np.roll(frame, tuple(-np.rint(place[::-1]).astype(int)), (0, 1))
            for frame, place in zip(shake.blurry, shake.centre_px, strict=True)
        ]
    )[:, 36:-36, 36:-36]
    found = blur_extents(np.ascontiguousarray(steady))
    assert found.basis == "spectra"
    assert np.corrcoef(found.extent_px, shake.extent_px)[0, 1] > 0.85


def test_a_clip_that_is_sharp_throughout_is_called_so(shake):
    still = np.repeat(shake.sharp[:1], 24, axis=0) + np.random.default_rng(0).integers(
        0, 3, (24, *shake.sharp.shape[1:]), dtype=np.uint8
    )
    assert label_extent(still).is_sharp.all()


def test_a_clip_that_is_blurry_throughout_has_no_sharp_frame_but_one_selected_in_each_segment(shake):
    labels = label_extent(shake.blurry, segment_length=10, sharp_below=1e-4)
    assert not labels.is_sharp.any()
    assert len(labels.selected) == 3
    assert [labels.reason[index] for index in labels.selected] == [SEGMENT] * 3
    assert set(labels.reason) == {SEGMENT, ABOVE_EXTENT}


def test_sharpness_passes_the_threshold_where_the_extent_passes_the_limit(shake, found):
    limit = float(np.median(found.extent_px)) / shake.blurry.shape[2]
    labels = label_extent(shake.blurry, sharp_below=limit)
    np.testing.assert_array_equal(labels.is_sharp, found.extent_px < limit * shake.blurry.shape[2])
    assert labels.is_sharp.sum() == 12


def test_labels_are_the_same_every_time(shake):
    first, second = (label_extent(shake.blurry[:8]) for _ in range(2))
    assert first.sharpness.tobytes() == second.sharpness.tobytes()


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (64, 18)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_tiny_and_short_clips_are_labelled(size, count):
    frames = np.random.default_rng(1).integers(0, 256, (count, *size, 3), dtype=np.uint8)
    labels = label_extent(frames)
    assert labels.is_sharp.shape == (count,)
    assert np.isfinite(labels.sharpness).all()
    assert len(labels.selected) >= 1


def test_flat_frames_are_not_called_sharp():
    labels = label_extent(np.full((25, 32, 40, 3), 90, np.uint8))
    assert not labels.is_sharp.any()
    assert labels.selected.tolist() == [0, 20]
    assert set(labels.reason) == {UNKNOWN_EXTENT, SEGMENT}


def test_what_is_no_clip_is_refused():
    with pytest.raises(InputError, match="uint8 RGB"):
        label_extent(np.zeros((0, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="sharp_below is 2"):
        label_extent(np.zeros((2, 32, 32, 3), np.uint8), sharp_below=2)
    with pytest.raises(InputError, match="segment_length is 0"):
        label_extent(np.zeros((2, 32, 32, 3), np.uint8), segment_length=0)


def test_a_banded_system_is_solved_as_a_whole_one():
    random = np.random.default_rng(3)
    count, width, n = 7, 4, 3
    whole = np.zeros((count * n, count * n))
    blocks = np.zeros((count, width, n, n))
    for row in range(count):
        for ahead in range(min(width, count - row)):
            block = random.normal(size=(n, n))
            block = block @ block.T + 30 * np.eye(n) if ahead == 0 else block
            blocks[row, ahead] = block
            whole[row * n : (row + 1) * n, (row + ahead) * n : (row + ahead + 1) * n] = block
            whole[(row + ahead) * n : (row + ahead + 1) * n, row * n : (row + 1) * n] = block.T
    right = random.normal(size=(count, n))
    np.testing.assert_allclose(solve_blocks(blocks, right).ravel(), np.linalg.solve(whole, right.ravel()), rtol=1e-9)


def test_without_pairs_no_frame_is_blurrier_than_another():
    pairs = compare_spectra([np.zeros((32, 32), np.uint8)], np.zeros((1, 4)), [slice(0, 1)])
    assert covariance_extents(relative_covariances(pairs, 1)).tolist() == [0.0]
    assert evidence(pairs, 1, 2.0).tolist() == [0.0]


def test_spectra_count_where_they_can_tell_and_the_motion_where_they_cannot():
    from_way, from_spectra = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 1.0])
    hidden = joined_extents(from_way, from_spectra, np.zeros(3), 2.0)
    clear = joined_extents(from_way, from_spectra, np.full(3, 1e6), 2.0)
    np.testing.assert_allclose(hidden, from_way)
    np.testing.assert_allclose(clear, np.sqrt((2 * from_way**2 + from_spectra**2) / 3), rtol=1e-5)


def test_evidence_falls_with_noise_and_with_the_fourth_power_of_the_extent():
    first, second = np.array([0, 1]), np.array([1, 2])
    pairs = [SpectralPairs(first, second, np.zeros((2, BINS)), np.full((2, BINS), weight)) for weight in (1.0, 0.25)]
    clear, noisy = (evidence(some, 3, 2.0) for some in pairs)
    np.testing.assert_allclose(noisy, clear / 4)
    np.testing.assert_allclose(evidence(pairs[0], 3, 1.0), clear / 16)
    np.testing.assert_allclose(clear[1], clear[0] + clear[2])


def test_noise_and_little_light_do_not_make_sharp_frames_blurry(shake):
    limit = float(np.median(shake.extent_px))
    dark = shake.blurry / 3.0 + np.random.default_rng(1).normal(0, 12, shake.blurry.shape)
    labels = label_extent(np.clip(np.rint(dark), 0, 255).astype(np.uint8), sharp_below=limit / shake.blurry.shape[2])
    clear = np.abs(np.log(shake.extent_px / limit)) > 0.25
    right = labels.is_sharp == (shake.extent_px < limit)
    assert clear.sum() >= 12
    assert right[clear].mean() >= 0.9


def test_an_eighth_of_the_contrast_leaves_the_extents(shake, found):
    flat = np.rint(128 + 0.12 * (shake.blurry - 128.0)).astype(np.uint8)
    ratio = blur_extents(flat).extent_px / found.extent_px
    assert np.median(np.abs(np.log(ratio))) < 0.15


def test_frames_that_come_one_by_one_are_measured_as_those_in_memory(shake, found):
    meter = ExtentMeter()
    for gray in as_grays(shake.blurry):
        meter.add(gray)
    measured = meter.measure()
    assert measured.extent_px.tobytes() == found.extent_px.tobytes()
    assert (measured.exposure_share, measured.basis) == (found.exposure_share, found.basis)
    with pytest.raises(InputError, match="at least one frame"):
        ExtentMeter().measure()
