"""The door, the rates, the guards, the log, the plot and the start of a training, each alone."""

import json
import math

import numpy as np
import pytest
import torch
from made_training import MadeObjective, MadeReader, OneConvolution, settings
from torch import nn

from hvdbench.dataset.facts import ClipFacts
from hvdbench.errors import InputError, RecipeError, UnknownNameError, WeightsError
from hvdbench.frames import read_frame
from hvdbench.methods.building import build_network, load_start
from hvdbench.methods.training.checkpoints import write_tensors
from hvdbench.methods.training.cost import StepCost, describe_cost, duration, measure_step
from hvdbench.methods.training.guards import LossGuard, ValidationGuard, unclear_clips
from hvdbench.methods.training.objective import bare, is_share
from hvdbench.methods.training.records import Means, Records, cut_log, read_log
from hvdbench.methods.training.rgb import RgbNetwork
from hvdbench.methods.training.run_plot import draw_run
from hvdbench.methods.training.samples import TrainingWindows, WindowSettings
from hvdbench.methods.training.schedule import learning_rate
from hvdbench.methods.training.settings import ValidationSettings
from hvdbench.methods.training.validation import batch_of, make_validation, measure
from hvdbench.networks.spec import NetworkSpec

# --- the door


class Seen(nn.Module):
    """Notes what comes in, and gives it back."""

    def __init__(self, **spec: object) -> None:
        super().__init__()
        self.spec = NetworkSpec(**spec)
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        self.clip = clip
        return clip * self.weight


def test_the_door_turns_order_and_range_and_back():
    clip = torch.tensor([1.0, 0.5, 0.0]).view(1, 1, 3, 1, 1).expand(1, 2, 3, 4, 4)
    network = Seen(channel_order="bgr", value_range=(-1.0, 1.0))
    torch.testing.assert_close(RgbNetwork(network)(clip), clip)
    assert network.clip[0, 0, :, 0, 0].tolist() == [-1.0, 0.0, 1.0]


def test_the_door_mirrors_to_the_size_and_repeats_to_the_length_that_a_network_takes():
    clip = torch.arange(2 * 3 * 5 * 6).float().view(1, 2, 3, 5, 6) / 180
    network = Seen(size_multiple=4, min_frames=3)
    assert torch.equal(RgbNetwork(network)(clip), clip)
    assert network.clip.shape == (1, 3, 3, 8, 8)
    assert torch.equal(network.clip[0, 2], network.clip[0, 1])
    assert torch.equal(network.clip[..., :5, 6], network.clip[..., :5, 4])  # about the last column
    small = Seen(size_multiple=1, min_size_px=16)
    assert RgbNetwork(small)(clip).shape == clip.shape
    assert torch.equal(small.clip[..., 15, 0], small.clip[..., 4, 0])  # too small to mirror: the edge, repeated


def test_gradients_pass_the_door_and_the_spec_of_the_door_is_plain():
    network = Seen(size_multiple=4, value_range=(0.0, 255.0), context_frames=2)
    door = RgbNetwork(network)
    door(torch.rand(1, 2, 3, 5, 5)).sum().backward()
    assert network.weight.grad is not None
    assert door.spec == NetworkSpec(context_frames=2)


def test_what_comes_through_the_door_is_float32_in_any_precision(caplog):
    class Convolving(Seen):
        def forward(self, clip):
            self.dtype = (clip.flatten(0, 1)[..., 0] @ clip.flatten(0, 1)[..., 0].mT).dtype
            return clip

    network = Convolving()
    assert RgbNetwork(network, "bfloat16")(torch.rand(1, 2, 3, 4, 4)).dtype == torch.float32
    assert network.dtype == torch.bfloat16
    refusing = Convolving(reduced_precision=False)
    door = RgbNetwork(refusing, "bfloat16")
    door(torch.rand(1, 2, 3, 4, 4))
    assert (door.precision, refusing.dtype) == ("float32", torch.float32)
    assert "does not train in bfloat16" in caplog.text


