"""The scheme: settings, network, what it starts from, what it strives for, and restoring."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hvdbench.errors import RecipeError, UnknownNameError, WeightsError
from hvdbench.methods.restoration import Budget
from hvdbench.methods.selfhvd.objective import SelfHvdObjective
from hvdbench.methods.selfhvd.scheme import SelfHvd
from hvdbench.methods.selfhvd.settings import SelfHvdSettings
from hvdbench.recipe import check

NO_WEIGHTS = {"flow": {"model": "dis_fast"}, "perceptual": {"weight": 0}}


def scheme(**changes) -> SelfHvd:
    network = {"network": "basicvsrpp@tiny", "network_arguments": {"flow": "spynet"}}
    return SelfHvd(SelfHvdSettings.model_validate(network | NO_WEIGHTS | changes))


def test_the_defaults_are_the_papers_values_where_it_has_them():
    settings = SelfHvdSettings(network="basicvsrpp")
    assert settings.distortion_threshold == 0.5
    assert settings.spatial_consistency == settings.perceptual.weight == 1
    assert (settings.window.crop_px, settings.segment_frames, settings.anchor.updates) == (256, 20, 2)
    assert (settings.engine.learning_rate, settings.engine.final_learning_rate) == (1e-4, 1e-7)
    assert settings.engine.betas == (0.9, 0.999)
    assert (settings.flow.model, settings.flow.on) == ("sea_raft", "output")
    assert (settings.clues, settings.supervision, settings.sevd, settings.scscm) == ("sharp", "select", True, True)
    assert settings.reblur == 0


def test_an_unknown_switch_is_answered_with_the_known_ones():
    with pytest.raises(RecipeError, match=r"\[flow\]: unknown key 'modle' \(known: arguments, cache, model, on"):
        check("x.toml", {"network": "estrnn", "flow": {"modle": "sea_raft"}}, SelfHvdSettings)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.0, 0), (1.0, 100), (0.333, 33)])
def test_stage_one_is_a_share_of_the_steps(share, expected):
    made = scheme(stage1_share=share, engine={"steps": 100})
    assert made.settings.stage1_steps == expected
    objective = made.objective(seed=2)
    assert isinstance(objective, SelfHvdObjective)
    assert objective.stage1_steps == expected


def test_weights_hang_on_the_seed_and_spynet_may_start_at_zero_flow():
    first, again, other = (scheme().build(seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)
    still = scheme(zero_flow_start=True).build()
    picture = torch.rand(1, 3, 32, 32)
    assert still.spynet(picture, picture.flip(-1)).abs().max() == 0


def test_a_training_starts_from_a_file_and_a_part_from_another(tmp_path):
    whole = scheme().build(5)
    save_file({key: value.contiguous() for key, value in whole.state_dict().items()}, tmp_path / "whole.safetensors")
    part = scheme().build(6).spynet.state_dict()
    save_file({key: value.contiguous() for key, value in part.items()}, tmp_path / "part.safetensors")
    made = scheme(
        start_from=str(tmp_path / "whole.safetensors"), start_parts={"spynet": str(tmp_path / "part.safetensors")}
    )
    started = made.start(0).state_dict()
    for key, value in whole.state_dict().items():
        expected = part[key.removeprefix("spynet.")] if key.startswith("spynet.") else value
        assert torch.equal(started[key], expected), key
    assert not torch.equal(made.build(0).state_dict()["conv_last.weight"], started["conv_last.weight"])


def test_a_missing_start_is_one_sentence():
    with pytest.raises(WeightsError, match=r"the weights nowhere\.safetensors are missing"):
        scheme(start_from="nowhere.safetensors").start()


def test_a_network_that_is_not_known_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'basicvsrpp'"):
        scheme(network="basicvsrp").build()


def test_a_clip_is_restored_at_its_size():
    frames = np.random.default_rng(0).integers(0, 256, (3, 37, 53, 3), np.uint8)
    restored = scheme().restore_with(scheme().build(), frames, Budget()).frames
    assert (restored.shape, restored.dtype) == (frames.shape, np.uint8)
