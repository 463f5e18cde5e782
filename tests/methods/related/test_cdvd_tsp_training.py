"""CDVD-TSP as a method: its loss, what trains, what restores, and how its recipes fit."""

import numpy as np
import pytest
import torch
from made_training import MadeReader
from torch import Tensor, nn

from hvdbench.errors import InputError, RecipeError
from hvdbench.methods.building import build_network, flow_of_pictures
from hvdbench.methods.opening import open_method
from hvdbench.methods.related.cdvd_tsp.objective import CdvdTspObjective, hard_mask
from hvdbench.methods.related.cdvd_tsp.scheme import CdvdTsp
from hvdbench.methods.related.cdvd_tsp.settings import CdvdTspSettings
from hvdbench.methods.restoration import Budget
from hvdbench.methods.training.checkpoints import write_tensors
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.schedule import learning_rate
from hvdbench.methods.training.scheme import train_scheme
from hvdbench.methods.training.settings import EngineSettings
from hvdbench.networks.cdvd_tsp import CDVDTSP
from hvdbench.recipe import check

ENGINE = {"steps": 4, "batch": 1, "learning_rate": 1e-3, "log_every": 2}
VALIDATION = {"clips": 0, "loss_samples": 1}


@pytest.fixture(autouse=True)
def undrawn(monkeypatch) -> None:
    monkeypatch.setattr("hvdbench.methods.training.run.draw_run", lambda *_, **__: True)
    monkeypatch.setattr("hvdbench.methods.training.records._tensorboard", lambda *_: None)


def scheme(**changes: object) -> CdvdTsp:
    frames = 2 * int(changes.get("stages", 2)) + 1
    usual = {
        "network": "cdvd_tsp",
        "network_arguments": {"n_feat": 4, "n_resblock": 1, "flow_width": 0.05},
        "identity_start": True,
        "window": {"crop_px": 16, "clip_frames": frames},
        "engine": ENGINE | {"validation": VALIDATION},
    }
    return CdvdTsp(check("cdvd_tsp.toml", usual | changes, CdvdTspSettings))


def batch(blurry: Tensor, truth: Tensor) -> dict[str, Tensor]:
    return {"blurry": blurry, "truth": truth, "index": torch.arange(len(blurry))}


def moved(made: CdvdTsp) -> CDVDTSP:
    """Build a network whose last layer is no longer zero, as after some training."""
    network = made.start(0)
    assert isinstance(network, CDVDTSP)
    torch.manual_seed(1)
    nn.init.normal_(network.recons_net.outBlock[-1].weight, std=0.01)
    return network


@pytest.fixture(scope="module")
def clip() -> Tensor:
    return torch.rand(1, 5, 3, 16, 20, generator=torch.Generator().manual_seed(0))


def test_as_many_pixels_are_hard_as_the_shares_say():
    error = torch.rand(2, 10, 10, generator=torch.Generator().manual_seed(0))
    seeds = [[0, 1], [0, 2]]
    hard = hard_mask(error, 0.5, 0.0, seeds)
    assert hard.sum(dim=(1, 2)).tolist() == [50, 50]
    assert error[hard == 1].view(2, 50).min() >= error[hard == 0].view(2, 50).quantile(0.02)
    for window, mask in zip(error, hard, strict=True):
        assert window[mask == 1].min() > window[mask == 0].max()
    drawn = hard_mask(error, 0.0, 0.1, seeds)
    assert drawn.sum(dim=(1, 2)).tolist() == [10, 10]
    torch.testing.assert_close(hard_mask(error, 0.5, 0.1, seeds), torch.maximum(hard, drawn))


def test_the_draw_of_pixels_depends_on_its_seed_alone():
    error = torch.zeros(2, 10, 10)
    first = hard_mask(error, 0.0, 0.1, [[0, 7], [1, 7]])
    torch.rand(3)
    torch.testing.assert_close(hard_mask(error, 0.0, 0.1, [[0, 7], [1, 7]]), first)
    assert not torch.equal(first[0], first[1])


