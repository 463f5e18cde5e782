"""The fit of BluRef to a clip: repeatable, learning, in rounds, and with the published faults on request."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from made_clip import shaken

from hvdbench.errors import FitError
from hvdbench.labels.sharpness import select_sharp
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.bluref.fit import BlurefFit
from hvdbench.methods.rivals.bluref.scheme import Bluref
from hvdbench.methods.rivals.bluref.settings import BlurefSettings

SMALL = {"network": "nafnet@tiny", "rounds": 2, "steps": 6, "crop_px": 32, "batch": 2}
SHARP = np.array([True, False, False, False] * 2)


def settings(**changes):
    return BlurefSettings.model_validate(SMALL | changes)


def labels(is_sharp=SHARP):
    return select_sharp(np.where(is_sharp, 100.0, 1.0), labeller="paper")


class Perfect:
    """A matcher that knows the sharp frames: what is learned from it is to sharpen."""

    def __init__(self, sharp):
        self.sharp = sharp

    def match(self, target, reference):
        return self.sharp[target].astype(np.float32), np.ones(self.sharp.shape[1:3], np.float32)


def sharp_and_blurry(count=8):
    noise = np.random.default_rng(3).integers(0, 256, (count, 16, 20, 3)).astype(np.uint8)
    sharp = np.stack([cv2.resize(frame, (80, 64), interpolation=cv2.INTER_CUBIC) for frame in noise])
    return sharp, np.stack([frame if SHARP[i] else cv2.blur(frame, (5, 1)) for i, frame in enumerate(sharp)])


def weights(network):
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    clip = shaken()
    first, again, other = (Bluref(settings()).restore(clip, labels(), Budget(seed=seed)).frames for seed in (0, 0, 1))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    state = torch.get_rng_state()
    Bluref(settings()).restore(clip, labels(), Budget())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_fit_to_perfect_targets_brings_blurry_frames_nearer_to_the_sharp_ones():
    sharp, blurry = sharp_and_blurry()
    how = settings(steps=60, learning_rate=6e-3, rounds=1)
    fit = BlurefFit(blurry, SHARP, how, Budget(), lambda *_: Perfect(sharp))
    network = fit.run()
    with torch.no_grad():
        pictures = torch.from_numpy(blurry[~SHARP]).permute(0, 3, 1, 2)[:, None] / 255
        restored = 255 * network(pictures)[:, 0].permute(0, 2, 3, 1).numpy()
    before = np.square(blurry[~SHARP].astype(float) - sharp[~SHARP]).mean()
    assert np.square(restored - sharp[~SHARP]).mean() < 0.9 * before
    assert fit.record.loss[-1] < fit.record.loss[0]


def test_each_round_matches_what_the_network_made_of_the_blurry_frames():
    sharp, blurry = sharp_and_blurry()
    seen = []

    def matcher(frames, now, how, device):
        assert frames is blurry
        seen.append(now.copy())
        return Perfect(sharp)

    fit = BlurefFit(blurry, SHARP, settings(rounds=3, steps=9, learning_rate=1e-2), Budget(), matcher)
    fit.run()
    assert len(seen) == len(fit.record.coverage) == 3
    np.testing.assert_array_equal(seen[0], blurry)
    for later in seen[1:]:
        np.testing.assert_array_equal(later[SHARP], blurry[SHARP])  # references stay as they are
        assert (later[~SHARP] != blurry[~SHARP]).any()
    assert (seen[1] != seen[2]).any()


def test_as_published_later_rounds_train_on_the_networks_own_outputs():
    sharp, blurry = sharp_and_blurry()
    dark = (sharp * 0.5).astype(np.uint8)
    made = {}
    for which in ("meant", "published"):
        fit = BlurefFit(
            blurry,
            SHARP,
            settings(**{"as": {"inputs": which}, "steps": 6, "learning_rate": 1e-2}),
            Budget(),
            lambda *_: Perfect(dark),
        )
        made[which] = weights(fit.run())
    assert made["meant"] != made["published"]


def test_blurry_references_are_the_other_blurry_frames():
    sharp, blurry = sharp_and_blurry()
    asked = set()

    class Recorder(Perfect):
        def match(self, target, reference):
            asked.add((target, reference))
            return super().match(target, reference)

    for which, expected in (("sharp", np.flatnonzero(SHARP)), ("blurry", np.flatnonzero(~SHARP))):
        asked.clear()
        BlurefFit(blurry, SHARP, settings(references=which), Budget(), lambda *_: Recorder(sharp)).run()
        assert {target for target, _ in asked} == set(np.flatnonzero(~SHARP).tolist())
        assert {reference for _, reference in asked} <= set(expected.tolist())
        assert all(target != reference for target, reference in asked)


def test_steps_are_spread_over_the_rounds_and_told_of():
    told = []
    scheme = Bluref(settings()).with_steps(11)
    assert scheme.fit_steps == 11
    scheme.restore(shaken(), labels(), Budget(progress=lambda *what: told.append(what)))
    assert [what for what in told if what[2] == "fit"] == [(1, 11, "fit"), (11, 11, "fit")]


def test_sharp_frames_stay_as_they_are():
    clip = shaken()
    restored = Bluref(settings(learning_rate=1e-2)).restore(clip, labels(), Budget())
    passed = labels().is_passed
    assert passed.any()
    np.testing.assert_array_equal(restored.frames[passed], clip[passed])
    assert (restored.frames[~passed] != clip[~passed]).any()
    assert restored.facts["passed_through"] == np.flatnonzero(passed).tolist()


def test_a_clip_without_sharp_frames_is_refused_and_one_of_sharp_frames_alone_stays():
    clip = shaken()
    some = labels()
    nothing, everything = (replace(some, is_sharp=np.full(len(clip), is_sharp)) for is_sharp in (False, True))
    with pytest.raises(FitError, match="no frame of the clip is sharper"):
        Bluref(settings()).restore(clip, nothing, Budget())
    np.testing.assert_array_equal(Bluref(settings()).restore(clip, everything, Budget()).frames, clip)


def test_where_nothing_can_be_matched_the_fit_says_so():
    clip = shaken()
    with pytest.raises(FitError, match="could be matched"):
        BlurefFit(clip, SHARP, settings(mask_scale=1e6), Budget()).run()


def test_the_tiny_recipe_restores_a_clip():
    method = load_method("bluref@tiny")
    restored = method.scheme.with_steps(2).restore(shaken(), labels(), Budget())
    assert restored.frames.shape == shaken().shape
    assert restored.facts["matcher"] == "dis"
    assert set(restored.facts["seconds_by_stage"]) == {"flow", "training", "restoring"}
