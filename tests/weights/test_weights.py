import argparse
import bz2
import collections
import datetime
import decimal
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import pickle
import subprocess
import sys
import tarfile
import tempfile
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
    "compiled inside": {"state_dict": {"conv._orig_mod.weight": STATE["conv.weight"], "conv.bias": STATE["conv.bias"]}},
    "sharded": _prefixed("_fsdp_wrapped_module."),
    "under a name of one's own": {"my_best": STATE, "epoch": 4, "optim": {"state": {0: {"step": torch.zeros(1)}}}},
    "settings under a usual name": {"params": {"width": 4}, "weights": STATE},
    "in a tuple": (STATE, 5),
    "beside numbers": {**STATE, "epoch": 4},
    "arrays of NumPy": {"state_dict": {key: value.numpy() for key, value in STATE.items()}},
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


BESIDE = {
    "a path": pathlib.Path("runs/1"),
    "a path of Windows": pathlib.PureWindowsPath("c:/runs"),
    "options": argparse.Namespace(out=pathlib.Path("runs"), steps=[1]),
    "an array": np.arange(4.0),
    "an array of records": np.zeros(2, dtype=[("a", "f4")]),
    "a number of NumPy's": np.uint8(1),
    "a word of NumPy's": np.str_("a"),
    "a log": collections.defaultdict(list, {"loss": [0.5]}),
    "a queue": collections.deque([1]),
    "an ordered dict": collections.OrderedDict(a=1),
    "a time": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "a duration": datetime.timedelta(seconds=3),
    "a decimal": decimal.Decimal("1.5"),
    "sets and ranges": ({1}, frozenset({2}), range(3), slice(1, 2)),
    "states of generators": (np.random.RandomState(0), np.random.default_rng(0), torch.get_rng_state()),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE.keys())
def test_plain_data_beside_the_weights_are_read_as_what_they_are(tmp_path, beside, zipped):
    torch.save({"state_dict": STATE, "x": beside}, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    torch.testing.assert_close(load_checkpoint(tmp_path / "w.pth"), STATE)


def test_arrays_of_numpy_in_any_order_become_the_same_tensors(tmp_path):
    across = np.arange(6, dtype=">f4").reshape(2, 3)
    arrays = {"across": across, "down": np.asfortranarray(across), "whole": np.array(7), "words": np.array(["a"])}
    torch.save(arrays, tmp_path / "w.pth")
    read = load_checkpoint(tmp_path / "w.pth")
    assert read.keys() == {"across", "down", "whole"}
    assert read["across"].tolist() == read["down"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read["whole"].item() == 7


def _pack(folder: pathlib.Path, *, suffix: str = ".pth") -> dict[str, bytes]:
    """Pack one weight file in every way that people do."""
    torch.save(STATE, folder / f"w{suffix}")
    content = (folder / f"w{suffix}").read_bytes()
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.md", "how to use it")
        archive.writestr("__MACOSX/model/._w.pth", b"\0\5\x16\7")
        archive.writestr("model/w.pth", content)
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        entry = tarfile.TarInfo("model/w.pth")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return {
        "unpacked with gzip": gzip.compress(content),
        "unpacked with bzip2": bz2.compress(content),
        "unpacked with xz": lzma.compress(content),
        "taken out of a ZIP archive as 'model/w.pth'": zipped.getvalue(),
        "taken out of a tar archive as 'model/w.pth'": tarred.getvalue(),
        "unpacked with gzip; taken out of a tar archive as 'model/w.pth'": gzip.compress(tarred.getvalue()),
    }


@pytest.mark.parametrize("name", ["packed.pth", "packed.zip"])
def test_a_weight_file_inside_another_file_is_taken_out_and_told(tmp_path, monkeypatch, name):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))  # tests beside this one use the usual folder
    for words, content in _pack(tmp_path).items():
        (tmp_path / name).write_bytes(content)
        read = read_checkpoint(tmp_path / name)
        torch.testing.assert_close(read.state_dict, STATE)
        assert "; ".join(read.steps) == words
        assert not list((tmp_path / "temporary").iterdir())


