"""The training loop: what a step is, going on after a kill, several processes, guards, and what it writes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from made_training import SMALL, MadeObjective, MadeReader, OneConvolution, network, settings, train, train_like

from hvdbench.errors import DatasetError, FitError, InputError, RecipeError, WeightsError
from hvdbench.frames import read_frame
from hvdbench.methods.training.checkpoints import list_checkpoints, read_tensors
from hvdbench.methods.training.engine import fit
from hvdbench.methods.training.objective import StepLoss
from hvdbench.methods.training.records import TIMES, read_log
from hvdbench.methods.training.samples import TrainingWindows
from hvdbench.methods.training.settings import EngineSettings, ValidationSettings
from hvdbench.methods.training.validation import make_validation

DRAWN = {"test_pictures_and_tensorboard_files_lie_beside_the_log"}
MEASURED = {"clips": 2, "frames": 2, "loss_samples": 2}


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch) -> None:
    """Leave out the pictures, which take longer than these trainings, but where they are asked for."""
    if request.node.name not in DRAWN:
        monkeypatch.setattr("hvdbench.methods.training.run.draw_run", lambda *_, **__: True)
        monkeypatch.setattr("hvdbench.methods.training.records._tensorboard", lambda *_: None)


def same(first: OneConvolution, second: OneConvolution) -> bool:
    a, b = first.state_dict(), second.state_dict()
    return all(torch.equal(a[key], b[key]) for key in a)


def without_times(folder: Path) -> list[dict]:
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read_log(folder / "log.jsonl")]


def in_process(folder: Path, wishes: dict, *command: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    script = str(Path(__file__).parents[1] / "made_training.py")
    return subprocess.run(
        [sys.executable, *command, script, str(folder), json.dumps(wishes)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


# --- a step


def test_a_step_is_adam_on_the_mean_over_its_samples():
    engine = settings(steps=1, batch=3, clip_gradient=None, schedule="constant")
    inner, _, _ = train(None, engine)
    by_hand = network()
    windows = TrainingWindows(MadeReader(), SMALL, 1, 3, "mid")
    losses = []
    for k in range(3):
        batch = {key: value[None] for key, value in windows[k].items() if isinstance(value, torch.Tensor)}
        rest = by_hand(batch["blurry"])
        losses.append((rest - batch["truth"]).abs().mean() + rest.mean().square())
    torch.stack(losses).mean().backward()
    for parameter, trained in zip(by_hand.parameters(), inner.parameters(), strict=True):
        # Adam's first step is the rate times the sign of the gradient, as good as
        expected = parameter - 1e-2 * parameter.grad / (parameter.grad.abs() + 1e-8)
        torch.testing.assert_close(trained, expected, atol=1e-6, rtol=0)


def test_sample_k_of_step_s_is_number_s_times_batch_plus_k():
    assert train(None, settings(steps=4, batch=6))[2].seen == list(range(24))
    assert train(None, settings(steps=4, batch=6, accumulate=3))[2].seen == list(range(24))


def test_a_batch_in_parts_moves_the_weights_as_the_whole_one_does():
    whole, _, _ = train(None, settings(batch=6))
    parts, _, _ = train(None, settings(batch=6, accumulate=3))
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


def test_training_lowers_the_loss_of_what_it_strives_for():
    first, _, _ = train(None, settings(steps=1))
    last, result, _ = train(None, settings(steps=120))
    windows = TrainingWindows(MadeReader(), SMALL, 99, 4, "mid")

    @torch.no_grad()
    def loss(inner: OneConvolution) -> float:
        found = [windows[k] for k in range(4)]
        return sum(float((inner(w["blurry"][None]) - w["truth"]).abs().mean()) for w in found)

    assert loss(last) < 0.5 * loss(first)
    assert result.is_finished
    assert not last.training


def test_global_generators_are_left_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train(None, settings(steps=2), dropout=0.5)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_a_network_draws_hangs_on_seed_and_step_alone():
    torch.manual_seed(1)
    first, _, _ = train(None, settings(), dropout=0.5)
    torch.manual_seed(2)
    assert same(first, train(None, settings(), dropout=0.5)[0])
    assert not same(first, train(None, settings(), dropout=0.5, seed=7)[0])


def test_the_average_is_what_a_run_ends_with():
    inner, _, _ = train(None, settings(steps=1, ema_decay=0.75))
    start, moved = network(), train(None, settings(steps=1))[0]
    for mean, before, after in zip(inner.parameters(), start.parameters(), moved.parameters(), strict=True):
        torch.testing.assert_close(mean, 0.75 * before + 0.25 * after)


def test_frozen_parameters_stay_and_slow_ones_lag():
    start = network()
    inner, _, _ = train(None, settings(steps=3, frozen_steps={"first": 3}))
    assert torch.equal(inner.first.weight, start.first.weight)
    assert not torch.equal(inner.last.weight, start.last.weight)
    full, _, _ = train(None, settings(steps=1))
    slow, _, _ = train(None, settings(steps=1, rates={"first": 0.25, "first.bias": 0.0}))
    torch.testing.assert_close(slow.first.weight - start.first.weight, 0.25 * (full.first.weight - start.first.weight))
    assert torch.equal(slow.first.bias, start.first.bias)
    assert torch.equal(slow.last.weight, full.last.weight)


def test_a_name_in_the_settings_that_fits_no_parameter_is_refused():
    with pytest.raises(RecipeError, match=r"\[engine.rates\]: no parameter of the network begins with 'spynet'"):
        train(None, settings(rates={"spynet": 0.25}))


def test_bfloat16_trains_and_keeps_the_loss_in_float32():
    inner, result, _ = train(None, settings(precision="bfloat16"))
    assert result.facts["precision"] == "bfloat16"
    assert all(parameter.dtype == torch.float32 for parameter in inner.parameters())
    other, _, _ = train(None, settings())
    torch.testing.assert_close(inner.last.weight, other.last.weight, atol=0.02, rtol=0)


def test_a_batch_that_does_not_divide_and_too_few_windows_are_refused():
    with pytest.raises(ValueError, match="a batch of 3 does not divide into 2 equal parts"):
        EngineSettings(batch=3, accumulate=2)
    windows = TrainingWindows(MadeReader(), SMALL, 1, 5, "mid")
    with pytest.raises(InputError, match="draws 40 windows, but there are only 5"):
        fit(network(), MadeObjective(), windows, settings(), None)


# --- going on


def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path):
    wishes = {"steps": 20, "validation": MEASURED, "ema_decay": 0.9, "dropout": 0.2}
    train_like(tmp_path / "whole", wishes)
    killed = in_process(tmp_path / "killed", wishes | {"kill_at": 12})
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in list_checkpoints(tmp_path / "killed")] == ["00000005", "00000010"]
    assert max(line["step"] for line in read_log(tmp_path / "killed/log.jsonl")) == 12  # past the checkpoint
    train_like(tmp_path / "killed", wishes)
    ends = [tmp_path / name / "checkpoints/00000020" for name in ("whole", "killed")]
    for file in ("model", "optimiser", "ema", "objective"):
        first, second = (read_tensors(end / f"{file}.safetensors") for end in ends)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert without_times(tmp_path / "whole") == without_times(tmp_path / "killed")
    assert len(without_times(tmp_path / "whole")) >= 7 + 5


def test_two_processes_are_one_process_with_their_batches_together(tmp_path):
    wishes = {"steps": 6, "batch": 4, "log_every": 1, "validation": MEASURED, "clip_gradient": 0.1}
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    launch = ("-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}")
    together = in_process(tmp_path / "two", wishes, *launch)
    assert together.returncode == 0, together.stderr[-3000:]
    train_like(tmp_path / "one", wishes)
    first, second = (
        read_tensors(tmp_path / name / "checkpoints/00000006/model.safetensors") for name in ("two", "one")
    )
    for key, value in first.items():
        torch.testing.assert_close(value, second[key], atol=1e-5, rtol=0)


def test_time_that_is_up_stops_at_a_checkpoint_and_the_same_call_goes_on(tmp_path):
    whole, _, _ = train(tmp_path / "whole", settings())
    _, result, _ = train(tmp_path / "parts", settings(), max_minutes=0.0)
    assert (result.step, result.is_finished, result.stopped_by) == (1, False, "time")
    assert result.checkpoint == tmp_path / "parts/checkpoints/00000001"
    inner, result, _ = train(tmp_path / "parts", settings())
    assert result.is_finished
    assert same(whole, inner)
    assert without_times(tmp_path / "whole") == without_times(tmp_path / "parts")


def test_a_finished_run_does_nothing_more(tmp_path):
    inner, _, _ = train(tmp_path, settings())
    log = (tmp_path / "log.jsonl").read_bytes()
    again, result, objective = train(tmp_path, settings())
    assert result.is_finished
    assert objective.seen == []
    assert same(inner, again)
    assert (tmp_path / "log.jsonl").read_bytes() == log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_wish_to_stop_ends_in_a_checkpoint_and_a_second_one_acts(tmp_path, number):
    class Stopping(MadeObjective):
        def loss(self, network, batch, step):
            if step == 3:
                os.kill(os.getpid(), number)
            return super().loss(network, batch, step)

    before = signal.getsignal(number)
    _, result, _ = train(tmp_path, settings(), objective=Stopping())
    assert (result.step, result.stopped_by) == (4, "signal")
    assert list_checkpoints(tmp_path)[-1].name == "00000004"
    assert signal.getsignal(number) is before


def test_a_run_outside_the_main_thread_catches_no_signals():
    found = []
    thread = threading.Thread(target=lambda: found.append(train(None, settings(steps=2))[1].is_finished))
    thread.start()
    thread.join()
    assert found == [True]


def test_checkpoints_of_other_settings_data_or_seed_are_refused(tmp_path):
    train(tmp_path, settings(), digest="a")
    for changes in ({"digest": "b"}, {"digest": "a", "seed": 1}):
        with pytest.raises(DatasetError, match="was made from other settings, other data or another seed"):
            train(tmp_path, settings(), **changes)
    with pytest.raises(DatasetError, match="use --overwrite or train in another folder"):
        train(tmp_path, settings(learning_rate=2e-2), digest="a")
    train(tmp_path, settings(keep=1, workers=0), digest="a")  # these move no number


def test_a_damaged_checkpoint_is_named(tmp_path):
    train(tmp_path, settings())
    state = list_checkpoints(tmp_path)[-1] / "state.json"
    state.write_text("{")
    with pytest.raises(WeightsError, match=r"00000020/state\.json is damaged: remove"):
        train(tmp_path, settings())
    (state.parent / "model.safetensors").write_bytes(b"x")


def test_only_the_latest_checkpoints_are_kept_and_none_holds_a_pickle(tmp_path):
    train(tmp_path, settings())
    assert [path.name for path in list_checkpoints(tmp_path)] == ["00000015", "00000020"]
    assert sorted(path.name for path in list_checkpoints(tmp_path)[-1].iterdir()) == [
        "model.safetensors",
        "objective.safetensors",
        "optimiser.safetensors",
        "state.json",
    ]
    assert set(read_tensors(list_checkpoints(tmp_path)[-1] / "model.safetensors")) == set(network().state_dict())


# --- guards


def test_a_loss_that_is_not_finite_ends_the_run_with_the_last_good_weights(tmp_path):
    good, _, _ = train(tmp_path / "good", settings(steps=10, schedule="constant"))
    exploding = MadeObjective(explode_at=12, explode_by=float("nan"))
    inner = network()
    windows = TrainingWindows(MadeReader(), SMALL, 1, 40, "mid")
    with pytest.raises(
        FitError, match=r"at step 13 the loss is not finite: the last good weights are those of step 10"
    ):
        fit(inner, exploding, windows, settings(schedule="constant"), tmp_path / "bad")
    assert same(inner, good)
    assert [path.name for path in list_checkpoints(tmp_path / "bad")] == ["00000005", "00000010"]


def test_a_loss_far_over_its_median_for_several_steps_ends_the_run_and_is_not_kept(tmp_path):
    with pytest.raises(FitError, match=r"at step 17 the loss has been over 10 times its running median .* step 10,"):
        train(tmp_path, settings(explosion_steps=5), objective=MadeObjective(explode_at=12))
    assert list_checkpoints(tmp_path)[-1].name == "00000010"  # not 15, when it had begun


def test_a_single_large_loss_ends_nothing():
    class Once(MadeObjective):
        def loss(self, network, batch, step):
            found = super().loss(network, batch, step)
            return StepLoss(found.total * (1000 if step == 14 else 1), found.terms)

    assert train(None, settings(), objective=Once())[1].is_finished


def test_an_explosion_before_a_first_checkpoint_says_so():
    with pytest.raises(FitError, match=r"at step 1 .*there is no checkpoint yet"):
        train(None, settings(), objective=MadeObjective(explode_at=0, explode_by=float("inf")))


# --- what is measured and written


def test_validations_come_in_their_rhythm_where_asked_for_and_at_the_end():
    objective = train(None, settings(validation=ValidationSettings(**MEASURED), steps=10), at=(5,))[2]
    assert objective.validated == [4, 5, 8, 10]


def test_the_log_holds_means_and_measurements(tmp_path):
    train(tmp_path, settings(validation=ValidationSettings(**MEASURED), steps=10), at=(5,))
    lines = read_log(tmp_path / "log.jsonl")
    steps = [line for line in lines if line["kind"] == "step"]
    assert [line["step"] for line in steps] == [3, 6, 9, 10]
    assert {"learning_rate", "loss", "gradient_norm", "rec", "hold", "mask_coverage", "seconds"} <= steps[0].keys()
    assert steps[0]["loss"] == pytest.approx(steps[0]["rec"] + steps[0]["hold"])
    each = settings(validation=ValidationSettings(**MEASURED), steps=10, log_every=1)
    train(tmp_path / "each", each, at=(5,))
    first = [line["rec"] for line in read_log(tmp_path / "each/log.jsonl") if line["kind"] == "step"][:3]
    assert steps[0]["rec"] == pytest.approx(np.mean(first))
    checks = [line for line in lines if line["kind"] == "validation"]
    assert [line["step"] for line in checks] == [4, 5, 8, 10]
    assert {"shift_px", "sharpness", "sharpness_ratio", "loss", "psnr", "anchor_update"} <= checks[0].keys()
    assert checks[0]["psnr"] < checks[-1]["psnr"]


def test_pictures_and_tensorboard_files_lie_beside_the_log(tmp_path):
    train(tmp_path, settings(validation=ValidationSettings(**MEASURED), steps=8))
    assert [path.name for path in sorted((tmp_path / "panels").iterdir())] == ["00000004.png", "00000008.png"]
    assert min(read_frame(tmp_path / "training.png").shape[:2]) > 500
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_a_drift_is_warned_of_and_logged(tmp_path, caplog):
    class Shifting(OneConvolution):
        def forward(self, clip):
            return super().forward(clip) * 0 + clip.roll(2, dims=-1) + 0 * self.last.bias.sum()

    windows = TrainingWindows(MadeReader(), SMALL, 1, 40, "mid")
    validation = make_validation(MadeReader(), ValidationSettings(**MEASURED), SMALL, seed=1, truth="mid")
    result = fit(Shifting(), MadeObjective(), windows, settings(steps=4), tmp_path, validation=validation)
    (line,) = [line for line in read_log(tmp_path / "log.jsonl") if line["kind"] == "warning"]
    assert re.search(r"the output is still [12]\.\d\d px away from its input \(the limit is 0.3 px\)", line["text"])
    assert any("is still" in record.getMessage() for record in caplog.records)
    assert result.facts["warnings"][0].startswith("step 4: the output is still")


def test_a_run_says_what_it_is_going_to_take_and_changes_nothing_by_it(tmp_path):
    said = []
    inner, _, _ = train(tmp_path / "said", settings(steps=60), say=said.append)
    assert len(said) == 1
    assert said[0].startswith("about ")
    assert "GiB: 60 steps of" in said[0]
    assert same(inner, train(None, settings(steps=60))[0])


def test_progress_reaches_the_end():
    seen = []
    train(None, settings(), progress=lambda *what: seen.append(what))
    assert seen[-1] == (20, 20, "train")
