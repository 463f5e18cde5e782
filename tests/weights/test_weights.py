import argparse
import gzip
import hashlib
import json
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hvdbench import catalog
from hvdbench.errors import UnknownNameError, WeightsError
from hvdbench.networks.fusion import FusionNetwork
from hvdbench.networks.spynet import SPyNet
from hvdbench.weights.checkpoints import load_checkpoint, read_checkpoint
from hvdbench.weights.fitting import find_fits, guess_network, load_into, network_shapes, shapes_of
from hvdbench.weights.registry import KNOWN, known_weights, weights_status

STATE = {"conv.weight": torch.arange(6.0).view(2, 3), "conv.bias": torch.ones(2)}


def _prefixed(prefix, state=STATE):
    return {prefix + key: value for key, value in state.items()}


CONTAINERS = {
    "bare": STATE,
    "estrnn": {"epoch": 3, "model": "ESTRNN", "state_dict": _prefixed("module.model."), "optimizer": {}},
    "data parallel": {"state_dict": _prefixed("module.")},
    "rvrt": {"params": STATE},
    "ema only": {"params_ema": STATE},
    "dadeblur": {"model_state": STATE, "args": argparse.Namespace(epochs=10)},
    "numpy's numbers beside it": {"state_dict": STATE, "loss": np.float64(0.5), "epoch": np.int64(3)},
    "averaged model": {"state_dict": {"n_averaged": torch.tensor(4), **_prefixed("module.")}},
    "compiled": _prefixed("_orig_mod."),
    "compiled in parallel": _prefixed("_orig_mod.module."),
    "parallel twice": {"state_dict": _prefixed("module.module.")},
    "Lightning": {
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {**_prefixed("model."), "loss.features.weight": torch.zeros(1)},
    },
    "counted by thop": {"state_dict": {**STATE, "conv.total_ops": torch.zeros(1), "total_params": torch.zeros(1)}},
    "nested": {"model": {"state_dict": STATE}},
    "mmedit": {"meta": {"iter": 5}, "state_dict": {**_prefixed("generator."), "step_counter": torch.zeros(1)}},
    "mmedit with ema": {
        "state_dict": {
            **_prefixed("generator_ema.", {key: value + 1 for key, value in STATE.items()}),
            **_prefixed("generator."),
            "step_counter": torch.zeros(1),
            "discriminator.weight": torch.zeros(1),
        }
    },
    "mmedit ema only": {"state_dict": _prefixed("generator_ema.")},
}


@pytest.mark.parametrize("content", CONTAINERS.values(), ids=CONTAINERS.keys())
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".tar"])
def test_a_state_dict_is_found_in_any_wrapping(tmp_path, content, suffix):
    path = tmp_path / f"weights{suffix}"
    torch.save(content, path)
    loaded = load_checkpoint(path)
    assert loaded.keys() == STATE.keys()
    for key, value in STATE.items():
        torch.testing.assert_close(loaded[key], value)