def test_an_archive_without_one_weight_file_says_what_it_holds(tmp_path):
    path = tmp_path / "packed.zip"
    torch.save(STATE, tmp_path / "w.pth")
    for names, words in (
        (["a.pth", "b.pth"], r"a ZIP archive of 2 weight files \(a\.pth, b\.pth\): unpack it, and name one"),
        ([], r"a ZIP archive of README\.md, and none of its files looks like weights"),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("README.md", "nothing")
            for name in names:
                archive.write(tmp_path / "w.pth", name)
        with pytest.raises(WeightsError, match=words):
            load_checkpoint(path)


def test_what_is_packed_and_cut_off_or_swells_is_refused(tmp_path):
    torch.save(STATE, tmp_path / "w.pth")
    packed = gzip.compress((tmp_path / "w.pth").read_bytes())
    deep = packed
    for _ in range(4):
        deep = gzip.compress(deep)
    for content, words in (
        (packed[:-20], "is packed and damaged: download it again"),
        (gzip.compress(bytes(100 << 20)), "grows over 20 times its size"),
        (deep, "packed more than 3 times over"),
    ):
        (tmp_path / "packed.gz").write_bytes(content)
        with pytest.raises(WeightsError, match=words):
            load_checkpoint(tmp_path / "packed.gz")


def test_a_few_bytes_that_claim_many_numbers_are_refused(tmp_path):
    torch.save({"w": torch.zeros(1).expand(10**9)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="claims 4000000000 bytes of numbers"):
        load_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "but an HDF5 file, as Keras writes it"),
        (b'{"weight_map": {}}', "but a text, as the index beside several weight files is"),
        (pickle.dumps({"a": 1}), "but a plain pickle, which torch.save did not write"),
        (bytes(2000), "is damaged or not a weight file"),
    ],
)
def test_another_kind_of_file_is_called_what_it_is(tmp_path, content, words):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        load_checkpoint(tmp_path / "w.pth")


def test_another_protocol_of_pickle_is_not_called_damage(tmp_path):
    torch.save(STATE, tmp_path / "w.pth", pickle_protocol=4)
    with pytest.raises(WeightsError, match="is written in another pickle protocol"):
        load_checkpoint(tmp_path / "w.pth")
    torch.save(STATE, tmp_path / "w.pth", pickle_protocol=3)
    torch.testing.assert_close(load_checkpoint(tmp_path / "w.pth"), STATE)


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
        with pytest.raises(WeightsError, match=r"or not a weight file|does not contain a state dict|a plain pickle"):
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
    with pytest.raises(WeightsError, match=r"contains pickled code beside its tensors, which would run getattr"):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


class _Calls:
    def __init__(self, function, *arguments):
        self.made_of = function, arguments

    def __reduce__(self):
        return self.made_of


@pytest.mark.parametrize(
    ("held", "named"),
    [
        (_Calls(os.system, "exit 1"), "posix.system"),
        (_Calls(eval, "1"), "eval"),
        (_Calls(getattr, [], "append"), "getattr"),
        (_Calls(collections.defaultdict, os.getcwd), "posix.getcwd"),  # plain data that would call it
        ({"a path": pathlib.Path("a"), "then": _Calls(os.getcwd)}, "posix.getcwd"),
    ],
)
def test_code_is_refused_by_its_name_among_plain_data_too(tmp_path, held, named):
    torch.save({"state_dict": STATE, "x": held}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=rf"which would run {named}; it is never run"):
        load_checkpoint(tmp_path / "w.pth")


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
    assert message.endswith("it fits spynet")
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


@pytest.mark.parametrize(
    "prefix", ["net.", "network.", "net_g.", "generator.model.", "model._orig_mod.", "anything.x."]
)
def test_a_prefix_of_anybodys_is_taken_off_where_the_network_fits_whole(tmp_path, prefix):
    source, target = FusionNetwork(channels=8), FusionNetwork(channels=8)
    torch.save({"state_dict": _prefixed(prefix, source.state_dict())}, tmp_path / "w.pth")
    load_into(target, load_checkpoint(tmp_path / "w.pth"), tmp_path / "w.pth")
    torch.testing.assert_close(target.state_dict(), source.state_dict(), atol=0, rtol=0)


def test_what_stands_beside_the_network_is_left_out_with_a_warning(tmp_path, caplog):
    source, target = FusionNetwork(channels=8), FusionNetwork(channels=8)
    others = {"discriminator": {"weight": torch.zeros(2)}, "epoch": 3}
    torch.save({"generator_weights": source.state_dict(), **others}, tmp_path / "w.pth")
    load_into(target, load_checkpoint(tmp_path / "w.pth"), tmp_path / "w.pth")
    torch.testing.assert_close(target.state_dict(), source.state_dict(), atol=0, rtol=0)
    assert "the keys under 'generator_weights.' are taken, and those of 1 other tensors left out" in caplog.text


