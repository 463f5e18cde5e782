"""Inputs whose parts are well formed and whose values are not, as ``fuzz/`` found them: they end in a sentence now."""

import json
import resource
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from made_lab import make_lab

from hvdbench.boards.entering import ENTRY_FILE, read_entry
from hvdbench.camera.formats.trajectory_format import open_format
from hvdbench.errors import InputError, TrajectoryError, WeightsError
from hvdbench.frames import read_frame, write_clip
from hvdbench.methods.training.checkpoints import TrainingState, load_checkpoint_folder, save_checkpoint
from hvdbench.weights.checkpoints import read_checkpoint


@pytest.mark.parametrize("text", ["1", "[]", '"x"', "null", "{}", '{"facts": [1]}', '{"facts": 1}'])
def test_a_note_of_another_kind_beside_a_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / ENTRY_FILE).write_text(text)
    with pytest.raises(InputError, match=ENTRY_FILE):
        read_entry(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("files", 1), ("files", "x"), ("files", [1]), ("files", ["../x"]), ("step", "3"), ("notes", [])]
)
def test_a_state_whose_values_are_of_another_kind_is_refused(tmp_path: Path, key: str, value: object) -> None:
    folder = save_checkpoint(tmp_path, TrainingState(3, "ab", {"network": {"w": torch.ones(2)}}, {"best": 1.0}), 1)
    assert load_checkpoint_folder(folder, "ab").step == 3
    content = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(content | {key: value}))
    with pytest.raises(WeightsError, match=r"state\.json"):
        load_checkpoint_folder(folder, "ab")


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 5000, "0." + "0" * 5000])
def test_pictures_named_by_hundreds_of_digits_are_refused(tmp_path: Path, digits: str) -> None:
    rows = "".join(f"{number} 1 0 0 0 0 0 0 1 {number}{digits}.png\n\n" for number in (1, 2, 3))
    (tmp_path / "images.txt").write_text(rows)
    with pytest.raises(TrajectoryError, match="holds more digits") as caught:
        open_format("colmap").read(tmp_path / "images.txt", fps=30)
    assert len(str(caught.value)) < 400


def test_an_archive_of_weights_with_a_file_without_a_name_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"x")
    data = (tmp_path / "a.zip").read_bytes()
    at = data.index(b"PK\x01\x02")
    size = struct.pack("<H", 0) + struct.pack("<H", 1)  # the name of one byte becomes a field of one byte
    (tmp_path / "a.zip").write_bytes(data[: at + 28] + size + data[at + 32 :])
    with pytest.raises(WeightsError, match=r"a\.zip"):
        read_checkpoint(tmp_path / "a.zip")


def test_a_weight_file_that_states_a_text_of_gigabytes_is_refused_at_once(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2)}, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    data = (tmp_path / "a.pth").read_bytes()
    at = data.index(b"X\x10\x00\x00\x00protocol_version")
    (tmp_path / "a.pth").write_bytes(data[: at + 1] + struct.pack("<I", 2**32 - 1) + data[at + 5 :])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match=r"a\.pth"):
        read_checkpoint(tmp_path / "a.pth")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20


def test_a_png_that_states_a_part_of_gigabytes_is_not_decoded(tmp_path: Path) -> None:
    write_clip(tmp_path, make_lab(tmp_path / "lab").clips()[0].blurry())
    path = min(tmp_path.glob("*.png"))
    data = bytearray(path.read_bytes())
    data[33:37] = b"\xff" * 4
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="breaks off before a part of 4294967295 bytes"):
        read_frame(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20
