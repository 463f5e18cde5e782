"""Trainings of HyperCUT: of the order, and of sequences with and without its regulariser; switches and refusals."""

import math

import numpy as np
import pytest
import skimage.data
import torch
from made_exposures import exposure, make_exposures
from made_training import MadeReader
from safetensors.torch import load_file, save_file

from hvdbench.catalog import resolve
from hvdbench.dataset.facts import read_subframes
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.methods.recipe import load_method
from hvdbench.methods.related.hypercut.losses import order_invariant_loss
from hvdbench.methods.related.hypercut.order import build_order, consistent_share, hit_share
from hvdbench.methods.restoration import Budget
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings
from hvdbench.methods.training.scheme import train_scheme
from hvdbench.methods.training.validation import batch_of
from hvdbench.metrics.order import open_order
from hvdbench.networks.hypercut import HyperCUT
from hvdbench.networks.related.purohit import flow_terms
from hvdbench.networks.related.sequence import MIDDLE, frames_of
from hvdbench.runs.training import run_training
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into
from hvdbench.workspace.workspace import Workspace

BACKBONES = ("jin", "purohit", "zhong")
SMALL = {"crop_px": 40, "clip_frames": 1}
FEW = {"steps": 2, "batch": 2, "warm_up_steps": 0, "validation": {"clips": 0, "loss_samples": 1}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_exposures(tmp_path_factory.mktemp("data") / "exposures", clips=2, frames=2, side=48)


@pytest.fixture(scope="module")
def order_weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("order") / "order.safetensors"
    save_file(resolve("network", "hypercut").build("tiny", as_meant=True).state_dict(), path)
    return path


def method_of(name, **settings):
    return load_method(f"{name}@tiny", overrides={"window": SMALL, "engine": FEW, **settings})


def with_order(backbone, order_weights, **settings):
    return method_of(f"blur2vid_{backbone}_hypercut", order={"weights": str(order_weights)}, **settings)


def batch_from(dataset, count=2):
    windows = TrainingWindows(
        open_reader(dataset.folder), WindowSettings(**SMALL), 3, count, with_sharp=False, with_subframes=True
    )
    return batch_of(windows, range(count), torch.device("cpu"))


def loss_of(scheme, batch, seed=0):
    network = scheme.start(seed).eval()
    objective = scheme.objective(seed)
    return objective, network, objective.loss(RgbNetwork(network, video=scheme.as_video(network)), batch, 0)


def test_an_order_is_trained_and_its_weights_say_which_form_they_are_of(dataset, tmp_path):
    for way, has_form in (("meant", True), ("published", False)):
        method = method_of("hypercut_order", **{"as": way})
        done = run_training(method, dataset.folder, tmp_path / way, workspace=Workspace(), budget=Budget())
        state = load_file(done.weights)
        assert ("as_meant" in state) == has_form
        opened = build_order("hypercut@tiny", {"as_meant": not has_form})
        load_into(opened, load_checkpoint(done.weights), done.weights)
        assert (opened.as_meant is not None) == has_form
        start = method.trained_scheme.start(0)
        assert torch.equal(state["hyperplane.hyperplane"], start.hyperplane.hyperplane)
        assert not torch.equal(state["f_func.model.1.weight"], start.f_func.model[1].weight)


def test_the_published_form_takes_bgr_and_has_no_activation():
    torch.manual_seed(0)
    meant = HyperCUT(8, 4, 1, as_meant=True).eval()
    published = HyperCUT(8, 4, 1).eval()
    published.load_state_dict({key: value for key, value in meant.state_dict().items() if key != "as_meant"})
    frames = torch.rand(2, 3, 3, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(published.normalised(frames.flip(2)), meant.normalised(frames))
        vectors = published.f_func.model[:3](torch.rand(1, 6, 40, 40))
        assert (vectors < 0).any()
        assert not torch.allclose(published.sides(frames.flip(2)), meant.sides(frames))


def test_the_order_learns_to_part_pairs_from_their_reverses():
    """One exposure, whose pairs and their reverses end on different sides, and all its pairs on one."""
    torch.manual_seed(0)
    network = HyperCUT(8, 8, 1, as_meant=True)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    wide = torch.rand(2, 3, 12, 18).repeat_interleave(4, 2).repeat_interleave(4, 3)
    frames = torch.stack([wide[..., 4 * k : 4 * k + 40] for k in range(7)], dim=1)  # (2, 7, 3, 48, 40)
    losses = []
    for _ in range(60):
        loss = network.order_loss(network(network.normalised(frames)))
        losses.append(float(loss.total.detach()))
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
    sides = network.sides(frames).detach()
    assert float(hit_share(sides)) == float(consistent_share(sides)) == 1.0
    assert losses[-1] < 0.2 < math.log(2) - 0.1 < losses[0]


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_loss_of_eq_8_is_the_backbones_and_alpha_times_the_order(backbone, dataset, order_weights):
    batch = batch_from(dataset)
    losses = {}
    for alpha in (0.0, 0.2, 0.4):
        scheme = method_of(
            f"blur2vid_{backbone}_hypercut", order={"weights": str(order_weights), "alpha": alpha}
        ).trained_scheme
        _, _, found = loss_of(scheme, batch)
        losses[alpha] = found
        assert float(found.total.detach()) == pytest.approx(float(sum(found.terms.values())), rel=1e-5)
    order = losses[0.2].terms["order"]
    assert float(order) > 0
    assert float(losses[0.4].terms["order"]) == pytest.approx(2 * float(order), rel=1e-5)
    total = float(losses[0.4].total.detach())
    rounding = 4 * torch.finfo(torch.float32).eps * total  # of the totals that are subtracted
    assert total - float(losses[0.0].total.detach()) == pytest.approx(2 * float(order), rel=1e-4, abs=rounding)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_regulariser_reaches_the_backbone_and_never_the_order(backbone, dataset, order_weights):
    scheme = with_order(backbone, order_weights, identity_start=False).trained_scheme
    objective, network, _ = loss_of(scheme, batch_from(dataset))
    sides = objective.order.sides(
        frames_of(RgbNetwork(network, video=scheme.as_video(network))(inputs_of(objective, batch_from(dataset)))[:, 0])
    )
    sides[:, 0::2].sum().backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in objective.order.parameters())


def inputs_of(objective, batch):
    return objective.inputs(batch["blurry"][:, 0], objective.in_order(batch["subframes"][:, 0]))[:, None]


def test_truths_are_put_into_one_order_and_the_published_code_reverses_all(dataset, order_weights):
    truth = batch_from(dataset, 4)["subframes"][:, 0]
    meant = with_order("jin", order_weights, loss="l2").trained_scheme.objective()
    found = meant.in_order(truth)
    assert (meant.order.sides(found)[:, 0::2].sum(dim=1) <= 0).all()
    for one, other in zip(found, truth, strict=True):
        assert torch.equal(one, other) or torch.equal(one, other.flip(0))
    published = with_order("jin", order_weights, **{"as": "published"}).trained_scheme.objective()
    assert torch.equal(published.in_order(truth), truth.flip(1))
    blind = with_order("jin", order_weights).trained_scheme.objective()  # the order-invariant loss sees no difference
    assert torch.equal(blind.in_order(truth), truth)
    zhong = with_order("zhong", order_weights, loss="order_invariant").trained_scheme.objective()  # its guidance does
    assert torch.equal(zhong.in_order(truth), found)
    assert torch.equal(method_of("blur2vid_jin").trained_scheme.objective().in_order(truth), truth)


def test_the_middle_frame_is_not_compared_by_the_published_code(dataset):
    batch = batch_from(dataset)
    blurry, truth = batch["blurry"][:, 0], batch["subframes"][:, 0]
    copies = blurry[:, None].expand(-1, 7, -1, -1, -1)
    for way, middle in (("meant", True), ("published", False)):
        _, _, found = loss_of(method_of("blur2vid_jin", **{"as": way}).trained_scheme, batch)
        spread = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        expected = order_invariant_loss(copies / spread, truth / spread, middle=middle) / 7  # it starts as copies
        assert float(found.terms["frames"]) == pytest.approx(float(expected), rel=1e-4)
    changed = {**batch, "subframes": batch["subframes"].clone()}
    changed["subframes"][:, :, MIDDLE] = 0
    published = method_of("blur2vid_jin", **{"as": "published"}).trained_scheme
    assert torch.equal(loss_of(published, changed)[2].total, loss_of(published, batch)[2].total)


def test_purohit_gets_the_true_middle_frame_only_as_published(dataset):
    batch = batch_from(dataset)
    meant, published = (method_of("blur2vid_purohit", **{"as": way}).trained_scheme for way in ("meant", "published"))
    assert inputs_of(meant.objective(), batch).shape[2] == 3
    given = inputs_of(published.objective(), batch)
    assert torch.equal(given[:, 0, 3:], batch["subframes"][:, 0, MIDDLE])
    assert (meant.build().inputs, published.build().inputs) == (3, 6)
    blurry = np.zeros((1, 48, 48, 3), np.uint8)
    with pytest.raises(InputError, match="the true middle frame as part of its input"):
        published.restore_with(published.build(), blurry, Budget())
    assert meant.restore_with(meant.build(), blurry, Budget()).frames.shape == blurry.shape


def test_the_flows_are_smooth_as_meant_and_short_as_published(dataset):
    batch = batch_from(dataset)
    for way, place in (("published", 0), ("meant", 1)):
        scheme = method_of("blur2vid_purohit", identity_start=False, **{"as": way}).trained_scheme
        objective, network, found = loss_of(scheme, batch)
        with torch.no_grad():
            door = RgbNetwork(network, video=scheme.as_video(network))
            terms = flow_terms(door(inputs_of(objective, batch))[:, 0])
        assert float(found.terms["flows"]) == pytest.approx(0.02 * float(terms[place]), rel=1e-4)
        assert float(terms[0]) != pytest.approx(float(terms[1]), rel=1e-2)


def test_the_guidance_is_the_direction_in_which_the_true_frames_moved():
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    step = np.array([1.0, -0.5])  # of the window; what is seen goes to the left and down
    series = exposure(picture, np.array([200.0, 150.0]), step, 96)
    truth = torch.from_numpy(series).permute(0, 3, 1, 2)[None].float() / 255
    objective = method_of("blur2vid_zhong").trained_scheme.objective()
    guidance = objective.inputs(truth[:, 3], truth)[:, 3:]
    assert float((guidance[:, 0] == -1).float().mean()) > 0.8
    assert float((guidance[:, 1] == 1).float().mean()) > 0.8
    still = objective.inputs(truth[:, 3], truth[:, 3:4].expand(-1, 7, -1, -1, -1))[:, 3:]
    assert not still.any()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_backbone_is_trained_and_restores_the_middle_frame(backbone, dataset, order_weights, tmp_path):
    method = with_order(backbone, order_weights)
    done = run_training(method, dataset.folder, tmp_path, workspace=Workspace(), budget=Budget())
    scheme = method.with_weights(done.weights).trained_scheme
    clip = open_reader(dataset.folder).read("test/clip2", "blur", [0, 1])
    made = scheme.restore_with(scheme.loaded(), clip, Budget())
    restored = made.frames
    assert restored.shape == clip.shape
    assert [one.shape for one in made.series] == [(2, 7, *clip.shape[1:])]
    np.testing.assert_array_equal(made.series[0][:, MIDDLE], restored)
    three = load_method(method.reference, overrides={"guesses": 3}).with_weights(done.weights).trained_scheme
    series = three.restore_with(three.loaded(), clip, Budget()).series
    assert len(series) == 3
    np.testing.assert_array_equal(series[0], made.series[0])
    assert 0 < np.abs(restored.astype(int) - clip).mean() < 40
    assert (tmp_path / "panels").is_dir()


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(dataset, order_weights, tmp_path):
    engine = {**FEW, "steps": 6, "checkpoint_every": 2}
    for name, made in (
        ("order", method_of("hypercut_order", engine=engine)),
        ("zhong", with_order("zhong", order_weights, engine=engine)),
    ):
        states = {}
        for way, stops in (("whole", ()), ("stopped", (1e-6,))):
            folder = tmp_path / name / way
            for minutes in (*stops, None):
                done = run_training(made, dataset.folder, folder, workspace=Workspace(), budget=Budget(minutes=minutes))
                assert (done.weights is None) == (minutes is not None)
            states[way] = load_file(done.weights)
        assert states["whole"].keys() == states["stopped"].keys()
        for key, value in states["whole"].items():
            assert torch.equal(value, states["stopped"][key]), (name, key)


def test_clips_without_subframes_are_refused():
    with pytest.raises(FitError, match="'train/0' has no sharp sub-frames of its exposures, and 7 are learned"):
        train_scheme(method_of("blur2vid_jin").trained_scheme, MadeReader(side=48), None, Budget())


def test_the_subframes_of_a_window_are_those_of_the_clip(dataset):
    reader = open_reader(dataset.folder)
    series = read_subframes(reader, reader.clips[0], [0])
    blurry = reader.read(reader.clips[0].key, "blur", [0])
    assert np.abs(series[0].mean(axis=0) - blurry[0]).max() <= 0.5


def test_metrics_open_an_order_of_any_size_in_the_form_of_its_weights(order_weights):
    sequence = np.random.default_rng(0).integers(0, 256, (7, 40, 48, 3)).astype(np.uint8)
    network = build_order("hypercut@tiny", {"as_meant": True})
    load_into(network, load_checkpoint(order_weights), order_weights)
    frames = torch.from_numpy(sequence).permute(0, 3, 1, 2)[None].float() / 255
    with torch.no_grad():
        expected = network.eval().sides(frames).reshape(3, 2).numpy()
    np.testing.assert_allclose(open_order(order_weights)(sequence), expected, rtol=1e-4, atol=1e-5)


def test_a_regulariser_has_the_size_and_the_form_of_its_weights(tmp_path):
    for size in ({"out_dim": 5, "features": 4, "blocks": 3}, {"out_dim": 7, "as_meant": True}):
        wanted = HyperCUT(**size)
        save_file(wanted.state_dict(), tmp_path / "order.safetensors")
        opened = with_order("jin", tmp_path / "order.safetensors").trained_scheme.objective().order
        frames = torch.rand(1, 7, 3, 40, 40)
        torch.testing.assert_close(opened.sides(frames), wanted.eval().sides(frames))
        assert not any(value.requires_grad for value in opened.parameters())


def test_missing_weights_of_the_order_are_named(tmp_path):
    method = method_of("blur2vid_jin_hypercut", order={"weights": str(tmp_path / "none.safetensors")})
    with pytest.raises(WeightsError, match=r"none\.safetensors are missing.*'hvdbench train hypercut_order' makes"):
        method.trained_scheme.objective()


def test_networks_of_another_kind_are_refused():
    with pytest.raises(InputError, match="network 'nafnet@tiny' makes no sequence of a blurry picture"):
        method_of("blur2vid_jin", network="nafnet@tiny").trained_scheme.build()
    with pytest.raises(InputError, match="network 'jin_sequence@tiny' orders no frames"):
        method_of("hypercut_order", network="jin_sequence@tiny").trained_scheme.build()
    order = method_of("hypercut_order").trained_scheme
    with pytest.raises(InputError, match="restores no frames"):
        order.restore_with(order.build(), np.zeros((1, 48, 48, 3), np.uint8), Budget())