def test_safetensors_are_read(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(_prefixed("module."), path)
    torch.testing.assert_close(load_checkpoint(path), STATE)


def test_a_digest_may_be_given_whole_or_by_its_first_digits(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(STATE, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    load_checkpoint(path, expected_sha256=digest.upper())
    load_checkpoint(path, expected_sha256=digest[:8])
    with pytest.raises(WeightsError, match=f"has sha256 {digest}, expected 00000000"):
        load_checkpoint(path, expected_sha256="00000000")


def test_a_missing_known_file_says_where_to_get_it_and_where_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(tmp_path / "pretrain.pth")
    assert "https://github.com/cshonglei/SelfHVD" in str(caught.value)
    assert f"put it at {tmp_path / 'pretrain.pth'}" in str(caught.value)


def test_a_missing_unknown_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"mine\.pth are missing: there is no file .*mine\.pth"):
        load_checkpoint(tmp_path / "mine.pth")


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "weights.onnx").write_bytes(b"1")
    with pytest.raises(WeightsError, match=r"weights\.onnx is damaged or not a weight file"):
        load_checkpoint(tmp_path / "weights.onnx")


@pytest.mark.parametrize("name", ["w.ckpt", "w.bin", "w.PTH", "w.pkl", "w", "w.safetensors"])
def test_what_a_file_is_its_bytes_say_and_not_its_name(tmp_path, name):
    torch.save(STATE, tmp_path / name)
    assert load_checkpoint(tmp_path / name).keys() == STATE.keys()
    save_file(STATE, tmp_path / name)
    assert load_checkpoint(tmp_path / name).keys() == STATE.keys()


def test_an_intact_file_inside_another_container_is_not_called_damaged(tmp_path):
    torch.save(STATE, tmp_path / "w.pth")
    (tmp_path / "packed.pth").write_bytes(gzip.compress((tmp_path / "w.pth").read_bytes()))
    with pytest.raises(WeightsError, match=r"packed\.pth is packed with gzip: unpack it"):
        load_checkpoint(tmp_path / "packed.pth")
    with zipfile.ZipFile(tmp_path / "outer.pth", "w") as archive:
        archive.write(tmp_path / "w.pth", "model/w.pth")
    with pytest.raises(WeightsError, match=r"outer\.pth is a ZIP archive of model/w\.pth: unpack it"):
        load_checkpoint(tmp_path / "outer.pth")


def test_every_way_of_damage_gives_one_sentence(tmp_path):
    torch.save(STATE, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    save_file(STATE, tmp_path / "whole.safetensors")
    for suffix, content in (
        (".pth", b""),
        (".pth", b"\x80\x02}q\x00."),  # an empty dict, no weights
        (".pth", b"<html>Quota exceeded</html>"),
        (".pth", b"version https://git-lfs.github.com/spec/v1\n"),
        (".pth", whole[: len(whole) // 2]),
        (".pth", whole[:100] + bytes(50) + whole[150:]),
        (".pt", bytes(range(256)) * 4),
        (".safetensors", b""),
        (".safetensors", (tmp_path / "whole.safetensors").read_bytes()[:-3]),
    ):
        path = tmp_path / f"damaged{suffix}"
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"is damaged or not a weight file|does not contain a state dict"):
            load_checkpoint(path)


def test_what_was_saved_in_place_of_weights_is_named(tmp_path):
    for content, place in (
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><html>", "a web page was saved in its place"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer stands in its place"),
    ):
        (tmp_path / "w.pth").write_bytes(content)
        with pytest.raises(WeightsError, match=place):
            load_checkpoint(tmp_path / "w.pth")


def test_a_byte_altered_among_the_numbers_is_found_by_the_archives_checksum(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"a": torch.zeros(1000)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["a"].count_nonzero() == 1  # torch does not look
    with pytest.raises(WeightsError, match="is damaged or not a weight file"):
        load_checkpoint(path)


def test_an_archive_without_checksums_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(STATE, tmp_path / "w.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert load_checkpoint(tmp_path / "w.pth").keys() == STATE.keys()


def test_numbers_of_numpy_before_2_are_read(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"state_dict": STATE, "loss": np.float64(1)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert load_checkpoint(path).keys() == STATE.keys()


def test_what_was_taken_off_is_told(tmp_path):
    torch.save(CONTAINERS["mmedit with ema"], tmp_path / "w.pth")
    assert read_checkpoint(tmp_path / "w.pth").steps == (
        "taken from 'state_dict'",
        "counters left out: step_counter",
        "the keys under 'generator.' taken, others left out: "
        "generator_ema.conv.weight, generator_ema.conv.bias, discriminator.weight",
    )
    torch.save(CONTAINERS["estrnn"], tmp_path / "w.pth")
    assert read_checkpoint(tmp_path / "w.pth").steps == (
        "taken from 'state_dict' (beside it: 'epoch', 'model', 'optimizer')",
        "prefix 'module.model.' taken off",
    )
    torch.save(STATE, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert (read_checkpoint(tmp_path / "w.pth").form, read_checkpoint(tmp_path / "w.pth").steps) == (
        "torch.save, before 1.6",
        (),
    )


def test_counters_alone_are_no_state_dict(tmp_path):
    torch.save({"step_counter": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="does not contain a state dict, only counters"):
        load_checkpoint(tmp_path / "w.pth")


class _Touches:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (pathlib.Path.touch, (self.path,))


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_code_is_refused_and_not_run(tmp_path, zipped):
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": STATE, "x": _Touches(tmp_path / "ran")}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match="contains pickled code"):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_a_pickled_module_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(WeightsError, match="contains pickled code"):
        load_checkpoint(path)


def test_a_file_without_tensors_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    for content in ({"epoch": 3}, {}, [torch.zeros(1)], {"state_dict": {"a": torch.zeros(1), "b": 2}}):
        torch.save(content, path)
        with pytest.raises(WeightsError, match="does not contain a state dict"):
            load_checkpoint(path)


def test_what_does_not_fit_is_listed_and_the_network_stays_as_it_was():
    network = FusionNetwork(channels=8, blocks=1)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_into(network, SPyNet().state_dict(), pathlib.Path("theirs.pth"))
    message = str(caught.value)
    assert message.startswith("theirs.pth does not fit FusionNetwork: 8 missing (first.weight, first.bias, ")
    assert "62 unexpected (mean, std, " in message
    assert "..." in message
    assert message.endswith("its keys look like those of spynet")
    torch.testing.assert_close(network.state_dict(), before, atol=0, rtol=0)


def test_another_shape_is_named_with_both_shapes():
    with pytest.raises(
        WeightsError, match=r"first\.weight \(16, 85, 3, 3\) instead of \(8, 85, 3, 3\).*like those of fusion"
    ):
        load_into(FusionNetwork(channels=8), FusionNetwork(channels=16).state_dict(), pathlib.Path("x.pth"))
    with pytest.raises(WeightsError, match="no known network"):
        load_into(FusionNetwork(), STATE, pathlib.Path("x.pth"))


def test_a_checkpoint_that_fits_is_loaded(tmp_path):
    torch.manual_seed(0)
    source, target = FusionNetwork(channels=8), FusionNetwork(channels=8)
    torch.save({"state_dict": _prefixed("generator.", source.state_dict())}, tmp_path / "w.pth")
    load_into(target, load_checkpoint(tmp_path / "w.pth"), tmp_path / "w.pth")
    torch.testing.assert_close(target.state_dict(), source.state_dict(), atol=0, rtol=0)


PUBLISHED = {
    "basicvsrpp": "basicvsrpp_selfhvd_keys.txt",
    "estrnn": "estrnn_keys.txt",
    "ifirnn": "ifirnn_keys.txt",
    "rvrt": "rvrt_gopro_keys.txt",
    "sea_raft": "sea_raft_spring_m_keys.txt",
    "cdvd_tsp": "cdvd_tsp_keys.txt",
    "hypercut": "hypercut_keys.txt",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_keys_and_shapes_tell_their_network(shared, name):
    rows = (shared / "parity" / PUBLISHED[name]).read_text().splitlines()
    cells = [row.split("\t") for row in rows if not row.startswith("#")]
    published = {key: tuple(json.loads(shape)) for key, shape, *_ in cells}
    assert guess_network(published) == name
    assert network_shapes(name) == published
    best, *others = find_fits(published)
    assert (best.network, best.is_strict, best.share) == (name, True, 1.0)
    assert not any(fit.is_strict for fit in others)


def test_a_network_inside_another_is_found_under_its_prefix():
    fits = {fit.network: fit for fit in find_fits(network_shapes("basicvsrpp"))}
    assert fits["spynet"].sentence == "is whole under the prefix 'spynet.' (62 keys), beside 344 other keys"
    fits = {fit.network: fit for fit in find_fits(network_shapes("cdvd_tsp"))}
    assert (fits["pwc_net"].prefix, fits["pwc_net"].is_whole) == ("flow_net.moduleNetwork.", True)


def test_a_prefix_that_nobody_knows_is_found_out():
    fit = find_fits({f"net.{key}": shape for key, shape in network_shapes("ifirnn").items()})[0]
    assert fit.sentence == "is whole under the prefix 'net.' (82 keys), beside no other keys"
    assert not fit.is_strict


def test_another_size_of_a_network_is_told_as_such():
    fit = find_fits(shapes_of(FusionNetwork(channels=16).state_dict()))[0]
    assert (fit.network, fit.named, fit.own) == ("fusion", 16, 16)
    # Of 16 tensors only last.bias does not depend on the width.
    assert fit.sentence == (
        "does not fit, 3%: 16 of its 16 keys are there, 1 of the same shape, no other keys: another size of it"
    )


def test_every_known_network_that_we_can_make_is_made():
    made = {known.name: len(network_shapes(known.module)) for known in KNOWN if known.module}
    # VGG19 has 16 convolutions and 3 linear layers, each of weight and bias.
    assert made["vgg19"] == 2 * (16 + 3)
    assert set(made) == {known.name for known in KNOWN if "pyiqa" not in known.licence}


@pytest.mark.parametrize("name", catalog.names("network"))
def test_our_networks_are_told_by_the_names_of_their_parameters_at_every_size(name):
    network = catalog.resolve("network", name)
    for preset in (None, *network.presets):
        with torch.device("meta"):
            assert guess_network(network.build(preset).state_dict()) == name


def test_what_is_no_network_of_ours_is_not_guessed():
    assert guess_network(["layer1.0.conv1.weight", "fc.weight"]) is None


def test_the_status_tells_which_weights_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path))
    (tmp_path / "pretrain.pth").touch()
    status = {known.name: (path, present) for known, path, present in weights_status()}
    assert status["selfhvd"] == (tmp_path / "pretrain.pth", True)
    assert status["spynet"][1] is False
    assert len(status) == len(KNOWN) == len({known.file_name for known in KNOWN})


def test_known_weights_are_found_by_name():
    assert known_weights("selfhvd").network == "basicvsrpp"
    with pytest.raises(
        UnknownNameError, match=r"no set of weights named 'vgg'; did you mean 'vgg19'\? \(known: basicvsrpp_gopro"
    ):
        known_weights("vgg")


def test_listing_weights_imports_no_torch():
    read = "from hvdbench.weights.registry import weights_status; weights_status()"
    code = f"import sys; {read}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
