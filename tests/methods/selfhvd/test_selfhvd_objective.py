"""SelfHVD's two stages on made windows: which loss, which target, whose gradient, and the anchor's life."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hvdbench.methods.selfhvd.clues import draw_slots
from hvdbench.methods.selfhvd.flows import DisFlow, FlowPair
from hvdbench.methods.selfhvd.masks import still_pair
from hvdbench.methods.selfhvd.objective import SelfHvdObjective
from hvdbench.methods.selfhvd.settings import SelfHvdObjectiveSettings
from hvdbench.methods.training.objective import ANCHOR_UPDATE, MASK_COVERAGE, SHARP_CHOSEN_SHARE, Objective


class Still:
    """Says that nothing moved, and remembers what it was asked to align to."""

    def __init__(self) -> None:
        self.references: list[Tensor] = []

    def __call__(self, i: Tensor, j: Tensor) -> FlowPair:
        assert not i.requires_grad
        assert not j.requires_grad
        self.references.append(i)
        return still_pair(i)


class Scaled(nn.Module):
    """Gives its input back, times its one weight, and remembers what it saw."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.seen: list[Tensor] = []

    def forward(self, clip: Tensor) -> Tensor:
        self.seen.append(clip.detach())
        return self.scale * clip


class Bare(nn.Module):
    """One convolution over all frames."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, clip: Tensor) -> Tensor:
        return self.conv(clip.flatten(0, 1)).view_as(clip)


class Doubled(nn.Module):
    """Features: the picture at half the size, times 2."""

    def forward(self, pictures: Tensor) -> Tensor:
        return 2 * nn.functional.avg_pool2d(pictures, 2)


def batch_of(flags: str, blurry: Tensor, sharp: Tensor, index: int = 0) -> dict[str, Tensor]:
    selected = torch.tensor([[letter == "s" for letter in flags]])
    return {
        "blurry": blurry,
        "sharp": sharp,
        "nearest": torch.where(selected, 0, 1),
        "is_selected": selected,
        "index": torch.tensor([index]),
    }


def levels(values: list[float], size: int = 8) -> Tensor:
    """Flat frames, (1, T, 3, size, size)."""
    return torch.tensor(values).view(1, -1, 1, 1, 1).expand(1, len(values), 3, size, size).clone()


def noise(count: int, seed: int = 0, size: int = 16) -> Tensor:
    return torch.rand(1, count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def made(
    stage1_steps: int = 0, *, features: nn.Module | None = None, flows: Any = None, **changes: Any
) -> SelfHvdObjective:
    values: dict[str, Any] = {"perceptual": {"weight": 1.0 if features else 0.0}, "scscm": False, **changes}
    settings = SelfHvdObjectiveSettings.model_validate(values)
    return SelfHvdObjective(settings, stage1_steps, seed=3, flows=flows or Still(), features=features)


def test_it_is_an_objective():
    objective: Objective = made()
    assert objective.state().keys() == {"anchor_rule"}


def test_stage_one_is_the_masked_distance_to_the_aligned_label():
    loss = made(10).loss(Scaled(0.5), batch_of("sbb", levels([0.2, 0.4, 0.6]), levels([0.2, 0.2, 0.2])), step=9)
    expected = (0.1 + 0.0 + 0.1) / 3  # |0.1 - 0.2|, |0.2 - 0.2|, |0.3 - 0.2|
    assert loss.total.item() == pytest.approx(expected)
    assert loss.terms["rec"].item() == pytest.approx(expected)
    assert loss.terms[MASK_COVERAGE].item() == 1
    assert not any(term.requires_grad for term in loss.terms.values())


def test_the_perceptual_term_is_added_by_its_weight():
    batch = batch_of("sbb", levels([0.2, 0.4, 0.6]), levels([0.2, 0.2, 0.2]))
    pixels = (0.1 + 0.0 + 0.1) / 3
    found = made(10, features=Doubled(), perceptual={"weight": 0.25}).loss(Scaled(0.5), batch, step=0)
    assert found.terms["vgg"].item() == pytest.approx(2 * pixels)
    assert found.total.item() == pytest.approx(pixels + 0.25 * 2 * pixels)


@pytest.mark.parametrize(("on", "expected"), [("output", 0.5), ("input", 1.0)])
def test_labels_are_aligned_to_the_output_or_to_the_input(on, expected):
    flows = Still()
    blurry = levels([0.2, 0.4])
    made(10, flows=flows, flow={"on": on}).loss(Scaled(0.5), batch_of("sb", blurry, blurry), step=0)
    torch.testing.assert_close(flows.references[0], expected * blurry[0])


def test_a_selected_frame_can_stay_its_own_label_where_it_is():
    flows = Still()
    blurry = levels([0.2, 0.4, 0.3])
    made(10, flows=flows, flow={"own_label": "in_place"}).loss(Scaled(), batch_of("sbs", blurry, blurry), step=0)
    assert len(flows.references[0]) == 1


def test_what_stands_in_a_slot_decides_its_target_and_alignment():
    # every frame has its own level, its label and the teacher are the same: no target can be mixed up unseen
    flows, network = Still(), Scaled()
    blurry = levels([0.1, 0.2, 0.3, 0.4, 0.5])
    batch = batch_of("sbssb", blurry, blurry, index=4)
    loss = made(flows=flows).loss(network, batch, step=0)
    whole, without_clues = network.seen
    slots = draw_slots(batch["is_selected"][0].numpy(), "sharp", 20, seed=3, index=4)
    assert slots.tolist() != [0, 1, 2, 3, 4]
    torch.testing.assert_close(whole, blurry)
    torch.testing.assert_close(without_clues, blurry[:, slots])
    torch.testing.assert_close(flows.references[0], blurry[0, slots])
    assert loss.total.item() == pytest.approx(0, abs=1e-7)
    assert loss.terms["clues_removed_share"].item() == pytest.approx((slots != np.arange(5)).mean())


@pytest.mark.parametrize(
    ("supervision", "chosen", "expected"),
    [("select", 1.0, 0.2), ("always_sharp", 1.0, 0.2), ("always_teacher", 0.0, 0.0)],
)
def test_a_sharper_label_is_the_target_unless_a_rule_says_otherwise(supervision, chosen, expected):
    # the label is the frame with twice its contrast about 0.5: farther by the mean of |x - 0.5|
    blurry = 0.5 + 0.4 * (noise(3) - 0.5)
    sharp = 0.5 + 2 * (blurry - 0.5)
    loss = made(supervision=supervision, clues="off").loss(Scaled(), batch_of("sbb", blurry, sharp), step=0)
    assert loss.terms[SHARP_CHOSEN_SHARE].item() == chosen
    distance = (blurry - sharp).abs().mean().item() if expected else 0.0
    assert loss.total.item() == pytest.approx(distance, abs=1e-6)


def test_each_frame_chooses_its_own_target():
    blurry = 0.5 + 0.4 * (noise(4) - 0.5)
    sharp = 0.5 + 0.5 * (blurry - 0.5)  # softer than the teacher
    sharp[:, 1] = 0.5 + 2 * (blurry[:, 1] - 0.5)
    loss = made(clues="off").loss(Scaled(), batch_of("sbbb", blurry, sharp), step=0)
    assert loss.terms[SHARP_CHOSEN_SHARE].item() == 0.25
    assert loss.total.item() == pytest.approx((blurry - sharp)[:, 1].abs().mean().item() / 4, rel=1e-4)


class OffTheFrame(Still):
    """Says that the left 3/4 of every picture have no match."""

    def __call__(self, i: Tensor, j: Tensor) -> FlowPair:
        pair = super().__call__(i, j)
        flow = pair.flow_ij.clone()
        flow[..., : flow.shape[-1] * 3 // 4] = 1e3
        return pair._replace(flow_ij=flow)


def test_a_label_that_hardly_covers_its_frame_is_not_taken_and_never_seen_outside_its_mask():
    blurry = 0.5 + 0.4 * (noise(2) - 0.5)
    sharp = 0.5 + 2 * (blurry - 0.5)
    batch = batch_of("sb", blurry, sharp)
    found = made(clues="off", flows=OffTheFrame()).loss(Scaled(), batch, step=0)
    assert found.terms["occlusion_coverage"].item() == pytest.approx(0.25)
    assert found.terms[SHARP_CHOSEN_SHARE].item() == 0
    off = {"masks": {"occlusion": False, "uncertainty": False}}
    unmasked = made(clues="off", flows=OffTheFrame(), **off).loss(Scaled(), batch, step=0)
    assert unmasked.terms[MASK_COVERAGE].item() == 1
    assert unmasked.terms[SHARP_CHOSEN_SHARE].item() == 0  # Eq. 8 asks M_occ all the same
    on_trusted = (blurry - sharp)[..., 12:].abs().mean().item()
    for divided, expected in ((True, on_trusted), (False, on_trusted / 4)):
        masks = {"masks": {"divided": divided}}
        always = made(clues="off", flows=OffTheFrame(), supervision="always_sharp", **masks)
        assert always.loss(Scaled(), batch, step=0).total.item() == pytest.approx(expected, rel=1e-4)


def test_gradients_flow_through_the_output_without_clues_alone():
    network = Scaled(0.9)
    blurry = noise(4)
    loss = made(features=Doubled(), flows=DisFlow("fast")).loss(network, batch_of("sbsb", blurry, noise(4, 1)), step=0)
    loss.total.backward()
    assert torch.isfinite(network.scale.grad)
    # the teacher is the same network: were its gradient not stopped, target and output would cancel
    teacher_only = made(supervision="always_teacher", clues="off")
    pulled = Scaled(0.9)
    teacher_only.loss(pulled, batch_of("sb", levels([0.2, 0.4]), levels([0.2, 0.4])), step=0).total.backward()
    assert pulled.scale.grad.item() == 0  # |x - sg(x)| has no slope at 0, and no other path leads to the weight


def test_without_self_enhancement_stage_two_keeps_the_loss_of_stage_one():
    network = Scaled(0.5)
    batch = batch_of("sbb", levels([0.2, 0.4, 0.6]), levels([0.2, 0.2, 0.2]))
    loss = made(0, sevd=False).loss(network, batch, step=0)
    assert loss.total.item() == pytest.approx(0.2 / 3)
    assert len(network.seen) == 1
    assert SHARP_CHOSEN_SHARE not in loss.terms


def test_the_first_anchor_is_the_network_at_the_end_of_stage_one():
    objective, network = made(2, scscm=True, spatial_consistency=2.0, supervision="always_teacher"), Scaled(0.5)
    blurry = levels([0.2, 0.4])
    batch = batch_of("bb", blurry, blurry)
    assert "scscm" not in objective.loss(network, batch, step=1).terms
    assert objective.loss(network, batch, step=2).total.item() == pytest.approx(0)
    with torch.no_grad():
        network.scale.fill_(0.7)
    loss = objective.loss(network, batch, step=3)
    assert loss.terms["scscm"].item() == pytest.approx(0.2 * 0.3)
    assert loss.total.item() == pytest.approx(2.0 * 0.2 * 0.3)
    loss.total.backward()
    assert network.scale.grad.item() == pytest.approx(2.0 * 0.3)  # towards the anchor, whose own weight stands still


def test_the_anchor_follows_the_clues_that_were_removed():
    objective, network = made(0, scscm=True), Scaled()
    blurry = levels([0.1, 0.2, 0.3, 0.4, 0.5])
    assert objective.loss(network, batch_of("sbssb", blurry, blurry, index=4), step=0).total.item() == pytest.approx(0)


def test_a_validation_moves_the_anchor_once_more_and_tells_why():
    objective, network = made(2, scscm=True, supervision="always_teacher"), Scaled(0.5)
    batch = batch_of("bb", levels([0.2, 0.4]), levels([0.2, 0.4]))
    good = {"shift_px": 0.02, "sharpness": 100.0}
    assert objective.at_validation(network, 1, good | {"sharpness": 80.0}) == {}
    assert objective.validate_at == (2,)
    assert objective.at_validation(network, 2, good)[ANCHOR_UPDATE] == 1
    with torch.no_grad():
        network.scale.fill_(0.7)
    assert objective.at_validation(network, 3, {"shift_px": 0.5, "sharpness": 120.0}) == {
        ANCHOR_UPDATE: 0.0,
        "anchor_updates": 1.0,
        "anchor_shift_px": 0.5,
        "anchor_sharpness_ratio": 1.2,
    }
    assert objective.loss(network, batch, 3).terms["scscm"].item() == pytest.approx(0.2 * 0.3)
    moved = objective.at_validation(network, 4, {"shift_px": 0.1, "sharpness": 110.0})
    assert (moved[ANCHOR_UPDATE], moved["anchor_updates"]) == (1, 2)
    assert objective.loss(network, batch, 4).terms["scscm"].item() == pytest.approx(0)
    assert objective.at_validation(network, 5, {"shift_px": 0.0, "sharpness": 999.0})[ANCHOR_UPDATE] == 0


def test_without_consistency_there_is_no_anchor():
    objective = made(0, scscm=False)
    assert objective.at_validation(Scaled(), 5, {"shift_px": 0.0, "sharpness": 1.0}) == {}
    objective.loss(Scaled(), batch_of("sb", levels([0.1, 0.2]), levels([0.1, 0.2])), 5)
    assert objective.state().keys() == {"anchor_rule"}


def test_the_state_brings_the_anchor_back():
    objective, network = made(0, scscm=True, supervision="always_teacher"), Scaled(0.5)
    batch = batch_of("bb", levels([0.2, 0.4]), levels([0.2, 0.4]))
    objective.loss(network, batch, 0)
    with torch.no_grad():
        network.scale.fill_(0.7)
    saved = objective.state()
    assert saved["anchor.scale"].item() == 0.5
    other = made(0, scscm=True, supervision="always_teacher")
    other.load_state(saved)
    assert torch.equal(other.state()["anchor.scale"], saved["anchor.scale"])  # before it is used, too
    torch.testing.assert_close(other.loss(network, batch, 1).total, objective.loss(network, batch, 1).total)
    measured = {"shift_px": 0.0, "sharpness": 100.0}
    assert other.at_validation(network, 2, measured) == objective.at_validation(network, 2, measured)


def test_a_distributed_wrapper_is_taken_off_for_passes_without_gradient(monkeypatch):
    class Wrapper(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module, self.calls = module, 0

        def forward(self, clip: Tensor) -> Tensor:
            self.calls += 1
            return self.module(clip)

    monkeypatch.setattr("torch.nn.parallel.DistributedDataParallel", Wrapper)
    wrapped = Wrapper(Scaled(0.5))
    objective = made(0, scscm=True)
    objective.loss(wrapped, batch_of("sb", levels([0.2, 0.4]), levels([0.2, 0.4])), 0)
    assert wrapped.calls == 1
    assert objective.state().keys() == {"anchor_rule", "anchor.scale"}


def test_equal_windows_have_equal_losses_whatever_else_was_drawn():
    network = Bare()
    batch = batch_of("sbsbsb", noise(6), noise(6, 1), index=11)
    first = made(flows=DisFlow("fast")).loss(network, batch, 0)
    torch.rand(5)
    state = torch.get_rng_state()
    again = made(flows=DisFlow("fast")).loss(network, batch, 0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.total, again.total)


def test_a_batch_is_the_mean_of_its_windows():
    network, objective = Bare(), made(flows=DisFlow("fast"), scscm=True, features=Doubled())
    one = batch_of("sbsb", noise(4), noise(4, 1), index=1)
    two = batch_of("bbsb", noise(4, 2), noise(4, 3), index=2)
    both = {name: torch.cat((one[name], two[name])) for name in one}
    alone = [objective.loss(network, batch, 0).total for batch in (one, two)]
    torch.testing.assert_close(objective.loss(network, both, 0).total, sum(alone) / 2)


def test_reblur_consistency_is_added_in_both_stages():
    batch = batch_of("sbbb", noise(4, size=24), noise(4, 1, size=24))
    for stage1_steps in (5, 0):
        plain = made(stage1_steps, flows=DisFlow("fast")).loss(Scaled(), batch, 1)
        found = made(stage1_steps, flows=DisFlow("fast"), reblur=0.5).loss(Scaled(), batch, 1)
        torch.testing.assert_close(found.total, plain.total + 0.5 * found.terms["reblur"])
        assert 0 <= found.terms["explained_share"] <= 1


def test_the_panel_has_a_row_for_each_chosen_frame():
    objective, network = made(10, flows=DisFlow("fast")), Bare()
    panel = objective.panel(network, batch_of("sbsb", noise(4, size=32), noise(4, 1, size=32)), 0)
    assert panel.dtype == np.uint8
    assert panel.shape == (24 + 3 * 166, 6 + 5 * 166, 3)
    short = objective.panel(network, batch_of("sb", noise(2, size=32), noise(2, 1, size=32)), 0)
    assert short.shape[0] == 24 + 2 * 166


def test_a_network_learns_its_labels_in_both_stages():
    torch.manual_seed(0)
    network, objective = Bare(), made(60, scscm=True)
    sharp = noise(4, size=24)
    batch = batch_of("bbsb", sharp, 0.5 * sharp + 0.2)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-2)
    totals = []
    for step in range(90):
        loss = objective.loss(network, batch, step)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        totals.append(loss.total.item())
    assert totals[59] < 0.3 * totals[0]
    assert np.isfinite(totals).all()