def test_the_loss_counts_every_output_and_the_hard_half_of_the_pixels_again():
    made = scheme(hard_examples={"weight": 2.0, "top_share": 0.5, "random_share": 0.0})
    blurry = torch.full((1, 5, 3, 16, 16), 0.5)
    truth = blurry.clone()
    truth[:, 2, :, :, :4] += 0.4  # a quarter of the middle frame, which two of the four outputs show
    found = made.objective().loss(RgbNetwork(made.start(0)), batch(blurry, truth), 0)
    l1 = 0.4 * 0.25 * 0.5
    assert float(found.terms["l1"]) == pytest.approx(l1, rel=1e-5)
    assert float(found.terms["hard"]) == pytest.approx(l1, rel=1e-5)  # all that differs is among the hard half
    assert float(found.terms["hard_share"]) == 0.5
    assert float(found.total.detach()) == pytest.approx(3 * l1, rel=1e-5)
    without = scheme(hard_examples={"weight": 0.0}).objective().loss(RgbNetwork(made.start(0)), batch(blurry, truth), 0)
    assert float(without.total.detach()) == pytest.approx(l1, rel=1e-5)


def test_a_relative_loss_counts_a_frame_that_is_nearly_sharp_as_much_as_a_blurry_one():
    made = scheme(hard_examples={"weight": 0.0}, relative_floor=0.01)
    blurry = torch.full((1, 5, 3, 16, 16), 0.5)
    truth = blurry.clone()
    truth[:, 1] += 0.02  # its error and the floor are 0.03
    truth[:, 3] += 0.39  # 0.4
    found = made.objective().loss(RgbNetwork(made.start(0)), batch(blurry, truth), 0)
    assert float(found.total.detach()) == pytest.approx((0.02 / 0.03 + 0.39 / 0.4) / 4, rel=1e-5)
    assert float(found.terms["l1"]) == pytest.approx((0.02 + 0.39) / 4, rel=1e-5)
    hard = scheme(hard_examples={"weight": 2.0, "top_share": 1.0, "random_share": 0.0}, relative_floor=0.01)
    whole = hard.objective().loss(RgbNetwork(made.start(0)), batch(blurry, truth), 0)
    assert float(whole.total.detach()) == pytest.approx(3 * float(found.total.detach()), rel=1e-5)


@pytest.mark.parametrize("stages", [1, 2])
def test_a_training_compares_the_outputs_of_all_stages_of_one_network(clip, stages):
    network = moved(scheme(stages=stages))
    window = clip[:, : 2 * stages + 1]
    with network.returning_stages():
        found = network(window)
    first = network.restore_inner(window)
    wanted = torch.cat([first, network.restore_inner(first)], dim=1) if stages == 2 else first
    torch.testing.assert_close(found, wanted)
    whole = network(window)[:, stages]
    torch.testing.assert_close(found[:, -1], whole)
    assert network.spec.context_frames == stages


def test_two_stages_have_the_weights_of_one():
    one, two = (scheme(stages=stages).start(0).state_dict() for stages in (1, 2))
    assert one.keys() == two.keys()
    torch.testing.assert_close(dict(one), dict(two))


def test_the_second_stage_trains_the_first_one_too(clip):
    network = moved(scheme(prior=False))
    network.flow_net["moduleNetwork"].start_at_zero_flow()
    window = clip.clone().requires_grad_()
    with network.returning_stages():
        network(window)[:, -1].sum().backward()
    # the outermost frames reach the last output through the first stage alone
    assert window.grad is not None
    assert float(window.grad[:, 0].abs().max()) > 0


@pytest.mark.parametrize("joint", [True, False])
def test_the_loss_reaches_the_flow_network_in_joint_training_alone(clip, joint):
    made = scheme(joint_training=joint)
    network = moved(made)
    loss = made.objective().loss(RgbNetwork(network), batch(clip, 0.9 * clip), 0)
    loss.total.backward()
    reached = [parameter.grad is not None for parameter in network.flow_net.parameters()]
    assert all(reached) if joint else not any(reached)
    assert all(parameter.grad is not None for parameter in network.recons_net.parameters())
    assert network.spec.frozen == (() if joint else ("flow_net",))


def test_flow_by_dis_needs_no_flow_network(clip):
    network = moved(scheme(flow="dis"))
    assert network.flow_net is None
    assert network.given_flow is flow_of_pictures
    scene = torch.nn.functional.interpolate(
        torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(3)), size=(48, 48), mode="bicubic"
    ).clamp(0, 1)
    aligned, flow, mask = network.align(scene, torch.roll(scene, 2, dims=-1))
    assert float(flow[:, 0, 8:-8, 8:-8].median()) == pytest.approx(2, abs=0.3)
    assert float(mask[..., 8:-8].mean()) == 1
    assert float((aligned - scene)[..., 8:-8, 8:-8].abs().mean()) < 0.02
    network.given_flow = None
    with pytest.raises(ValueError, match="given_flow is not set"):
        network(clip)


