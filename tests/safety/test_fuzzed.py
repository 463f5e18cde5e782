"""Inputs that broke a reader when ``fuzz/`` made them, each as small as it could be: they end in a sentence now."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from made_lab import make_lab

from hvdbench.annotate.answers import AnswerFile
from hvdbench.boards.files import read_board
from hvdbench.boards.settings import BoardSettings
from hvdbench.camera.formats.monst3r_maps import read_scene_depth
from hvdbench.camera.index import read_index
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import DatasetError, HvdbenchError, InputError, TrajectoryError, WeightsError
from hvdbench.ingest.device import read_device_map
from hvdbench.labels.annotations import read_annotations
from hvdbench.methods.training.checkpoints import load_checkpoint_folder
from hvdbench.methods.training.records import cut_log, read_log
from hvdbench.recipe import load_recipe
from hvdbench.scoring.costs import read_costs
from hvdbench.scoring.run_clip import RunClip, read_manifest
from hvdbench.sources.frame_sequence import read_depth
from hvdbench.sources.layout import load_layout
from hvdbench.weights.checkpoints import read_checkpoint
from hvdbench.weights.finding import find_weights
from hvdbench.workspace.engine import parse_engine
from hvdbench.workspace.owners import is_dead
from hvdbench.workspace.paths import CONFIG_VARIABLE, read_config

DEEP = "[" * 3000
LONG = "9" * 5000
HUGE = "9" * 400


def read_user_config(path: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CONFIG_VARIABLE, str(path))
        return read_config()


TOML: dict[str, Callable[[Path], object]] = {
    "index.toml": lambda path: read_index(path.parent),
    "layout.toml": lambda path: load_layout(str(path)),
    "devices.toml": read_device_map,
    "config.toml": read_user_config,
    "recipe.toml": lambda path: load_recipe("boards", str(path), BoardSettings),
}


@pytest.mark.parametrize(
    "text", [f"a = {DEEP}", f"a = {LONG}", "a = '\\ud800", "\0"], ids=["deep", "long", "open", "zero"]
)
@pytest.mark.parametrize("name", TOML)
def test_toml_that_python_cannot_parse_is_refused_by_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(HvdbenchError, match=f"{name}.*TOML"):
        TOML[name](tmp_path / name)


@pytest.mark.parametrize("value", ['weights = "~nobody-here/w"', '[roots]\nreds = "~nobody-here"'])
def test_a_home_of_nobody_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "config.toml").write_text(value)
    with pytest.raises(InputError, match=r"~nobody-here.*write the whole path"):
        read_user_config(tmp_path / "config.toml")
    with pytest.raises(InputError, match=r"~nobody-here.*write the whole path"):
        find_weights("~nobody-here/w.pth")


@pytest.mark.parametrize("text", [DEEP, LONG, "1", "\x00", f'{{"facts": {HUGE}}}', '{"a": 1, "a": 2}'])
def test_a_damaged_manifest_of_a_run_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run.json is damaged: restore the clip again"):
        read_manifest(tmp_path / "run.json")


@pytest.mark.parametrize("facts", [True, [], "x", {"frames_per_s": [1]}, {"frames_per_s": "1"}])
def test_costs_that_are_no_numbers_are_not_known(tmp_path: Path, facts: object) -> None:
    clip = make_lab(tmp_path / "lab").clips()[0]
    (tmp_path / "run.json").write_text(json.dumps({"run_digest": "a", "facts": facts}))
    (tmp_path / "costs.json").write_text(DEEP)
    assert np.isnan(read_costs(RunClip(tmp_path, clip)).drop(columns="frame").to_numpy()).all()


def test_facts_of_metrics_that_are_too_deep_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "a.metrics.json").write_text(DEEP)
    with pytest.raises(InputError, match=r"a.metrics.json cannot be read as JSON"):
        read_board(str(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'shape': (2, 3",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (900000, 900000)}",
        "(" * 400,
    ],
)
def test_an_array_with_a_damaged_header_is_refused(tmp_path: Path, header: str) -> None:
    text = header.encode() + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(48)
    (tmp_path / "frame_0.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"frame_0.npy is not a depth map"):
        read_depth(tmp_path / "frame_0.npy")
    with pytest.raises(TrajectoryError, match=r"frame_0.npy cannot be read as a map"):
        read_scene_depth(tmp_path, 1)


def test_an_archive_of_weights_with_an_offset_before_its_start_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("a/data.pkl", b"x")
        archive.writestr("a/version", b"3")
    data = bytearray((tmp_path / "a.pth").read_bytes())
    end = data.rindex(b"PK\x05\x06")
    start = int.from_bytes(data[end + 16 : end + 20], "little")
    data[end + 16 : end + 20] = (start + 5000).to_bytes(4, "little")  # so that entries lie 5000 bytes before
    (tmp_path / "a.pth").write_bytes(data)
    with pytest.raises(WeightsError, match=r"a.pth is damaged"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_pack_with_a_damaged_heap_is_refused(tmp_path: Path) -> None:
    pack_dataset(make_lab(tmp_path / "lab"), tmp_path / "lab.h5", kind="raw")
    with h5py.File(tmp_path / "lab.h5", "a") as file:  # in the older form texts of attributes lie in a heap
        text = file.attrs["name"]
        del file.attrs["name"]
        file.attrs["format"] = np.array([file.attrs["format"]] * 2, h5py.string_dtype())
        file.attrs["name"] = text
    data = (tmp_path / "lab.h5").read_bytes()
    (tmp_path / "lab.h5").write_bytes(data.replace(b"GCOL", b"GCOX"))
    with pytest.raises(DatasetError, match=r"lab.h5 is .*'hvdbench pack"):
        open_reader(tmp_path / "lab.h5")


def test_a_frame_number_of_thousands_of_digits_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"clip,frame,label,annotator\na,{LONG},sharp,me\n")
    with pytest.raises(InputError, match="is not a whole number of 0 or more") as caught:
        read_annotations(path)
    assert len(str(caught.value)) < 400


def test_a_number_of_thousands_of_digits_in_answers_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    for row in (f"a,{LONG},sharp,me,1,2", f"a,1,sharp,me,{LONG},2"):
        path.write_text(f"clip,frame,label,annotator,confidence,seconds\n{row}\n")
        with pytest.raises(InputError, match="is not") as caught:
            AnswerFile(path).read()
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("owner", [LONG, f"x.{LONG}.1", "9" * 18])
def test_a_lock_of_a_process_of_thousands_of_digits_has_no_known_owner(owner: str) -> None:
    assert is_dead(owner) is not False


def test_an_engine_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(InputError, match="there is no engine"):
        parse_engine(f"local:{LONG}")


@pytest.mark.parametrize("name", ["a" * 300, "a/" + "b" * 300 + "/c.toml", "a\0.toml"])
def test_a_recipe_based_on_what_no_file_can_be_called_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "recipe.toml").write_text(f"based_on = {json.dumps(name)}")
    with pytest.raises(InputError, match="no file can be called"):
        load_recipe("boards", str(tmp_path / "recipe.toml"), BoardSettings)


@pytest.mark.parametrize("damage", [b"\xff\xfe", DEEP.encode(), b'{"kind": "step", "step": "two"}', b"{"])
def test_a_damaged_line_of_a_training_log_is_passed_over(tmp_path: Path, damage: bytes) -> None:
    whole = b'{"kind": "step", "step": 1}\n'
    path = tmp_path / "log.jsonl"
    path.write_bytes(whole + damage + b"\n" + whole.replace(b"1", b"2"))
    assert [line["step"] for line in read_log(path)] == [1, 2]
    cut_log(path, 1)
    assert path.read_bytes() == whole


def test_a_checkpoint_whose_state_is_nested_too_deeply_ends_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(DEEP)
    with pytest.raises(WeightsError, match=r"state\.json is damaged"):
        load_checkpoint_folder(tmp_path, "digest")
