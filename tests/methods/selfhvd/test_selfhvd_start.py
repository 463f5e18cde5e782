"""SelfHVD that starts: from the identity, with labels that can be aligned, and never to an end below its input."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_training import MadeReader
from skimage import data
from torch import Tensor, nn
from torch.nn import functional

import hvdbench
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.errors import FitError
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.selfhvd.aligned_clips import label_of
from hvdbench.methods.selfhvd.clues import own_slots
from hvdbench.methods.selfhvd.equations import reconstruction_loss, self_enhanced_loss
from hvdbench.methods.selfhvd.flows import DisFlow, FlowPair
from hvdbench.methods.selfhvd.masks import align, still_pair
from hvdbench.methods.selfhvd.objective import ON_OUTPUT_SHARE, SelfHvdObjective
from hvdbench.methods.selfhvd.scheme import SelfHvd
from hvdbench.methods.selfhvd.settings import MaskSettings, SelfHvdObjectiveSettings, SelfHvdSettings
from hvdbench.methods.training.scheme import train_scheme
from hvdbench.metrics.fidelity import psnr

NO_WEIGHTS = {"flow": {"model": "dis_fast"}, "perceptual": {"weight": 0}}
SIDE = 96


def picture() -> Tensor:
    """A photograph, (1, 3, SIDE + 8, SIDE + 8)."""
    frame = torch.from_numpy(data.astronaut())[None].permute(0, 3, 1, 2).float() / 255
    return functional.avg_pool2d(frame, 2)[..., : SIDE + 8, 60 : 68 + SIDE]


def shifted(by_px: float, blur_px: int = 1) -> Tensor:
    """The photograph as a camera sees it that moved along x, blurred over some px of its way, (3, SIDE, SIDE)."""
    place = torch.eye(2, 3)[None].clone()
    place[0, 0, 2] = 2 * by_px / (SIDE + 8)
    grid = functional.affine_grid(place, (1, 3, SIDE + 8, SIDE + 8), align_corners=False)
    moved = functional.grid_sample(picture(), grid, align_corners=False, padding_mode="border")
    blurred = torch.stack([moved.roll(k - blur_px // 2, -1) for k in range(blur_px)]).mean(0)
    return blurred[0, :, 4:-4, 4:-4]


def window() -> dict[str, Tensor]:
    """Three frames, of which the middle one is sharp and labels the others."""
    sharp = shifted(0)
    blurry = torch.stack([shifted(-1.5, 5), sharp, shifted(1.5, 5)])
    return {
        "blurry": blurry[None],
        "sharp": sharp.expand(1, 3, -1, -1, -1),
        "nearest": torch.tensor([[1, 0, -1]]),
        "is_selected": torch.tensor([[False, True, False]]),
        "index": torch.tensor([0]),
    }


def settings(**changes: object) -> SelfHvdObjectiveSettings:
    return SelfHvdObjectiveSettings.model_validate(NO_WEIGHTS | changes)


def noise() -> Tensor:
    return torch.rand(1, 3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_a_divided_loss_is_a_mean_over_the_trusted_pixels_of_each_picture():
    restored, wanted = torch.full((2, 3, 8, 8), 0.9), torch.full((2, 3, 8, 8), 0.1)
    mask = torch.zeros(2, 1, 8, 8)
    mask[0, :, :2] = 1
    mask[1] = 0.5
    assert reconstruction_loss(restored, wanted, mask, divided=True) == pytest.approx(0.8)
    assert reconstruction_loss(restored, wanted, 0 * mask, divided=True) == 0
    chosen = torch.tensor([True, False])
    halves = self_enhanced_loss(restored, wanted, mask, restored - 0.2, chosen, divided=True)
    assert halves == pytest.approx((0.8 + 0.2) / 2)


def test_only_a_divided_loss_prefers_the_truth_to_what_cannot_be_aligned():
    sharp, flows, masks = shifted(0)[None], DisFlow("medium"), MaskSettings()
    truth = shifted(1.5)[None]
    candidates = {"truth": truth, "noise": noise()[:, 0], "mirrored": truth.flip(-1)}

    def losses(divided: bool) -> dict[str, float]:
        labels = {name: align(candidate, sharp, flows, masks) for name, candidate in candidates.items()}
        return {
            name: float(reconstruction_loss(candidates[name], label.warped, label.mask, divided=divided))
            for name, label in labels.items()
        }

    as_printed, divided = losses(False), losses(True)
    assert min(as_printed, key=as_printed.__getitem__) != "truth"
    assert min(divided, key=divided.__getitem__) == "truth"


def test_a_frame_is_aligned_to_its_input_until_its_output_can_be_aligned():
    batch, flows = window(), DisFlow("fast")
    slots = own_slots(batch["blurry"])
    half = torch.cat((batch["blurry"][:, :2], noise()[:, 2:]), 1)
    label = label_of(half, batch, slots, flows, settings())
    assert label.on_output.tolist() == [True, True, False]
    on_input = label_of(half, batch, slots, flows, settings(flow={"model": "dis_fast", "on": "input"}))
    assert not on_input.on_output.any()
    for found, expected in ((label.warped, on_input.warped), (label.mask, on_input.mask)):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    as_printed = label_of(half, batch, slots, flows, settings(flow={"model": "dis_fast", "output_share": 0.0}))
    assert as_printed.on_output.all()
    assert as_printed.mask[2].mean() < 0.1 < label.mask[2].mean()


def test_the_log_tells_how_many_labels_are_aligned_to_the_output():
    class Noise(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return noise()

    objective = SelfHvdObjective(settings(), 10, flows=DisFlow("fast"))
    assert objective.loss(nn.Identity(), window(), 0).terms[ON_OUTPUT_SHARE] == 1
    assert objective.loss(Noise(), window(), 0).terms[ON_OUTPUT_SHARE] == 0


def test_the_distance_falls_as_the_output_nears_the_truth_whatever_the_stage():
    class Truth(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return torch.stack([shifted(-1.5), shifted(0), shifted(1.5)])[None]

    class Noise(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return noise()

    for stage1_steps in (10, 0):
        objective = SelfHvdObjective(settings(), stage1_steps, flows=DisFlow("medium"))
        found = [float(objective.distance(network, window())) for network in (Truth(), nn.Identity(), Noise())]
        assert found[0] < 0.5 * found[1] < 0.5 * found[2]


def scheme(**changes: object) -> SelfHvd:
    values = {
        "network": "made_training:OneConvolution",
        "window": {"crop_px": 16, "clip_frames": 3},
        "engine": {
            "steps": 4,
            "log_every": 2,
            "validate_every": 2,
            "checkpoint_every": 2,
            "validation": {"clips": 1, "frames": 2, "loss_samples": 1},
        },
        **NO_WEIGHTS,
    }
    return SelfHvd(SelfHvdSettings.model_validate(values | changes))


class Unsure:
    """Says that nothing moved, and that it trusts nothing."""

    def __call__(self, i: Tensor, j: Tensor) -> FlowPair:
        still = still_pair(i)
        return still._replace(confidence_ij=0 * still.confidence_ij)


def test_labels_that_cover_nothing_stop_the_run_with_a_sentence(monkeypatch):
    monkeypatch.setattr("hvdbench.methods.selfhvd.objective.make_flows", lambda _: Unsure())
    with pytest.raises(FitError, match=r"at step 2 the labels cover 0\.0% of the pixels, and less than 2% is nothing"):
        train_scheme(scheme(), MadeReader(), None, Budget())
    _, result = train_scheme(scheme(masks={"least_coverage": 0}), MadeReader(), None, Budget())
    assert result.is_finished


def test_a_recipe_from_nothing_starts_at_the_identity_and_one_with_weights_does_not(tmp_path):
    from safetensors.torch import save_file

    made = SelfHvd(SelfHvdSettings(network="estrnn@tiny", identity_start=True, **NO_WEIGHTS))
    clip = torch.rand(1, 3, 3, 16, 16) - 0.5
    torch.testing.assert_close(made.start(0)(clip), clip)
    published = made.build(3)
    save_file(published.state_dict(), tmp_path / "w.safetensors")
    warm = SelfHvd(made.settings.model_copy(update={"start_from": str(tmp_path / "w.safetensors")}))
    torch.testing.assert_close(warm.start(0)(clip), published(clip))


@pytest.mark.parametrize("network", ["basicvsrpp", "estrnn", "ifirnn", "rvrt"])
def test_the_recipes_start_with_outputs_that_can_be_aligned_as_well_as_the_input(network):
    made = load_method(f"selfhvd_{network}@tiny").scheme
    started = made.start(0).eval()
    low, high = started.spec.value_range
    batch = window()
    with torch.no_grad():
        restored = (started(batch["blurry"] * (high - low) + low) - low) / (high - low)
    slots, flows = own_slots(batch["blurry"]), DisFlow("medium")
    found = label_of(restored, batch, slots, flows, settings(flow={"model": "dis_fast", "output_share": 0.0}))
    on_input = label_of(restored, batch, slots, flows, settings(flow={"model": "dis_fast", "on": "input"}))
    torch.testing.assert_close(found.mask.mean(), on_input.mask.mean(), atol=0.02, rtol=0)
    assert found.mask.mean() > 0.5


def test_the_anchor_can_move_twice_within_the_tiny_steps():
    made = load_method("selfhvd_basicvsrpp@tiny").scheme
    engine = made.settings.engine
    later = [s for s in range(1, engine.steps + 1) if s % engine.validate_every == 0 and s > made.settings.stage1_steps]
    assert len([step for step in later if step < engine.steps]) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("network", ["estrnn", "ifirnn"])
def test_a_tiny_fit_never_ends_below_its_input(network, tmp_path):
    hvdbench.synth("demo@tiny", output=tmp_path / "demo")
    demo_clips = open_reader(Path(tmp_path / "demo"))
    made = load_method(f"selfhvd_{network}@tiny").scheme
    trained, _ = train_scheme(made.with_steps(40), demo_clips, None, Budget())
    for facts in demo_clips.clips:
        frames = range(facts.frame_count)
        blurry, truth = (demo_clips.read(facts.key, stream, frames) for stream in ("blur", "sharp_centroid"))
        restored = made.restore_with(trained, blurry, Budget()).frames
        gain = np.mean([psnr(r, t) - psnr(b, t) for r, b, t in zip(restored, blurry, truth, strict=True)])
        assert gain >= 0, facts.key