@pytest.mark.parametrize(
    ("as_", "frames", "expected"),
    [
        ("meant", 5, [0, 0, 0, 1, 2, 3, 4, 4, 4]),
        ("published", 5, [0, 1, 0, 1, 2, 3, 4, 3, 4]),
        ("published", 1, [0, 0, 0, 0, 0]),
    ],
)
def test_every_frame_is_restored_and_the_ends_are_extended(monkeypatch, as_, frames, expected):
    network = moved(scheme(**{"as": as_}))
    seen = []
    monkeypatch.setattr(
        network, "restore_inner", lambda clip: seen.append(clip[0, :, 0, 0, 0].tolist()) or clip[:, 1:-1]
    )
    clip = torch.arange(frames).float().view(1, frames, 1, 1, 1).expand(1, frames, 3, 4, 4)
    assert network(clip).shape == clip.shape
    assert seen[0] == expected


def test_the_prior_is_the_paper_s_or_the_code_s_and_weights_keep_to_theirs(tmp_path):
    meant, published = moved(scheme()), moved(scheme(**{"as": "published"}))
    one = torch.ones(1, 1, 8, 8)
    frames = [torch.full((1, 3, 8, 8), level) for level in (0.5, 0.6, 0.5)]
    priors = [float(net.prior(frames[0], (frames[1], frames[2]), (one, one))[0, 0, 4, 4]) for net in (meant, published)]
    assert priors == pytest.approx([np.exp(-25 * 3 * 0.01 / 2), np.exp(-np.sqrt(3 * 0.01 / 2))], rel=1e-5)
    for name, network in (("meant", meant), ("published", published)):
        write_tensors(tmp_path / f"{name}.safetensors", network.state_dict())
        for as_ in ("meant", "published"):
            opened = scheme(**{"as": as_}).with_weights(tmp_path / f"{name}.safetensors").open()
            assert (opened.prior_as_meant is not None) == (name == "meant")


def test_published_weights_are_taken_as_they_are(shared, tmp_path):
    with np.load(shared / "parity" / "cdvd_tsp_small.npz") as arrays:
        weights = {key: torch.from_numpy(arrays[key]) for key in arrays.files if not key.startswith("__")}
        frames, wanted = (torch.from_numpy(arrays[key]) for key in ("__input__", "__output__"))
    write_tensors(tmp_path / "published.safetensors", weights)
    made = scheme(network_arguments={"n_feat": 8, "n_resblock": 1}).with_weights(tmp_path / "published.safetensors")
    network = made.open()
    with torch.no_grad():
        torch.testing.assert_close(network(frames)[:, 2], wanted, atol=5e-5, rtol=1e-5)
    facts = made.restore_with(network, np.zeros((3, 16, 16, 3), np.uint8), Budget()).facts
    assert facts["prior"] == "published"


@pytest.mark.parametrize("changes", [{"flow": "dis"}, {"joint_training": True}, {"stages": 1, "prior": False}])
def test_a_training_that_was_stopped_ends_like_one_that_was_not(tmp_path, changes):
    made, reader = scheme(**changes), MadeReader(frames=7)
    through, result = train_scheme(made, reader, tmp_path / "through", Budget(seed=0))
    assert result.is_finished
    stops = 0
    while True:
        parts, result = train_scheme(made, reader, tmp_path / "parts", Budget(seed=0, minutes=0.0))
        if result.is_finished:
            break
        stops += 1
    assert stops == 3
    for key, value in through.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[key], value, atol=0, rtol=0)
    start = made.start(0).state_dict()
    assert any(not torch.equal(value, start[key]) for key, value in through.state_dict().items())


def test_training_without_joint_flow_leaves_the_flow_network_as_it_was():
    made = scheme(joint_training=False)
    network, _ = train_scheme(made, MadeReader(frames=7), None, Budget(seed=0))
    start = made.start(0).state_dict()
    changed = {
        key.partition(".")[0] for key, value in network.state_dict().items() if not torch.equal(value, start[key])
    }
    assert changed == {"recons_net"}


def test_a_restored_clip_has_all_its_frames_and_says_where_its_flow_is_from():
    made = scheme(flow="dis")
    blurry = np.random.default_rng(0).integers(0, 256, (3, 18, 22, 3), dtype=np.uint8)
    restored = made.restore_with(made.start(0).eval(), blurry, Budget())
    np.testing.assert_array_equal(restored.frames, blurry)  # it starts at the identity
    assert restored.facts["flow"] == "OpenCV's DIS in place of PWC-Net, not trained"
    assert restored.facts["prior"] == "meant"
    assert "random weights, trained with the restoration" in scheme().remark
    known = scheme(start_parts={"flow_net.moduleNetwork": "pwc_net"}, joint_training=False)
    assert known.remark == "flow: PWC-Net, from published weights, not trained"


