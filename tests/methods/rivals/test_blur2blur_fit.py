"""The fit of Blur2Blur to a clip: repeatable, learning, and with the published faults on request."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_clip import shaken

from hvdbench.dataset.memory_reader import FramesReader
from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.labels.sharpness import select_sharp
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.blur2blur.deblurrer import build_mimo, train_deblurrer
from hvdbench.methods.rivals.blur2blur.kernel_training import build_kernel
from hvdbench.methods.rivals.blur2blur.known import make_pairs, scaled, suited
from hvdbench.methods.rivals.blur2blur.scheme import Blur2blur
from hvdbench.methods.rivals.blur2blur.settings import Blur2blurSettings, DeblurrerSettings, KnownBlurSettings
from hvdbench.methods.rivals.blur2blur.translator import TranslatorFit, build_judge, size_of_test
from hvdbench.methods.rivals.crops import PictureCrops

SHARP = np.array([True, False, False, False] * 2)
TINY = {
    "kernel": "kernel_wizard@tiny",
    "crop_px": 48,
    "known": {"pairs": 4},
    "deblurrer": {"network": "mimo_unet@tiny", "steps": 3, "batch": 2},
    "translator": {
        "network": "mimo_unet@tiny",
        "discriminator": "patch_gan@tiny",
        "steps": 2,
        "batch": 2,
        "perceptual": 0.0,
        "pixel": 4.0,
    },
}


def settings(**changes):
    return Blur2blurSettings.model_validate(TINY | changes)


def labels():
    return select_sharp(np.where(SHARP, 100.0, 1.0), labeller="paper")


def clip():
    return shaken(8, 80, 64)


def fit_of(how, **budget):
    frames = clip()
    pairs = make_pairs(frames[SHARP], how.known, 0)
    return TranslatorFit(frames[~SHARP], frames[SHARP], pairs, how, Budget(**budget))


@pytest.fixture
def kernel_file(tmp_path):
    torch.save(build_kernel("kernel_wizard@tiny", {}, seed=1).state_dict(), tmp_path / "kernel.pth")
    return str(tmp_path / "kernel.pth")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    scheme = Blur2blur(settings())
    state = torch.get_rng_state()
    first, again, other = (scheme.restore(clip(), labels(), Budget(seed=seed)).frames for seed in (0, 0, 1))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    assert torch.equal(torch.get_rng_state(), state)


def test_the_deblurrer_learns_to_remove_the_known_blur():
    how = DeblurrerSettings(network="mimo_unet@tiny", steps=40, batch=2, learning_rate=4e-3)
    pairs = make_pairs(clip()[SHARP], KnownBlurSettings(pairs=8, shortest_px=4, longest_px=6), 0)
    found = train_deblurrer(pairs, how, 48, Budget(), 40)
    with torch.no_grad():
        blurry = torch.from_numpy(pairs.blurry).permute(0, 3, 1, 2)[:, None] / 255
        restored = found.network(blurry)[:, 0].permute(0, 2, 3, 1).numpy()
    before = np.square(pairs.blurry / 255.0 - pairs.sharp / 255.0).mean()
    assert np.square(restored - pairs.sharp / 255.0).mean() < 0.95 * before
    assert found.loss[-1] < found.loss[0]


def test_real_pictures_are_sharp_ones_blurred_by_the_codes_of_known_pairs(kernel_file):
    fit = fit_of(settings(kernel_weights=kernel_file))
    sharp, code = torch.rand(2, 3, 48, 48), torch.rand(2, fit.kernel.code_channels, 6, 6)
    drawn = []
    fit.kernel.adapt, plain = (lambda s, c: drawn.append((s, c)) or s * 0 + 7), fit.kernel.adapt
    assert (fit.real() == 7).all()
    given, found = drawn[0]
    assert given.shape == sharp.shape
    assert found.shape == code.shape
    fit.kernel.adapt = plain
    assert not fit.real().requires_grad


def test_without_kernel_weights_the_known_pairs_themselves_are_real():
    fit = fit_of(settings())
    assert fit.kernel is None
    assert fit.real().shape == (2, 3, 48, 48)


def test_a_step_moves_both_networks_and_a_fit_records_three_losses():
    fit = fit_of(settings())
    networks = (fit.generator, fit.judge)
    before = [[p.detach().clone() for p in network.parameters()] for network in networks]
    made = fit.run(0, 2)
    assert len(made.loss) == 2
    assert all(len(losses) == 3 for losses in made.loss)
    for network, old in zip(networks, before, strict=True):
        assert any(not torch.equal(p, q) for p, q in zip(network.parameters(), old, strict=True))
    assert all(parameter.requires_grad for parameter in fit.judge.parameters())


def test_a_great_weight_of_likeness_keeps_the_picture():
    how = settings(translator=TINY["translator"] | {"pixel": 1e6, "steps": 4})
    frames = clip()
    scheme = Blur2blur(how)
    made, _ = scheme.translated(fit_of(how).run(0, 4).network, frames, Budget())
    assert np.abs(made.astype(int) - frames).mean() < 3


def test_as_published_frames_are_enlarged_and_few_pairs_are_drawn():
    faults = {"load_size": "published", "pairs": "published"}
    meant, published = fit_of(settings()), fit_of(settings(**{"as": faults}))
    assert meant._pairs._count == 4
    assert published._pairs._count == 1  # 40 % of four, rounded down
    assert published._unknown._stacks[0].shape[1:3] == (512, 640)
    assert meant._unknown._stacks[0].shape[1:3] == (64, 80)
    assert [size_of_test(size) for size in ((64, 80), (720, 1280), (400, 380))] == [
        (256, 256),
        (768, 1280),
        (512, 256),
    ]


def test_as_published_a_clip_is_restored_at_its_own_size():
    restored = Blur2blur(settings(**{"as": {"test_size": "published"}})).restore(clip(), labels(), Budget())
    assert restored.frames.shape == clip().shape


def test_steps_keep_the_ratio_and_each_network_has_one():
    scheme = Blur2blur(settings())
    assert scheme.fit_steps == 5
    for steps in (2, 5, 50):
        asked = scheme.with_steps(steps)
        assert asked.fit_steps == steps
    assert scheme.with_steps(50).settings.deblurrer.steps == 30
    assert scheme.with_steps(1).settings.translator.steps == 1


def test_a_network_without_steps_gets_none_and_a_fit_can_do_without_the_translator():
    for part in ("deblurrer", "translator"):
        scheme = Blur2blur(settings(**{part: TINY[part] | {"steps": 0}}))
        asked = scheme.with_steps(7)
        assert getattr(asked.settings, part).steps == 0
        assert asked.fit_steps == 7
    alone = Blur2blur(settings(translator=TINY["translator"] | {"steps": 0})).restore(clip(), labels(), Budget())
    assert alone.facts["translation_levels"] == 0
    assert alone.facts["translator_loss"] == []
    both = Blur2blur(settings(translator=TINY["translator"] | {"steps": 6, "learning_rate": 1e-2}))
    assert both.restore(clip(), labels(), Budget()).facts["translation_levels"] > 0


def test_known_blur_that_suits_a_clip_is_as_strong_as_the_clips_own():
    sharp = clip()[:4]
    known = KnownBlurSettings(shortest_px=4, longest_px=16, pairs=8, suits_clip=True)
    lengths = {}
    for longest in (1.0, 4.0, 12.0):
        own = make_pairs(sharp, scaled(known, longest / 16), 7).blurry
        found = suited(sharp, own, known, 0)
        lengths[longest] = found.longest_px
        assert found.shortest_px == pytest.approx(found.longest_px / 4)
    assert lengths[1.0] < lengths[4.0] < lengths[12.0]
    for longest, of_found in lengths.items():
        assert 0.6 < of_found / longest < 1.6
    assert suited(sharp, sharp, known, 0).longest_px < 0.5
    facts = Blur2blur(settings(known={"pairs": 4, "suits_clip": True})).restore(clip(), labels(), Budget()).facts
    assert facts["known_px"][1] < 18


def test_an_untrained_network_returns_its_picture_and_its_features_are_not_tiny():
    network = build_mimo("mimo_unet@tiny", 0)
    seen = []
    network.Decoder[2].register_forward_hook(lambda _, given, made: seen.append(made.std().item()))
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(network.scales(pictures)[-1], pictures)
    assert seen[0] > 0.1  # 0.006 with PyTorch's own weights, from which short trainings moved nothing
    again, other = build_mimo("mimo_unet@tiny", 0), build_mimo("mimo_unet@tiny", 1)
    assert torch.equal(
        again.Encoder[0].layers[0].main[0].main[0].weight, network.Encoder[0].layers[0].main[0].main[0].weight
    )
    assert not torch.equal(
        other.Encoder[0].layers[0].main[0].main[0].weight, network.Encoder[0].layers[0].main[0].main[0].weight
    )


def test_sharp_frames_stay_as_they_are_and_facts_say_what_was_off():
    restored = Blur2blur(settings()).restore(clip(), labels(), Budget())
    passed = labels().is_passed
    np.testing.assert_array_equal(restored.frames[passed], clip()[passed])
    assert (restored.frames[~passed] != clip()[~passed]).any()
    assert restored.facts["off"] == ["VGG16 loss (no weights): the mean absolute difference stands in for it"]
    assert restored.facts["kernel_weights"].startswith("none")
    assert set(restored.facts["seconds_by_stage"]) == {"preprocessing", "training", "restoring"}


def test_what_cannot_be_fitted_is_refused_in_a_sentence(tmp_path):
    some = labels()
    nothing, everything = (replace(some, is_sharp=np.full(8, is_sharp)) for is_sharp in (False, True))
    with pytest.raises(FitError, match="no frame of the clip is sharper"):
        Blur2blur(settings()).restore(clip(), nothing, Budget())
    np.testing.assert_array_equal(Blur2blur(settings()).restore(clip(), everything, Budget()).frames, clip())
    with pytest.raises(InputError, match=r"crops of 16 px are too small .* which need 48 px"):
        Blur2blur(settings(crop_px=16)).restore(clip(), labels(), Budget())
    with pytest.raises(WeightsError, match="missing"):
        Blur2blur(settings(kernel_weights=str(tmp_path / "none.pth"))).restore(clip(), labels(), Budget())
    for build, name, words in (
        (build_mimo, "nafnet@tiny", "compares pictures at three scales"),
        (build_judge, "nafnet@tiny", "name patch_gan"),
    ):
        with pytest.raises(InputError, match=words):
            build(name, 0)
    with pytest.raises(InputError, match="name a kernel network"):
        build_kernel("nafnet@tiny", {})


def test_crops_of_stacks_that_belong_together_show_the_same_place():
    stack = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3)).astype(np.uint8)
    drawer = PictureCrops((stack, 255 - stack), 9, np.random.default_rng(1), "cpu", multiple_px=4)
    assert drawer.side_px == 8
    for _ in range(8):
        one, other = drawer.draw(3)
        torch.testing.assert_close(one + other, torch.ones_like(one))
    small = PictureCrops((stack[:, :3],), 9, np.random.default_rng(1), "cpu", multiple_px=4)
    assert small.draw(1)[0].shape == (1, 3, 3, 3)


def test_a_kernel_network_is_trained_by_the_loop_that_all_methods_share(tmp_path):
    from hvdbench.methods.training.scheme import train_scheme

    scheme = load_method("blur2blur_kernel@tiny").trained_scheme.with_steps(2)
    window = scheme.settings.window.model_copy(update={"crop_px": 32})
    scheme = type(scheme)(scheme.settings.model_copy(update={"splits": (), "window": window}))
    reader = Twins(clip())
    network, result = train_scheme(scheme, reader, None, Budget())
    assert result.is_finished
    start = scheme.start(0).state_dict()
    assert any(not torch.equal(value, start[key]) for key, value in network.state_dict().items())


class Twins(FramesReader):
    """A clip whose truth is itself."""

    def __init__(self, frames):
        super().__init__(frames, labels(), "train/clip")

    @property
    def clips(self):
        return [replace(found, streams=(*found.streams, "sharp_centroid")) for found in super().clips]

    def read(self, key, stream, frames, box=None):
        return super().read(key, "blur", frames, box)


def test_the_tiny_recipes_restore_a_clip():
    for name in ("blur2blur@tiny", "blur2blur_paper@tiny"):
        scheme = load_method(name).scheme.with_steps(2)
        restored = scheme.restore(clip(), labels(), Budget())
        assert restored.frames.shape == clip().shape
