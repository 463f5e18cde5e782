"""The held-out score: what is withheld, what is compared, what it ranks and what it refuses."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from made_held_out import StopAndGo, make_stop_and_go

from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import Frames
from hvdbench.labels.sharpness import ABOVE, BELOW, SEGMENT, SharpLabels
from hvdbench.methods.blurry import Blurry, BlurrySettings
from hvdbench.methods.opening import open_method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.metrics.fidelity import masked_psnr
from hvdbench.workflows.heldout import held_out
from hvdbench.workflows.heldout.clip import HeldOutClip, open_clip
from hvdbench.workflows.heldout.plan import plan_held_out
from hvdbench.workflows.heldout.restoring import restore_fold, restorer
from hvdbench.workflows.heldout.scoring import compare, score_methods, summarise


def made_labels(text: str) -> SharpLabels:
    """``S`` sharp, ``s`` sharpest of its segment, ``.`` blurry."""
    sharp = np.array([letter in "Ss" for letter in text])
    reason = tuple({"S": ABOVE, "s": SEGMENT, ".": BELOW}[letter] for letter in text)
    return SharpLabels(sharp.astype(float), sharp, 0.5, reason, "made")


@pytest.fixture(scope="module")
def shake() -> StopAndGo:
    return make_stop_and_go()


@pytest.fixture(scope="module")
def clip(shake: StopAndGo) -> HeldOutClip:
    return open_clip(shake.blurry, "made")


def whole(frames: Frames, clip: HeldOutClip) -> list[Frames]:
    """What a method that restores each frame by itself gives in every fold."""
    return [frames for _ in clip.plan.folds]


def gain(frames: Frames, clip: HeldOutClip) -> float:
    return float(summarise(compare(clip, "made", whole(frames, clip)))["gain_db"].iloc[0])


def changed(frames: Frames, amount: float) -> Frames:
    """Unsharp masking for amounts above 0, a Gaussian for -1."""
    pictures = frames.astype(np.float32)
    soft = np.stack([cv2.GaussianBlur(picture, (0, 0), 1.5) for picture in pictures])
    return np.rint(np.clip(pictures + amount * (pictures - soft), 0, 255)).astype(np.uint8)


def test_only_confirmed_sharp_frames_near_a_blurry_one_are_withheld_in_turn() -> None:
    labels = made_labels("SSSSS.S..SS.s.S")
    confirmed = np.ones(15, bool)
    confirmed[9] = False
    plan = plan_held_out(labels, confirmed, "made")
    # 0 to 2 have no blurry frame within two, 9 is not confirmed, 12 stands in for a segment
    assert plan.folds == ((3, 6, 14), (4, 10))
    assert [(p.withheld, p.compared) for p in plan.pairs if p.fold == 1] == [(4, 5), (10, 8), (10, 11)]
    assert plan.kept(1).tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14]


def test_too_few_sharp_frames_are_said_in_one_sentence() -> None:
    with pytest.raises(InputError, match=r"^walk\.mp4 has 3 frames that are surely sharp .* needs 4: .*\.?$"):
        plan_held_out(made_labels("S.S.S..."), np.ones(8, bool), "walk.mp4")


def test_a_clip_that_is_blurry_throughout_is_refused(shake: StopAndGo) -> None:
    blurry = np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in shake.blurry])
    with pytest.raises(InputError, match="held-out score needs 4"):
        open_clip(blurry[:4], "made")


def test_a_method_never_sees_a_withheld_frame_nor_labels_of_it(clip: HeldOutClip) -> None:
    seen: list[Frames] = []

    def spy(frames: Frames) -> Frames:
        seen.append(frames.copy())
        return frames

    found = score_methods(clip, {"spy": spy})
    assert len(seen) == 2
    for fold, given in enumerate(seen):
        judged = {p.withheld for p in clip.plan.pairs if p.fold == fold}
        assert judged <= set(clip.plan.folds[fold])
        assert len(given) == len(clip.frames) - len(clip.plan.folds[fold])
        for withheld in clip.plan.folds[fold]:
            assert not any(np.array_equal(clip.frames[withheld], frame) for frame in given)
    assert set(found["withheld"]).isdisjoint(found["compared"])


def test_labels_are_made_from_what_is_left(clip: HeldOutClip) -> None:
    class Spy(Blurry):
        def restore(self, blurry: Frames, labels: SharpLabels, budget: Budget) -> Restoration:
            assert len(labels.is_sharp) == len(blurry) < len(clip.frames)
            assert budget.clip is None
            return Restoration(blurry)

    method = replace(open_method("blurry"), scheme=Spy(BlurrySettings()))
    restore_fold(restorer(method, Budget(clip="test/a")), clip.frames, clip.plan, 0)


def test_the_input_gains_nothing(clip: HeldOutClip) -> None:
    found = compare(clip, "blurry", whole(clip.frames, clip))
    assert (found["gain_db"] == 0).all()
    assert summarise(found)["gain_db"].tolist() == [0.0]


def test_the_truth_beats_what_lies_between_it_and_the_input(clip: HeldOutClip, shake: StopAndGo) -> None:
    half = np.rint(0.5 * shake.sharp + 0.5 * shake.blurry).astype(np.uint8)
    assert gain(shake.sharp, clip) > gain(half, clip) + 0.5 > 0.5


def test_sharpening_and_softening_gain_nothing_like_the_truth(clip: HeldOutClip, shake: StopAndGo) -> None:
    truth = gain(shake.sharp, clip)
    for amount in (0.5, 1.5, 3.0, -1.0):
        assert gain(changed(clip.frames, amount), clip) < 0.5 * truth
    assert gain(changed(clip.frames, 3.0), clip) < 0


def test_an_output_that_moved_is_penalised_and_half_a_pixel_is_not(clip: HeldOutClip, shake: StopAndGo) -> None:
    def moved(x_px: float) -> Frames:
        move = np.array([[1, 0, x_px], [0, 1, 0]], np.float32)
        return np.stack([cv2.warpAffine(f, move, (128, 96), flags=cv2.INTER_CUBIC, borderMode=4) for f in shake.sharp])

    def in_place(frames: Frames) -> float:
        found = [(frames[pair.compared], clip.reference(pair)) for pair in clip.plan.pairs]
        return float(np.mean([masked_psnr(frame, seen.picture, seen.mask) for frame, seen in found]))

    near, far = moved(0.25), moved(1.5)
    assert compare(clip, "near", whole(near, clip))["score_db"].mean() > in_place(near) + 3
    found = compare(clip, "far", whole(far, clip))
    assert found["score_db"].mean() == pytest.approx(in_place(far))
    assert found["shift_px"].median() == pytest.approx(1.5, abs=0.2)


def test_coverage_is_the_share_of_pixels_and_leaves_out_what_changed(clip: HeldOutClip, shake: StopAndGo) -> None:
    pair = clip.plan.pairs[0]
    before = clip.reference(pair)
    frames = shake.blurry.copy()
    frames[pair.withheld, 20:60, 30:80] = 255 - frames[pair.withheld, 20:60, 30:80]
    after = replace(clip, frames=frames, model=replace(clip.model, aligner=type(clip.model.aligner)(frames)))
    reference = after.reference(pair)
    assert before.coverage == pytest.approx(before.mask.sum() / (128 * 96))
    assert reference.mask[30:50, 40:70].mean() < 0.1
    assert not reference.mask[:8].any()
    assert not reference.mask[:, -8:].any()


def test_a_mean_over_clips_weighs_each_clip_once() -> None:
    columns = ("method", "clip", "withheld", "compared", "score_db", "input_db", "gain_db", "shift_px", "coverage")
    rows = [("m", "a", 1, 2, 30.0, 29.0, 1.0, 0.1, 0.5), ("m", "a", 1, 3, 32.0, 29.0, 3.0, 0.1, 0.7)]
    rows += [("m", "a", 5, 4, 34.0, 30.0, 4.0, 0.1, 0.8), ("m", "b", 2, 3, 20.0, 19.0, 1.0, 0.3, 0.4)]
    found = summarise(pd.DataFrame(rows, columns=list(columns))).set_index("clip")
    # a: withheld frame 1 gains (1 + 3) / 2, frame 5 gains 4; b gains 1
    assert found.loc["a", "gain_db"] == 3.0
    assert found.loc["*", "gain_db"] == 2.0
    assert found.loc["*", ["withheld", "compared"]].tolist() == [3, 4]
    # t of one degree of freedom, 12.706, times the standard error 1
    assert found.loc["*", "gain_high_db"] == pytest.approx(2.0 + 12.706, abs=1e-3)


def test_a_folder_of_results_is_refused_since_it_saw_every_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="saw every frame"):
        restorer(open_method(f"folder:{tmp_path}"), Budget())


def test_missing_weights_are_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        open_method("selfhvd_estrnn@tiny", weights=tmp_path / "none.safetensors")


def test_a_method_that_loses_frames_is_refused(clip: HeldOutClip) -> None:
    with pytest.raises(InputError, match="cannot be compared"):
        score_methods(clip, {"short": lambda frames: frames[1:]})


def test_a_source_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        held_out(tmp_path / "no.mp4", {})
