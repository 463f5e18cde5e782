"""Names in other people's files never become paths: each reader refuses them, and nothing outside is touched."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner
from made_lab import make_lab

from hvdbench.boards.entering import Entry, read_entry, remember
from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.merging import merge_submissions
from hvdbench.boards.rows import Stamp
from hvdbench.boards.settings import board_path
from hvdbench.boards.submission import read_submission, submit
from hvdbench.cli.data.verify import verify
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.packing import pack_dataset
from hvdbench.dataset.pairs import pair_clip
from hvdbench.errors import DatasetError, InputError
from hvdbench.labels.annotations import read_annotations
from hvdbench.store import Dataset, DatasetWriter
from hvdbench.workflows.evaluate import Evaluation, evaluate
from hvdbench.workspace.workspace import Workspace

EVIL = ("../../victim", "/tmp/victim", "..", ".hidden", "a\\b", "C:x", "x\n", "y" * 101)


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    return make_lab(tmp_path / "lab" / "ds")


@pytest.fixture(scope="module")
def _scored(tmp_path_factory) -> Path:
    """A dataset, a run of it, and the board with its rows."""
    root = tmp_path_factory.mktemp("scored")
    restore(make_lab(root / "lab" / "ds"), root)
    return root


@pytest.fixture
def scored(_scored, tmp_path) -> Path:
    return Path(shutil.copytree(_scored, tmp_path / "scored"))


def change_manifest(dataset: Dataset, **changes: object) -> None:
    path = dataset.folder / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def restore(dataset: Dataset, root: Path, **options) -> Evaluation:
    places = {"runs": root / "runs", "boards": root / "leaderboards"}
    overwrite = options.pop("overwrite", False)
    return evaluate("blurry", dataset, workspace=Workspace(**places, overwrite=overwrite), **options)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", [*EVIL, None, 3, ["a"], ""])
def test_a_datasets_name_that_could_be_a_path_is_refused_by_its_reader_and_is_a_finding_of_verify(dataset, name):
    change_manifest(dataset, name=name)
    with pytest.raises(DatasetError, match=r"dataset\.json: name "):
        Dataset.open(dataset.folder)
    found = CliRunner().invoke(verify, [str(dataset.folder)])
    assert isinstance(found.exception, DatasetError)  # which the command line turns into its sentence and exit code 1


@pytest.mark.parametrize("key", ["../x", "/etc/x", "test/../x", "test/a/b", "x", "test/", "test/.x"])
def test_a_clips_key_that_could_lead_elsewhere_is_refused(dataset, key):
    change_manifest(dataset, clips={key: "0" * 64})
    with pytest.raises(DatasetError, match=r"dataset\.json: clips "):
        Dataset.open(dataset.folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"origin": None}, "origin is 'None', expected one of demo, simulated, measured"),
        ({"clips": ["a"]}, "clips is not a table"),
        ({"clips": {"test/a": 3}}, "clips is not a table"),
        ({"recipe": 3}, "recipe is of the wrong type, int"),
        ({"provenance": []}, "provenance is of the wrong type, list"),
    ],
)
def test_a_manifest_with_a_field_of_another_kind_is_one_sentence(dataset, changes, said):
    change_manifest(dataset, **changes)
    with pytest.raises(DatasetError, match=said):
        Dataset.open(dataset.folder)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"clips": ' + "9" * 5000 + "}"])
def test_a_manifest_that_json_cannot_take_is_one_sentence(dataset, text):
    (dataset.folder / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match=r"dataset\.json is not JSON"):
        Dataset.open(dataset.folder)


def test_the_reported_manifest_is_refused_in_one_sentence(tmp_path, shared):
    (tmp_path / "dataset.json").write_bytes((shared / "cases" / "safety" / "crash_dataset_json_1").read_bytes())
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        Dataset.open(tmp_path)


def test_eval_leaves_a_folder_alone_that_holds_nothing_of_ours(dataset, tmp_path):
    precious = tmp_path / "runs" / "blurry" / "small" / "test" / "one" / "precious.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"contains precious\.txt, but nothing that shows that hvdbench made it"):
            restore(dataset, tmp_path, overwrite=overwrite)
    assert precious.read_text() == "years of work"


@pytest.mark.parametrize("name", EVIL)
def test_a_board_or_method_named_on_the_command_line_is_refused_before_any_work(dataset, tmp_path, name):
    for option in ("board", "label"):
        with pytest.raises(InputError, match=r"the (board|method) "):
            restore(dataset, tmp_path, **{option: name})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab"]
    with pytest.raises(InputError):
        board_path(tmp_path, name)
    with pytest.raises(InputError):
        read_board(name, tmp_path)


@pytest.mark.parametrize("name", EVIL)
def test_writers_of_datasets_refuse_the_same(tmp_path, name):
    made = {"origin": "demo", "recipe": {}, "provenance": {}}
    with pytest.raises(InputError, match="the dataset's name "):
        DatasetWriter(tmp_path / "a", name=name, **made)
    writer = DatasetWriter(tmp_path / "b", name="b", **made)
    for split, clip in ((name, "a"), ("test", name)):
        with pytest.raises(InputError, match="the clip "):
            writer.clip_folder(split, clip)
    with pytest.raises(InputError, match="the clip "):
        pair_clip(tmp_path, tmp_path, tmp_path / "c", clip=name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


def test_a_pack_with_a_name_that_could_be_a_path_is_refused(dataset, tmp_path):
    pack = pack_dataset(dataset, tmp_path / "p.h5", kind="raw")
    with h5py.File(pack.path, "a") as file:
        file.attrs["name"] = "../../victim"
    with pytest.raises(DatasetError, match=r"p\.h5: name '\.\./\.\./victim' contains the separator /"):
        open_reader(pack.path)


@pytest.mark.parametrize("column", ["board", "method", "dataset", "split", "clip"])
@pytest.mark.parametrize("name", ["../../pwn", "/tmp/pwn", ".x", ""])
def test_a_row_of_a_board_with_such_a_name_is_refused_by_reader_and_writer(scored, column, name):
    path = scored / "leaderboards" / "small.csv"
    rows, whole = read_board(str(path)), path.read_bytes()
    with pytest.raises(InputError, match=f"{column} '"):
        write_board(path, rows.assign(**{column: name}))
    assert path.read_bytes() == whole
    rows.assign(**{column: name}).to_csv(path, index=False)
    with pytest.raises(InputError, match=f"is not a board: {column} '"):
        read_board(str(path))


def test_a_papers_rows_may_name_a_method_with_a_colon_and_ours_may_not(scored, tmp_path):
    rows = read_board("small", scored / "leaderboards").assign(method="BasicVSR++: 1 update")
    write_board(tmp_path / "papers.csv", rows.assign(origin="published"))
    with pytest.raises(InputError, match="method 'BasicVSR"):
        write_board(tmp_path / "ours.csv", rows)


def with_board(body: dict, name: str) -> None:
    body["stamp"]["board"] = name
    body["rows"] = "\n".join(
        [
            line if number == 0 else f"{name},{line.partition(',')[2]}"
            for number, line in enumerate(body["rows"].splitlines())
        ]
    )


def with_method(body: dict, name: str) -> None:
    body["method"] = name


def with_clip(body: dict, name: str) -> None:
    body["frames_sha256"][name] = body["frames_sha256"].pop("test/one")


@pytest.mark.parametrize("change", [with_board, with_method, with_clip])
@pytest.mark.parametrize("name", ["../../pwn", "/pwn", ".pwn"])
def test_a_result_file_with_such_a_name_is_refused_and_nothing_is_written(scored, tmp_path, change, name):
    run, board = scored / "runs" / "blurry" / "small", scored / "leaderboards" / "small.csv"
    file = tmp_path / "s.json"
    submit(run, scored / "lab" / "ds", board, file)
    body = json.loads(file.read_text())
    del body["digest"]
    change(body, name)
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    file.write_text(json.dumps(body | {"digest": hashlib.sha256(canonical.encode()).hexdigest()}))
    before = everything(tmp_path)
    with pytest.raises(InputError, match=r"s\.json: (stamp\.board|method|the clip) "):
        read_submission(file)
    with pytest.raises(InputError):
        merge_submissions([file], tmp_path / "x" / "boards")
    assert everything(tmp_path) == before
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("change", [lambda name: {"board": name}, lambda name: {"dataset": name}])
def test_a_note_beside_a_run_with_such_a_name_is_refused(tmp_path, change: Callable[[str], dict[str, str]]):
    stamp = Stamp("board", "small", "simulated", 0)
    remember(tmp_path, Entry("blurry", stamp))
    assert read_entry(tmp_path) == Entry("blurry", stamp)
    remember(tmp_path, Entry("blurry", replace(stamp, **change("../../pwn"))))
    with pytest.raises(InputError, match=r"entered\.json: (board|dataset) '\.\./\.\./pwn' contains the separator /"):
        read_entry(tmp_path)


def test_an_annotators_name_in_a_csv_is_checked(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("clip,frame,label,annotator\na,0,sharp,../eve\n")
    with pytest.raises(InputError, match=r"labels\.csv: line 2, annotator '\.\./eve' contains the separator /"):
        read_annotations(path)