def test_a_network_that_fails_in_16_bits_goes_on_in_32(caplog):
    class Failing(Seen):
        def forward(self, clip):
            if torch.is_autocast_enabled("cpu"):
                raise RuntimeError("not implemented for 'BFloat16'")
            return clip

    door = RgbNetwork(Failing(), "bfloat16")
    door(torch.rand(1, 1, 3, 4, 4))
    assert door.precision == "float32"
    assert "not implemented for 'BFloat16'" in caplog.text


def test_only_the_wrapper_of_distributed_training_is_taken_off():
    door = RgbNetwork(OneConvolution())
    assert bare(door) is door


# --- rates


def test_the_rate_rises_linearly_and_falls_by_a_cosine():
    engine = settings(steps=100, learning_rate=1e-4, final_learning_rate=1e-7, warm_up_steps=4)
    assert learning_rate(engine, 0) == pytest.approx(1e-4 / 4)
    assert learning_rate(engine, 50) == pytest.approx((1e-4 + 1e-7) / 2)
    assert learning_rate(engine, 100) == pytest.approx(1e-7)
    assert learning_rate(engine, 25) == pytest.approx(1e-7 + (1e-4 - 1e-7) * (1 + math.cos(math.pi / 4)) / 2)
    assert learning_rate(settings(schedule="constant"), 19) == 1e-2


# --- guards


def test_a_loss_is_compared_with_its_running_median():
    guard = LossGuard(settings(explosion_factor=10, explosion_steps=2))
    assert [guard.fault(value) for value in [1.0, 2.0, 3.0] * 5] == [None] * 15
    assert guard.fault(20.0) is None  # 10 times the median of 2, not over it
    assert guard.fault(20.1) is None
    assert not guard.is_calm
    restored = LossGuard(settings(explosion_factor=10, explosion_steps=2))
    restored.load_state(json.loads(json.dumps(guard.state())))
    assert guard.fault(21) == restored.fault(21) == "has been over 10 times its running median of 2 for 2 steps"
    assert LossGuard(settings()).fault(float("nan")) == "is not finite"


def test_validations_warn_of_drift_collapse_and_no_change():
    guard = ValidationGuard(0.3)
    assert guard.warnings({"shift_px": 9.0}, is_late=False) == []  # not trained yet
    assert guard.warnings({"shift_px": 9.0}) == [
        "the output is still 9.00 px away from its input (the limit is 0.3 px)"
    ]
    well = {"shift_px": 0.3, "change_levels": 2.0, "contrast_ratio": 1.0}
    assert guard.warnings(well) == []
    assert "has drifted 0.31 px" in guard.warnings(well | {"shift_px": 0.31}, is_late=False)[0]
    assert "labels cover 4.0% of the pixels" in guard.warnings(well | {"mask_coverage": 0.04})[0]
    assert "has collapsed" in guard.warnings(well | {"contrast_ratio": 0.01})[0]
    still = well | {"change_levels": 0.05}
    assert [len(guard.warnings(still)) for _ in range(3)] == [0, 0, 1]
    assert guard.warnings({"shift_px": float("nan")}) == []


def test_a_clip_whose_selected_frames_are_hardly_sharper_is_unclear():
    def clip(key: str, sharpness: list[float]) -> ClipFacts:
        selected = np.array([True, False, False, True])
        return ClipFacts(key, 4, 8, 8, ("blur",), selected, np.array(sharpness))

    found = unclear_clips([clip("a/clear", [30, 10, 10, 30]), clip("a/flat", [11, 10, 10, 11])])
    assert found == {"a/flat": pytest.approx(1.1)}


# --- the log