def test_the_panel_shows_blurry_both_stages_true_and_the_error():
    made = scheme()
    blurry = torch.full((1, 5, 3, 16, 16), 0.5)
    picture = CdvdTspObjective(made.settings).panel(RgbNetwork(made.start(0)), batch(blurry, blurry - 0.1), 0)
    assert (picture.shape, picture.dtype) == ((16, 80, 3), np.uint8)
    assert picture[0, ::16, 0].tolist() == [128, 128, 128, 102, 204]  # 8 * 0.1 * 255


def test_windows_fit_the_stages_and_the_network_is_its_own():
    with pytest.raises(RecipeError, match="depends on 3 frames: set it to 3"):
        scheme(stages=1, window={"crop_px": 16, "clip_frames": 5})
    with pytest.raises(InputError, match="trains the network 'cdvd_tsp' alone, and 'estrnn@tiny'"):
        scheme(network="estrnn@tiny", network_arguments={}).build()
    network = moved(scheme())
    with network.returning_stages(), pytest.raises(ValueError, match="2 stages are trained on 5 frames, not 4"):
        network(torch.zeros(1, 4, 3, 8, 8))


@pytest.mark.parametrize(("name", "value"), [("stages", 3), ("prior", "both"), ("flow", "raft"), ("ends", "mirror")])
def test_an_argument_of_the_network_that_it_does_not_know_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name} must be one of"):
        build_network("cdvd_tsp@tiny", {name: value})


def test_the_rate_is_halved_on_the_published_schedule():
    settings = open_method("cdvd_tsp").trained_scheme.engine
    rates = [learning_rate(settings, step) for step in (0, 199_999, 200_000, 399_999, 400_000, 499_999)]
    assert rates == pytest.approx([1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5, 2.5e-5])
    assert settings.rates == {"flow_net": 0.01}


def test_halving_needs_its_interval_and_leaves_the_digest_of_others_alone():
    assert "halve_every" not in EngineSettings().model_dump(mode="json")
    assert EngineSettings(schedule="halving", halve_every=5).model_dump()["halve_every"] == 5
    for faulty in ({"schedule": "halving"}, {"halve_every": 5}):
        with pytest.raises(RecipeError, match="set both or neither"):
            check("engine", faulty, EngineSettings)


def test_a_blending_network_starts_as_the_blend_and_its_sharp_neighbour_helps_a_blurry_frame():
    scene = torch.nn.functional.interpolate(
        torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(3)), size=(64, 64), mode="bicubic"
    ).clamp(0, 1)
    blurry = torch.nn.functional.avg_pool2d(scene, 5, stride=1, padding=2, count_include_pad=False)
    clip = torch.stack([scene, blurry, scene], dim=1)  # (1, 3, 3, 64, 64)
    network = moved(scheme(flow="dis", identity_start=False, network_arguments={"blends": True}))
    nn.init.zeros_(network.recons_net.outBlock[-1].weight)
    with torch.no_grad():
        restored = network.eval()(clip)
        still = network(scene[:, None].expand(1, 3, -1, -1, -1))
    assert float((restored[:, 1] - scene).square().mean()) < 0.5 * float((blurry - scene).square().mean())
    torch.testing.assert_close(still[:, 1], scene, atol=1e-5, rtol=0)
    network.start_at_identity()
    with torch.no_grad():
        torch.testing.assert_close(network(clip), clip, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "name", ["cdvd_tsp", "cdvd_tsp_without_prior", "cdvd_tsp_one_stage", "cdvd_tsp_without_joint_training"]
)
def test_a_recipe_s_tiny_size_restores_every_frame(name):
    made = open_method(f"{name}@tiny").trained_scheme
    assert isinstance(made, CdvdTsp)
    network = made.start(0).eval()
    assert isinstance(network, CDVDTSP)
    settings = made.settings
    assert (network.stages, network.has_prior) == (settings.stages, settings.prior)
    assert (network.flow_net is None) == (settings.flow == "dis")
    with torch.no_grad():
        assert network(torch.rand(1, 3, 3, 16, 16)).shape == (1, 3, 3, 16, 16)
