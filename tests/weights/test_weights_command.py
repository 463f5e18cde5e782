"""``hvdbench weights`` with made files in the containers of the published ones."""

import hashlib
import os
import pickle
import re
import socket
import subprocess
import sys

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from hvdbench import catalog
from hvdbench.cli.train.weights import weights
from hvdbench.errors import UnknownNameError, WeightsError
from hvdbench.weights.checking import add_weights, check_weights, identify_lines, list_lines
from hvdbench.weights.registry import KNOWN


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of weights, not made yet; whatever opens a connection fails."""

    def refuse(*_args):
        raise AssertionError("weights are never downloaded")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture(scope="module")
def estrnn():
    torch.manual_seed(0)
    return catalog.resolve("network", "estrnn").build().state_dict()


@pytest.fixture(scope="module")
def download(tmp_path_factory, estrnn):
    """ESTRNN as its authors save it."""
    path = tmp_path_factory.mktemp("downloads") / "checkpoint (1).tar"
    state_dict = {f"module.model.{key}": value for key, value in estrnn.items()}
    torch.save({"epoch": 500, "model": "ESTRNN", "state_dict": state_dict, "optimizer": {}}, path)
    return path


def _run(*arguments):
    return CliRunner().invoke(weights, [str(argument) for argument in arguments])


def test_the_list_names_every_known_file_with_its_facts(folder, download):
    add_weights("estrnn_gopro", download)
    (folder / "unnamed.pth").write_bytes(b"1")
    (folder / ".partial-12345678-pretrain.pth").write_bytes(b"1")
    lines = list_lines()
    text = "\n".join(lines)
    assert lines[0] == f"folder: {folder} (1 of {len(KNOWN)} there)"
    for known in KNOWN:
        row = next(line for line in lines if line.split()[1:2] == [known.name])
        assert row.split()[2] == known.network
        assert row.endswith(known.file_name)
        assert row.startswith("there  " if known.name == "estrnn_gopro" else "missing")
        assert known.page in text
        assert known.licence in text
    assert f"{(folder / 'estrnn_gopro.tar').stat().st_size / 2**20:.1f} MiB" in text
    assert lines[-1].startswith("also there: unnamed.pth; ")


def test_the_list_imports_no_torch(folder):
    code = (
        "import sys; from click.testing import CliRunner; from hvdbench.cli.train.weights import weights\n"
        "result = CliRunner().invoke(weights, ['list'])\n"
        "sys.exit(result.exit_code or 'torch' in sys.modules or 'torchvision' in sys.modules)"
    )
    environment = os.environ | {"HVDBENCH_WEIGHTS": str(folder)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


def test_missing_files_are_notes_and_no_failure(folder):
    result = _run("check")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(KNOWN)
    assert all(line.startswith("note    ") for line in result.output.splitlines())
    assert f"put it at {folder / 'pretrain.pth'}" in result.output


def test_a_verified_file_is_added_byte_for_byte_and_checks(folder, download):
    result = _run("add", "estrnn_gopro", download)
    target = folder / "estrnn_gopro.tar"
    digest = hashlib.sha256(download.read_bytes()).hexdigest()
    assert result.exit_code == 0
    assert result.output == (
        f"{target} added; fits estrnn in every key and shape (176); sha256 {digest}, and no digest is published\n"
    )
    assert target.read_bytes() == download.read_bytes()
    assert [path.name for path in folder.iterdir()] == ["estrnn_gopro.tar"]
    assert [(found.name, found.state) for found in check_weights(["estrnn_gopro"])] == [("estrnn_gopro", "ok")]
    assert "already exists and is the same file" in add_weights("estrnn_gopro", download)
    assert "is in its place" in add_weights("estrnn_gopro", target)


def test_another_file_in_its_place_is_replaced_only_when_asked(folder, download):
    folder.mkdir()
    (folder / "estrnn_gopro.tar").write_bytes(b"mine")
    with pytest.raises(WeightsError, match="is another file: replace it with --overwrite"):
        add_weights("estrnn_gopro", download)
    assert (folder / "estrnn_gopro.tar").read_bytes() == b"mine"
    assert _run("add", "estrnn_gopro", download, "--overwrite").exit_code == 0
    assert (folder / "estrnn_gopro.tar").read_bytes() == download.read_bytes()


def test_weights_of_another_network_are_refused_with_the_one_that_they_fit(folder, download):
    with pytest.raises(WeightsError) as caught:
        add_weights("selfhvd", download)
    message = str(caught.value)
    assert f"{download} does not fit basicvsrpp: 406 missing (spynet.mean, " in message
    assert message.endswith("; it fits estrnn")
    assert not folder.exists()


def test_a_file_of_another_digest_is_refused(folder, tmp_path):
    torch.save(catalog.resolve("network", "spynet").build().state_dict(), tmp_path / "spynet.pth")
    with pytest.raises(WeightsError, match="expected c6c1bd09: download it again"):
        add_weights("spynet", tmp_path / "spynet.pth")
    assert not folder.exists()


def test_the_digits_that_are_published_are_compared(folder, tmp_path, monkeypatch):
    path = tmp_path / "spynet.pth"
    torch.save(catalog.resolve("network", "spynet").build().state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr("hvdbench.weights.registry.file_sha256", lambda _: f"c6c1bd09{digest[8:]}")
    assert f"sha256 c6c1bd09{digest[8:]}, as published (c6c1bd09…)" in _verified("spynet", path)


def _verified(name, path):
    from hvdbench.weights.checking import _verify
    from hvdbench.weights.registry import known_weights

    return _verify(known_weights(name), path)[0]


def test_a_converted_file_is_not_put_under_the_published_name(folder, tmp_path, estrnn):
    save_file({key: value.contiguous() for key, value in estrnn.items()}, tmp_path / "estrnn.safetensors")
    with pytest.raises(WeightsError, match=r"is not a \.tar file, as estrnn_gopro is published"):
        add_weights("estrnn_gopro", tmp_path / "estrnn.safetensors")


def test_numbers_that_are_not_finite_are_a_problem(folder, tmp_path, estrnn):
    state_dict = {key: value.clone() for key, value in estrnn.items()}
    state_dict["cell.F_B0.bias"][0] = torch.nan
    torch.save(state_dict, tmp_path / "w.pth")
    with pytest.raises(
        WeightsError, match=r"fits estrnn, but 1 tensors contain values that are not finite \(cell\.F_B0"
    ):
        add_weights("estrnn_gopro", tmp_path / "w.pth")
    assert any(line.startswith("warning:") for line in identify_lines(tmp_path / "w.pth"))


def test_a_wrong_file_in_place_fails_the_check_and_the_others_are_still_told(folder, download):
    add_weights("estrnn_gopro", download)
    (folder / "pretrain.pth").write_bytes(download.read_bytes())
    (folder / "estrnn_bsd_1ms8ms.tar").write_bytes(download.read_bytes()[:-1000])
    (folder / "vgg19-dcbb9e9d.pth").write_bytes(b"<html>")
    (folder / "brisque_svm_weights.pth").write_bytes(b"")
    (folder / "niqe_modelparameters.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    (folder / "005_RVRT_videodeblurring_GoPro_16frames.pth").mkdir()
    result = _run("check")
    assert result.exit_code == 1
    rows = {line.split()[1].rstrip(":"): line for line in result.output.splitlines()}
    assert {name for name, line in rows.items() if line.startswith("PROBLEM")} == {
        "selfhvd",
        "rvrt_gopro",
        "estrnn_bsd_1ms8ms",
        "vgg19",
        "brisque",
    }
    assert {name for name, line in rows.items() if line.startswith("ok")} == {"estrnn_gopro", "niqe"}
    assert rows["selfhvd"].endswith("it fits estrnn")
    assert "only pyiqa reads it" in rows["niqe"]
    assert _run("check", "estrnn_gopro", "niqe", "spynet").exit_code == 0


def test_an_unknown_name_is_answered_with_the_nearest(folder, download):
    for arguments in (("check", "selfhdv"), ("add", "selfhdv", download)):
        result = _run(*arguments)
        assert isinstance(result.exception, UnknownNameError)
        assert str(result.exception).startswith(
            "there is no set of weights named 'selfhdv'; did you mean 'selfhvd'? (known: "
        )


def test_a_download_that_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(WeightsError, match=r"no\.pth is not a file: name the file that you downloaded from https"):
        add_weights("selfhvd", tmp_path / "no.pth")


def test_a_file_is_identified_with_its_container_and_network(folder, download):
    lines = identify_lines(download)
    digest = hashlib.sha256(download.read_bytes()).hexdigest()
    assert lines[0].endswith(f"MiB, sha256 {digest}")
    assert lines[1:4] == [
        "container: torch.save; taken from 'state_dict' (beside it: 'epoch', 'model', 'optimizer'); "
        "prefix 'module.model.' taken off",
        "tensors:   176, 2 467 931 numbers, float32",
        "estrnn: fits, every key and shape (176)",
    ]
    assert lines[4].startswith("known as:  estrnn_gopro or estrnn_bsd_1ms8ms or ")
    assert len(lines) == 6


@pytest.mark.parametrize("name", ["model.safetensors", "model.bin"])
def test_safetensors_are_identified_under_any_name(folder, tmp_path, estrnn, name):
    save_file({key: value.contiguous() for key, value in estrnn.items()}, tmp_path / name)
    lines = identify_lines(tmp_path / name)
    assert lines[1] == "container: safetensors; a bare state dict"
    assert "estrnn: fits, every key and shape (176)" in lines


def test_a_file_of_another_size_is_told_by_share_and_an_alien_by_its_keys(folder, tmp_path):
    torch.save(catalog.resolve("network", "estrnn").build(n_features=4).state_dict(), tmp_path / "small.ckpt")
    result = _run("identify", tmp_path / "small.ckpt")
    assert result.exit_code == 0
    assert "estrnn: does not fit, " in result.output
    assert "another size of it" in result.output
    torch.save({"encoder.weight": torch.ones(3, dtype=torch.float16)}, tmp_path / "alien.pth")
    result = _run("identify", tmp_path / "alien.pth")
    assert result.exit_code == 0
    assert "tensors:   1, 3 numbers, float16" in result.output
    assert "no network of the catalogue shares a key with it" in result.output
    assert "its keys begin with encoder.weight" in result.output


class _Touches:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("command", [("identify",), ("add", "estrnn_gopro")])
@pytest.mark.parametrize("kind", ["zip", "old", "bare pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(folder, tmp_path, command, kind):
    path, ran = tmp_path / "w.pth", tmp_path / "ran"
    content = {"state_dict": {"a": torch.ones(1)}, "x": _Touches(str(ran))}
    if kind == "bare pickle":
        path.write_bytes(pickle.dumps({"x": _Touches(str(ran))}, protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    result = _run(*command, path)
    assert result.exit_code == 1
    assert isinstance(result.exception, WeightsError)
    assert not ran.exists()
    assert not folder.exists()


def test_damaged_files_get_one_sentence(folder, tmp_path, download):
    whole = download.read_bytes()
    path = tmp_path / "w.bin"
    for content in (b"", b"{}", b"PK\x03\x04", whole[: len(whole) // 2], bytes(100), b"12345678{garbage"):
        path.write_bytes(content)
        result = _run("identify", path)
        assert isinstance(result.exception, WeightsError), content[:20]
        assert re.search("is damaged or not a weight file|is no weight file", str(result.exception))


def test_the_order_of_colours_is_told_and_not_guessed_from_the_numbers(folder, download):
    row = next(number for number, line in enumerate(list_lines()) if line.split()[1:2] == ["estrnn_gopro"])
    assert list_lines()[row + 2].endswith("colours in the order BGR")
    (told,) = [line for line in identify_lines(download) if line.startswith("colours:")]
    assert "estrnn is fed BGR, as its published weights are; no number in a file shows it" in told


def test_weights_of_a_preset_are_told_by_its_name(tmp_path):
    torch.save(catalog.resolve("network", "estrnn").build("tiny").state_dict(), tmp_path / "w.pth")
    assert "estrnn@tiny: fits, every key and shape (64)" in identify_lines(tmp_path / "w.pth")
