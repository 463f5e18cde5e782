"""The journal of finished clips, what a killed writer leaves of it, and the repair of a dataset's folder."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_dataset import LARGE, SMALL, made_frames, make_dataset

from hvdbench.cli.main import cli
from hvdbench.errors import DatasetError
from hvdbench.frames import write_clip
from hvdbench.store import Dataset, DatasetWriter
from hvdbench.store.journal import JOURNAL, Journal
from hvdbench.store.repair import repair, unlisted


def writer_of(folder: Path, recipe: dict[str, object] | None = None, *, overwrite: bool = False) -> DatasetWriter:
    return DatasetWriter(folder, name="made", origin="demo", recipe=recipe or {}, provenance={}, overwrite=overwrite)


def add(writer: DatasetWriter, name: str) -> None:
    clip = writer.clip_folder("test", name)
    write_clip(clip.folder / "blur", made_frames((2, 16, 16), len(name)))
    writer.finish(clip, clip.digest())


def listed(folder: Path) -> list[str]:
    """Return the clips in the manifest's own file."""
    return sorted(json.loads((folder / "dataset.json").read_text())["clips"])


def test_a_finished_clip_stands_in_the_journal_until_the_end(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    add(writer, "a")
    add(writer, "b")
    assert listed(tmp_path) == []
    assert [clip.name for clip in Dataset.open(tmp_path).clips()] == ["a", "b"]
    assert Dataset.open(tmp_path).verify() == []
    writer.dataset()
    assert listed(tmp_path) == ["test/a", "test/b"]
    assert not (tmp_path / JOURNAL).exists()


def test_a_journal_gives_the_same_bytes_as_none(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        writer = writer_of(tmp_path / name)
        add(writer, "a")
        if name == "killed":
            writer = writer_of(tmp_path / name)
        add(writer, "b")
        writer.dataset()
    assert (tmp_path / "whole/dataset.json").read_bytes() == (tmp_path / "killed/dataset.json").read_bytes()


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_line_counts_for_nothing_and_is_removed(tmp_path: Path, kept: int) -> None:
    writer = writer_of(tmp_path)
    add(writer, "a")
    whole = (tmp_path / JOURNAL).read_bytes()
    add(writer, "b")
    torn = whole + (tmp_path / JOURNAL).read_bytes()[len(whole) :][:kept]
    (tmp_path / JOURNAL).write_bytes(torn)
    assert [clip.name for clip in Dataset.open(tmp_path).clips()] == ["a"]
    again = writer_of(tmp_path)
    assert not again.has("test", "b")
    add(again, "c")
    assert [clip.name for clip in Dataset.open(tmp_path).clips()] == ["a", "c"]


def test_a_torn_line_is_cut_before_the_next_one_is_appended(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("test/a", "1", "r")
    with journal.path.open("ab") as file:
        file.write(b'{"clip": "test/b", "dig')
    journal.append("test/c", "3", "r")
    assert journal.read() == {"r": {"test/a": "1", "test/c": "3"}}


def test_two_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    first, second = writer_of(tmp_path), writer_of(tmp_path)
    add(first, "a")
    add(second, "b")
    first.dataset()
    add(second, "c")
    assert [clip.name for clip in second.dataset().clips()] == ["a", "b", "c"]


def test_a_journal_of_a_dataset_that_was_replaced_does_not_count(tmp_path: Path) -> None:
    first = writer_of(tmp_path)
    add(first, "a")
    left = (tmp_path / JOURNAL).read_bytes()
    second = writer_of(tmp_path, {"other": 1}, overwrite=True)
    (tmp_path / JOURNAL).write_bytes(left)
    add(second, "b")
    assert [clip.name for clip in Dataset.open(tmp_path).clips()] == ["b"]
    with pytest.raises(DatasetError, match="was replaced by another dataset"):
        add(first, "c")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[]", "line 1 is not the entry of a clip"),
        ('{"clip": "test/a", "digest": 3, "recipe": "r"}', "a digest is not text"),
        ('{"clip": "../a", "digest": "3", "recipe": "r"}', "clip '../a'"),
        ("[" * 3000, "line 1 is not the entry of a clip"),
        ("x" * 5000, "longer than any entry"),
    ],
)
def test_a_damaged_journal_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    make_dataset(tmp_path)
    (tmp_path / JOURNAL).write_text(line + "\n")
    with pytest.raises(DatasetError, match=sentence.replace("(", r"\(")) as caught:
        Dataset.open(tmp_path)
    assert JOURNAL in str(caught.value)


def test_the_cost_of_a_clip_does_not_grow_with_their_number(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    add(writer, "a")
    line = (tmp_path / JOURNAL).stat().st_size
    for number in range(50):
        writer.finish(writer.clip_folder("test", f"c{number:02}"), "d" * 64)
    assert (tmp_path / JOURNAL).stat().st_size < 60 * line
    assert (tmp_path / "dataset.json").stat().st_size < 1000


def test_verify_names_what_no_manifest_lists(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    assert unlisted(dataset) == []
    (tmp_path / "train/mine").mkdir()
    (tmp_path / "test").mkdir()
    (tmp_path / "test/notes.txt").write_text("x")
    (tmp_path / "train/.partial-0-x").mkdir()
    found = CliRunner().invoke(cli, ["verify", str(tmp_path)])
    assert found.exit_code == 0
    assert f"not listed: {tmp_path}/train/mine" in found.stderr
    assert f"not listed: {tmp_path}/test/notes.txt" in found.stderr
    assert ".partial" not in found.stderr


def test_repair_puts_right_what_can_be_and_says_what_cannot(tmp_path: Path) -> None:
    make_dataset(tmp_path)
    (tmp_path / "train/mine").mkdir()
    add(writer_of(tmp_path), "new")
    (tmp_path / SMALL).rename(tmp_path / "train" / ".replaced-0a0a0a0a.1.1.1-small")
    frame = sorted((tmp_path / LARGE / "blur").iterdir())[0]
    frame.write_bytes(frame.read_bytes()[:-1] + b"x")
    found = repair(tmp_path)
    assert (tmp_path / SMALL).is_dir()
    assert any(".replaced-" in line and "moved back" in line for line in found.done)
    assert any(JOURNAL in line for line in found.done)
    assert len(found.left) == 2
    assert f"{tmp_path / LARGE} differs from what was written: taken off the list" in found.left[0]
    assert "train/mine is not listed" in found.left[1]
    assert listed(tmp_path) == ["test/new", SMALL]
    assert (tmp_path / LARGE).is_dir()
    second = repair(tmp_path)
    assert second.done == ()
    assert {line.split(" is not listed")[0] for line in second.left} == {
        str(tmp_path / LARGE),
        str(tmp_path / "train/mine"),
    }


def test_the_command_ends_with_1_while_something_is_left(tmp_path: Path) -> None:
    make_dataset(tmp_path)
    assert "nothing is left to repair" in CliRunner().invoke(cli, ["repair", str(tmp_path)]).output
    shutil.rmtree(tmp_path / SMALL)
    found = CliRunner().invoke(cli, ["repair", str(tmp_path)])
    assert isinstance(found.exception, DatasetError)
    assert "is missing: taken off the list" in str(found.exception)
    assert CliRunner().invoke(cli, ["repair", str(tmp_path)]).exit_code == 0
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match="is not JSON"):
        repair(tmp_path)