def test_plain_weights_come_before_averaged_ones_and_two_alike_are_asked_for(tmp_path):
    plain, other, target = (FusionNetwork(channels=8) for _ in range(3))
    path = tmp_path / "w.pth"
    torch.save({"net": plain.state_dict(), "net_ema": other.state_dict()}, path)
    load_into(target, load_checkpoint(path), path)
    torch.testing.assert_close(target.state_dict(), plain.state_dict(), atol=0, rtol=0)
    torch.save({"first": plain.state_dict(), "second": other.state_dict()}, path)
    with pytest.raises(WeightsError, match=r"contains the network under 'first\.' and 'second\.': save the one"):
        load_into(target, load_checkpoint(path), path)


def test_a_part_that_was_trained_in_parallel_and_missing_counters_are_no_hindrance(tmp_path):
    def made() -> nn.Module:
        return nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), nn.Conv2d(4, 3, 3))

    source, target = made(), made()
    state = {key: value for key, value in source.state_dict().items() if not key.endswith("num_batches_tracked")}
    torch.save({key.replace("0.", "0.module.", 1): value for key, value in state.items()}, tmp_path / "w.pth")
    load_into(target, load_checkpoint(tmp_path / "w.pth"), tmp_path / "w.pth")
    torch.testing.assert_close(target.state_dict(), source.state_dict(), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value: value.to(torch.int8), "of another kind of numbers .*int8 instead of float32"),
        (lambda value: value.to_sparse(), "of another kind of numbers .*sparse_coo instead of float32"),
        (lambda value: value.to("meta"), "of another kind of numbers .*without its numbers instead of float32"),
        (lambda value: value * float("nan"), r"fits Conv2d, but 1 tensors contain values that are not finite \(weight"),
    ],
)
def test_numbers_that_would_lose_their_meaning_are_refused(change, words):
    network = nn.Conv2d(3, 4, 3)
    state = network.state_dict()
    with pytest.raises(WeightsError, match=words):
        load_into(network, {**state, "weight": change(state["weight"])}, pathlib.Path("w.pth"))


def test_weights_of_another_size_say_so_and_which_size_they_fit():
    from hvdbench.networks.estrnn import ESTRNN

    path = pathlib.Path("w.pth")
    with pytest.raises(
        WeightsError, match=r"does not fit ESTRNN: .*; it fits estrnn@tiny; it is of another size: set "
    ):
        load_into(ESTRNN(n_features=8, n_blocks=1), ESTRNN(n_features=4, n_blocks=1).state_dict(), path)
    with pytest.raises(
        WeightsError, match=r"network_arguments \(n_features, n_blocks, past_frames, future_frames, flow\)"
    ):
        load_into(ESTRNN(n_features=4, n_blocks=1), ESTRNN(n_features=8, n_blocks=1).state_dict(), path)
    short = dict(list(ESTRNN(n_features=4, n_blocks=1).state_dict().items())[1:])
    with pytest.raises(WeightsError, match=r"1 missing \(cell\.F_B0\.weight\); its keys look like those of estrnn"):
        load_into(ESTRNN(n_features=4, n_blocks=1), short, path)


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
    foreign = {known.name for known in KNOWN if "pyiqa" in known.licence or known.file_name.endswith(".onnx")}
    assert set(made) == {known.name for known in KNOWN} - foreign


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


def test_the_registry_states_the_order_of_colours_that_each_network_is_fed():
    stated = {known.name: (known.network, known.channel_order) for known in KNOWN if known.channel_order}
    restoring = {
        name: catalog.resolve("network", name).spec
        for name in catalog.names("network")
        if catalog.resolve("network", name).restores_clips
    }
    assert {name for name, _ in stated.values()} == {known.network for known in KNOWN if known.network in restoring}
    assert {order for _, order in stated.values()} == {"rgb", "bgr"}
    others = {"estrnn_gopro_dadeblur": "rgb"}  # those that a network was trained anew on by somebody else
    for name, (network, order) in stated.items():
        assert others.get(name, restoring[network].channel_order) == order