def test_means_go_on_where_they_were():
    whole, first = Means(), Means()
    for value in (0.1, 0.2, 0.7):
        whole.add({"a": value})
    first.add({"a": 0.1})
    second = Means()
    second.load_state(json.loads(json.dumps(first.state())))
    second.add({"a": 0.2})
    second.add({"a": 0.7, "b": 4.0})
    assert second.take() == whole.take() | {"b": 4.0}
    assert second.take() == {}


def test_a_log_is_cut_back_to_a_step_and_rid_of_half_a_line(tmp_path):
    records = Records(tmp_path, tensorboard=False)
    for step in (1, 2, 3):
        records.write("step", step, {"loss": 1 / step, "norm": float("inf")})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"kind": "st')
    assert [line["step"] for line in read_log(tmp_path / "log.jsonl")] == [1, 2, 3]
    cut_log(tmp_path / "log.jsonl", 2)
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [
        {"kind": "step", "step": 1, "loss": 1.0, "norm": None},
        {"kind": "step", "step": 2, "loss": 0.5, "norm": None},
    ]
    Records(tmp_path, 0, tensorboard=False)  # a run that begins anew
    assert (tmp_path / "log.jsonl").read_text() == ""


def test_without_tensorboard_the_log_is_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    records = Records(tmp_path)
    records.write("step", 1, {"loss": 1.0})
    records.close()
    assert len(read_log(tmp_path / "log.jsonl")) == 1
    assert not (tmp_path / "tensorboard").exists()


def test_a_plot_of_what_there_is_and_of_nothing(tmp_path):
    log = tmp_path / "log.jsonl"
    assert not draw_run(log, tmp_path / "none.png")
    lines = [{"kind": "step", "step": 5, "loss": 0.5, "learning_rate": 1e-4, "mask_coverage": 0.5, "seconds": 1.0}]
    log.write_text("\n".join(map(json.dumps, lines)))
    assert draw_run(log, tmp_path / "one.png")
    checks = [
        {
            "kind": "validation",
            "step": step,
            "shift_px": 0.1 * step,
            "sharpness_ratio": 1.1,
            "psnr": 30.0,
            "anchor_update": 1.0,
        }
        for step in (5, 10)
    ]
    log.write_text("\n".join(map(json.dumps, [*lines, *checks, {"kind": "warning", "step": 10, "text": "drift"}])))
    assert draw_run(log, tmp_path / "all.png", title="a run", drift_limit_px=0.3)
    one, every = read_frame(tmp_path / "one.png"), read_frame(tmp_path / "all.png")
    assert (one != every).any()


def test_shares_are_told_by_their_names():
    assert is_share("mask_coverage")
    assert is_share("clues_removed_share")
    assert not is_share("rec")


# --- cost


def test_a_cost_is_a_range_where_later_steps_cost_more():
    same = describe_cost(StepCost(0.1, 2**30), StepCost(0.11, 2**31), 36_000, "cuda:0")
    assert same == "about 66 min on cuda:0, 2.0 GiB: 36000 steps of 0.11 s, validation not counted"
    assert describe_cost(StepCost(0.1, None), StepCost(0.3, None), 36_000, "cpu").startswith(
        "about 60 min to 3 h 00 min on cpu: "
    )
    assert [duration(s) for s in (40, 89, 91, 5400, 11_100)] == ["40 s", "89 s", "2 min", "1 h 30 min", "3 h 05 min"]


def test_a_step_is_measured_on_copies(tmp_path):
    network, objective = RgbNetwork(OneConvolution()), MadeObjective()
    before = [parameter.clone() for parameter in network.parameters()]
    windows = TrainingWindows(MadeReader(), WindowSettings(crop_px=16, clip_frames=3), 0, 2, "mid")
    cost = measure_step(network, objective, batch_of(windows, [0], torch.device("cpu")), 3, 0)
    assert cost.seconds > 0
    assert cost.bytes > 2**20
    assert objective.seen == []
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), before, strict=True))


