"""pPSNR, pSSIM and pLPIPS by hand: which order counts, in each variant, and the best of several candidates."""

import math

import numpy as np
import pytest

from hvdbench.errors import InputError
from hvdbench.metrics.fidelity import psnr, ssim
from hvdbench.metrics.opening import find_metric, open_measure, problem_with
from hvdbench.metrics.protocols.clip_pairs import ClipPairs
from hvdbench.metrics.protocols.known import find_protocol
from hvdbench.metrics.sequence import BothOrders, best_of, capped_psnr, sequence_meter, sequence_scores

RANDOM = np.random.default_rng(5)
TRUTH = RANDOM.integers(40, 216, (7, 16, 20, 3), dtype=np.uint8)
NEAR = np.clip(TRUTH + RANDOM.integers(-12, 13, TRUTH.shape), 0, 255).astype(np.uint8)
VARIANTS = ("sequence", "pair", "frame")


def level(value: int) -> np.ndarray:
    return np.full((12, 12, 3), value, np.uint8)


def db(*differences: int) -> list[float]:
    return [20 * math.log10(255 / difference) for difference in differences]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_reversed_sequence_scores_as_the_sequence_itself(variant: str) -> None:
    forward = sequence_scores(NEAR, TRUTH, psnr, variant=variant)
    backward = sequence_scores(NEAR[::-1], TRUTH, psnr, variant=variant)
    expected = [psnr(one, other) for one, other in zip(NEAR, TRUTH, strict=True)]
    np.testing.assert_allclose(forward, expected)
    np.testing.assert_allclose(np.sort(backward), np.sort(expected))
    if variant != "frame":  # whose scores are those of the restored frames
        np.testing.assert_allclose(backward, expected)


def test_the_variants_by_hand() -> None:
    # Truth of levels 0, 30, 100, 150, 250; the outer pair is restored turned, the inner one is not.
    truth = np.stack([level(value) for value in (0, 30, 100, 150, 250)])
    restored = np.stack([level(value) for value in (249, 32, 104, 142, 10)])
    forward, backward = db(249, 2, 4, 8, 240), db(10, 112, 4, 118, 1)
    both = BothOrders.of(restored, truth, psnr)
    np.testing.assert_allclose(both.forward, forward)
    np.testing.assert_allclose(both.backward, backward)
    assert sum(backward) > sum(forward)
    np.testing.assert_allclose(both.scores("sequence", "higher"), backward)
    np.testing.assert_allclose(both.scores("pair", "higher"), db(10, 2, 4, 8, 1))
    np.testing.assert_allclose(both.scores("frame", "higher"), db(1, 2, 4, 8, 10))  # Eq. 11, by the restored frame


def test_eq_11_to_the_letter_accepts_what_no_order_gives() -> None:
    truth = np.stack([level(value) for value in (0, 100, 200)])
    twice = np.stack([level(value) for value in (0, 100, 0)])  # the first frame in both outer places
    orders = BothOrders.of(twice, truth, capped_psnr)
    np.testing.assert_allclose(orders.scores("frame", "higher"), [80.0, 80.0, 80.0])
    for variant in ("sequence", "pair"):
        np.testing.assert_allclose(np.sort(orders.scores(variant, "higher")), [db(200)[0], 80.0, 80.0])


def test_where_lower_is_better_the_lower_order_counts() -> None:
    both = BothOrders(np.array([0.1, 0.5, 0.3]), np.array([0.2, 0.5, 0.1]))
    np.testing.assert_allclose(both.scores("sequence", "lower"), [0.2, 0.5, 0.1])
    np.testing.assert_allclose(both.scores("sequence", "higher"), [0.1, 0.5, 0.3])


def test_the_whole_sequence_is_turned_as_the_protocol_rb2v_turns_it() -> None:
    pairs = ClipPairs(find_protocol("rb2v"), sequences=True)
    for restored, truth in zip(NEAR[::-1], TRUTH, strict=True):
        pairs.add(restored, truth)
    np.testing.assert_allclose([one.psnr for one in pairs.scores()], sequence_scores(NEAR[::-1], TRUTH, psnr))


def test_the_best_of_several_candidates_counts_and_is_one_candidate() -> None:
    far = np.clip(TRUTH + RANDOM.integers(-60, 61, TRUTH.shape), 0, 255).astype(np.uint8)
    candidates = np.stack([far, NEAR[::-1], far])
    np.testing.assert_array_equal(best_of(candidates, TRUTH), NEAR[::-1])
    meter = sequence_meter(ssim, "pssim", "sequence", "higher", places=0)
    found = meter(candidates, TRUTH)
    assert found == {"pssim_mean": pytest.approx(np.mean([ssim(a, b) for a, b in zip(NEAR, TRUTH, strict=True)]))}
    with pytest.raises(InputError, match="1 or more"):
        best_of(candidates[:0], TRUTH)


def test_sequences_of_seven_have_a_column_for_each_place() -> None:
    values = open_measure("ppsnr").start()(NEAR[None], TRUTH)
    assert sorted(values) == ["ppsnr-1", *(f"ppsnr-{place}" for place in range(2, 8)), "ppsnr_mean"]
    assert values["ppsnr-3"] == pytest.approx(psnr(NEAR[2], TRUTH[2]))
    assert list(open_measure("ppsnr").start()(NEAR[None, :5], TRUTH[:5])) == ["ppsnr_mean"]
    assert values["ppsnr_mean"] == pytest.approx(np.mean([values[f"ppsnr-{place}"] for place in range(1, 8)]))


def test_equal_frames_are_capped_at_80_db() -> None:
    assert open_measure("ppsnr_pair").start()(TRUTH[None], TRUTH)["ppsnr_pair_mean"] == 80.0


def test_sequences_of_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="both must be"):
        sequence_scores(NEAR[:6], TRUTH, psnr)


def test_a_dataset_without_subframes_is_told_at_once() -> None:
    told = problem_with("pssim", has_truth=True)
    assert told == "metric 'pssim' needs sub-frames of each exposure, and the dataset has none"
    assert problem_with("pssim", has_truth=True, has_subframes=True) is None
    assert find_metric("plpips").better == "lower"