def test_an_objective_that_cannot_be_copied_has_no_estimate():
    class Holding(MadeObjective):
        def __deepcopy__(self, memo):
            raise TypeError("cannot pickle")

    windows = TrainingWindows(MadeReader(), WindowSettings(crop_px=16, clip_frames=3), 0, 2, "mid")
    batch = batch_of(windows, [0], torch.device("cpu"))
    assert measure_step(RgbNetwork(OneConvolution()), Holding(), batch, 1, 0) is None


# --- validation


def test_what_is_measured_needs_no_truth_but_for_psnr():
    reader, window = MadeReader(clips=5), WindowSettings(crop_px=16, clip_frames=3)
    blind = make_validation(reader, ValidationSettings(clips=3, frames=2), window, seed=0)
    assert [clip.key for clip in blind.clips] == ["train/0", "train/2", "train/4"]
    assert [clip.truth for clip in blind.clips] == [None] * 3
    np.testing.assert_array_equal(blind.clips[0].blurry, reader.read("train/0", "blur", [2, 3]))  # the middle of 6
    found = measure(RgbNetwork(Seen()), blind.clips, torch.device("cpu"))
    assert found.keys() == {"shift_px", "sharpness", "sharpness_ratio", "change_levels", "contrast_ratio"}
    assert (found["shift_px"], found["sharpness_ratio"], found["change_levels"]) == (0.0, 1.0, 0.0)
    seen = make_validation(reader, ValidationSettings(clips=1, frames=2, truth="mid"), window, seed=0)
    assert "truth" not in seen.windows[0]
    # the truth is half the blurry frame; a network that halves gives it but for rounding
    half = Seen()
    half.weight.data = torch.tensor(0.499)
    found = measure(RgbNetwork(half), seen.clips, torch.device("cpu"))
    assert found["psnr"] > 45
    assert found["contrast_ratio"] == pytest.approx(0.5, abs=0.01)


def test_windows_that_are_measured_are_never_those_that_are_trained_on():
    window = WindowSettings(crop_px=16, clip_frames=3)
    reader = MadeReader(clips=1, frames=200, side=400)
    validation = make_validation(reader, ValidationSettings(clips=0, loss_samples=9), window, seed=0)
    trained = TrainingWindows(reader, window, 0, 99)

    def places(windows: TrainingWindows) -> set[tuple]:
        return {(draw.start, draw.box) for draw in map(windows.draw, range(len(windows)))}

    assert len(places(validation.windows)) == 9
    assert not places(validation.windows) & places(trained)


# --- the start


def test_weights_drawn_hang_on_the_seed_alone_and_global_chance_is_left_alone():
    torch.manual_seed(4)
    before = torch.get_rng_state()
    arguments = {"n_features": 4, "n_blocks": 1}
    first, again, other = (build_network("estrnn", arguments, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_a_network_or_argument_that_is_not_known_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'estrnn'"):
        build_network("estrn", {})
    with pytest.raises(InputError, match="network 'estrnn' cannot be made with features = 3"):
        build_network("estrnn", {"features": 3})


def test_a_start_from_weights_takes_all_and_then_parts(tmp_path):
    torch.manual_seed(0)
    whole, part = OneConvolution(), OneConvolution()
    write_tensors(tmp_path / "whole.safetensors", whole.state_dict())
    write_tensors(tmp_path / "part.safetensors", part.first.state_dict())
    network = OneConvolution()
    load_start(network, str(tmp_path / "whole.safetensors"), {"first": str(tmp_path / "part.safetensors")})
    assert torch.equal(network.first.weight, part.first.weight)
    assert torch.equal(network.last.weight, whole.last.weight)
    with pytest.raises(
        RecipeError, match=r"names 'spynet', which is no part of the network \(its parts: first, drop, last\)"
    ):
        load_start(network, None, {"spynet": "x.safetensors"})
    with pytest.raises(WeightsError):
        load_start(network, str(tmp_path / "nowhere.safetensors"), {})
