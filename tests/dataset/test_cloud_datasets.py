"""Datasets, packs and runs in object storage: the same digests and scores as on the disk, and what goes wrong."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made_bucket import BUCKET, SECRETS, memory_system, put_folder, s3_server
from made_dataset import LARGE, make_dataset
from made_scored import make_scored, write_results

from hvdbench.cli.main import cli
from hvdbench.dataset.facts import Box
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.packing import pack_dataset
from hvdbench.errors import DatasetError, HvdbenchError, InputError
from hvdbench.frames import write_clip
from hvdbench.methods.restoration import Budget
from hvdbench.store import Dataset
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workflows.score import score_folder
from hvdbench.workspace.engine import DaskEngine, Engine
from hvdbench.workspace.objects import Location
from hvdbench.workspace.objects.door import traffic
from hvdbench.workspace.workspace import Workspace

METHOD = "warp_average"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HVDBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def s3() -> Iterator[object]:
    with s3_server() as system:
        yield system


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_scored(tmp_path_factory.mktemp("local") / "scored")


@pytest.fixture(params=["memory", "s3"])
def storage(request: pytest.FixtureRequest, local: Dataset) -> tuple[object, str, Location]:
    """The file system, the folder of the dataset in it, and the dataset's address."""
    system = memory_system() if request.param == "memory" else request.getfixturevalue("s3")
    root = f"{'/' if request.param == 'memory' else ''}{BUCKET}/{request.node.name.partition('[')[0]}/scored"
    put_folder(system, local.folder, root)
    return system, root, Location.of(f"{request.param}://{root.lstrip('/')}")


@pytest.fixture(scope="module")
def on_disk(local: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs and boards of the dataset on the disk."""
    place = tmp_path_factory.mktemp("on_disk")
    scored(local, place)
    return place


def scored(dataset: Dataset, place: Path, engine: Engine | None = None) -> None:
    workspace = Workspace(runs=place / "runs", boards=place / "boards")
    evaluate(METHOD, dataset, workspace=workspace, budget=Budget(engine=engine or Engine(1)))


def board_of(place: Path) -> str:
    return (place / "boards" / "scored.csv").read_text(encoding="utf-8")


def test_a_dataset_in_storage_is_scored_as_on_the_disk(local: Dataset, on_disk: Path, storage, tmp_path: Path) -> None:
    opened = Dataset.open(storage[2])
    assert opened.digest == local.digest
    assert opened.manifest == local.manifest
    assert opened.verify() == []
    scored(opened, tmp_path)
    assert board_of(tmp_path) == board_of(on_disk)
    frames = sorted(on_disk.rglob("*.png"))
    assert frames
    for path in [*frames, *on_disk.rglob("frame_scores.csv")]:
        assert (tmp_path / path.relative_to(on_disk)).read_bytes() == path.read_bytes()
    notes = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.json") if "cache" not in path.parts]
    assert not [note for note in notes if "://" in note or "cache" in note]


@pytest.mark.slow
@pytest.mark.parametrize("engine", [Engine(2), DaskEngine(2)], ids=["local:2", "dask:2"])
def test_workers_read_the_storage_themselves(
    local: Dataset, on_disk: Path, s3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    if isinstance(engine, DaskEngine):
        pytest.importorskip("distributed", reason="needs the extra [dask]")
        monkeypatch.chdir(tmp_path)
    put_folder(s3, local.folder, f"{BUCKET}/workers/scored")
    scored(Dataset.open(Location.of(f"s3://{BUCKET}/workers/scored")), tmp_path, engine)
    assert board_of(tmp_path) == board_of(on_disk)


def test_a_run_in_storage_is_scored_as_on_the_disk(local: Dataset, on_disk: Path, s3, tmp_path: Path) -> None:
    run = shutil.copytree(on_disk / "runs" / METHOD / "scored", tmp_path / METHOD / "scored")
    put_folder(s3, run, f"{BUCKET}/runs/{METHOD}/scored")
    put_folder(s3, local.folder, f"{BUCKET}/runs/data")
    where = [f"--boards={tmp_path / 'boards'}", "--engine=local:1"]
    ran = CliRunner().invoke(
        cli,
        ["score", f"s3://{BUCKET}/runs/{METHOD}/scored", f"--data=s3://{BUCKET}/runs/data", *where],
        catch_exceptions=False,
    )
    assert ran.exit_code == 0, ran.output
    again = score_folder(run, data=local.folder, workspace=Workspace(boards=tmp_path / "disk"))
    assert (tmp_path / "boards" / again.board.name).read_bytes() == again.board.read_bytes()
    assert METHOD in again.board.read_text(encoding="utf-8")


def test_frames_of_others_in_storage_are_scored(local: Dataset, s3, tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", local)
    put_folder(s3, results, f"{BUCKET}/others/results")
    arguments = ["--data", str(local.folder), "--name", "theirs", "--engine", "local:1"]
    boards = []
    for number, place in enumerate((str(results), f"s3://{BUCKET}/others/results")):
        where = [f"--runs={tmp_path}/runs{number}", f"--boards={tmp_path}/boards{number}"]
        ran = CliRunner().invoke(cli, ["score", place, *arguments, *where], catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        table = (tmp_path / f"boards{number}" / "scored.csv").read_text(encoding="utf-8")
        boards.append([line.split(",")[:12] for line in table.splitlines()])
    assert boards[0] == boards[1]


def test_a_source_in_storage_makes_the_same_dataset(s3, tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (12, 64, 96, 3), np.uint8)
    write_clip(tmp_path / "source" / "one", frames)
    put_folder(s3, tmp_path / "source", f"{BUCKET}/source")
    manifests = []
    for number, root in enumerate((str(tmp_path / "source"), f"s3://{BUCKET}/source")):
        out = tmp_path / f"made{number}"
        words = ["synth", "--blur", "average", "--src", "folder", "--root", root, "--average", "3", "--stride", "3"]
        words += ["--source-fps", "90", "--between", "0", "--fps", "30", "-o", str(out), "--engine", "local:1"]
        ran = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        manifests.append(Dataset.open(out))
    assert manifests[0].digest == manifests[1].digest
    assert all(secret not in (tmp_path / "made1" / "dataset.json").read_text() for secret in ("s3://", "cache"))


def test_a_changed_clip_is_refused(storage) -> None:
    system, root, place = storage
    opened = Dataset.open(place)
    frame = f"{root}/test/one/blur/00000000.png"
    system.pipe_file(frame, system.cat_file(f"{root}/test/one/blur/00000001.png"))
    with pytest.raises(DatasetError, match=r"one' differs from what dataset.json lists"):
        opened.clip("test/one").blurry()
    assert len(opened.clip("test/two").blurry()) == 5
    assert [("one' differs" in fault) for fault in Dataset.open(place).verify()] == [True]


def test_a_clip_that_is_replaced_in_mid_run_ends_it(storage, tmp_path: Path) -> None:
    system, root, place = storage
    opened = Dataset.open(place)
    before = opened.clip("test/one").blurry()  # copied, and held
    content = system.cat_file(f"{root}/test/two/blur/00000003.png")
    system.pipe_file(f"{root}/test/one/blur/00000000.png", content)
    system.pipe_file(f"{root}/test/two/blur/00000000.png", content)
    np.testing.assert_array_equal(opened.clip("test/one").blurry(), before)  # one state in one run
    with pytest.raises(DatasetError, match="two' differs"):
        scored(opened, tmp_path)
    assert not (tmp_path / "boards").exists()


def test_a_cut_off_frame_is_refused(storage) -> None:
    system, root, place = storage
    frame = f"{root}/test/one/blur/00000002.png"
    system.pipe_file(frame, system.cat_file(frame)[:100])
    with pytest.raises(DatasetError, match="one' differs"):
        Dataset.open(place).clip("test/one").blurry()


def test_a_lost_frame_and_a_lost_clip_are_refused(storage) -> None:
    system, root, place = storage
    system.rm_file(f"{root}/test/one/sharp/00000000.png")
    system.rm(f"{root}/test/two", recursive=True)
    faults = Dataset.open(place).verify()
    assert ["differs" in fault for fault in faults] == [True, False]
    assert "test/two' does not exist" in faults[1]


def test_another_manifest_is_another_dataset(storage) -> None:
    system, root, place = storage
    manifest = system.cat_file(f"{root}/dataset.json")
    assert Dataset.open(place).name == "scored"
    system.pipe_file(f"{root}/dataset.json", manifest.replace(b'"scored"', b'"others"'))
    assert Dataset.open(place).name == "others"
    system.pipe_file(f"{root}/dataset.json", manifest[:50])
    with pytest.raises(DatasetError, match="is not JSON"):
        Dataset.open(place)


def test_new_labels_are_read(storage, local: Dataset, tmp_path: Path) -> None:
    from hvdbench.labels.sharpness import BELOW, SharpLabels
    from hvdbench.labels.stored import read_labels, write_labels

    system, root, place = storage
    assert read_labels(Dataset.open(place).clip("test/one"), "paper").is_sharp.tolist() == [False, True, False, False]
    shutil.copytree(local.folder, tmp_path / "copy")
    clip = Dataset.open(tmp_path / "copy").clip("test/one")
    is_sharp = np.array([True, False, False, True])
    write_labels(clip, SharpLabels(is_sharp + 1.0, is_sharp, 1.5, (BELOW,) * 4, "paper"))
    system.pipe_file(f"{root}/test/one/tracks.h5", clip.tracks_path.read_bytes())  # the digest leaves labels out
    assert read_labels(Dataset.open(place).clip("test/one"), "paper").is_sharp.tolist() == is_sharp.tolist()


def test_storage_is_never_written_to(storage, local: Dataset) -> None:
    from hvdbench.workflows.datasets import label

    system, root, place = storage
    before = {key: (info["size"], str(info)) for key, info in system.find(root, detail=True).items()}
    label(Dataset.open(place))
    with pytest.raises(DatasetError, match="is only read"):
        Dataset.open(place).clip("test/one").edit_tracks(lambda tracks: None)
    with pytest.raises(InputError, match="is only read: name the file"):
        pack_dataset(Dataset.open(place))
    assert {key: (info["size"], str(info)) for key, info in system.find(root, detail=True).items()} == before


@pytest.fixture(params=["zstd", "raw"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return pack_dataset(make_dataset(tmp_path / "made"), tmp_path / "made.h5", kind=request.param).path


@pytest.mark.parametrize("protocol", ["memory", "s3"])
def test_a_pack_is_read_in_ranges(pack: Path, protocol: str, request: pytest.FixtureRequest) -> None:
    system = memory_system() if protocol == "memory" else request.getfixturevalue("s3")
    content = pack.read_bytes()
    system.pipe_file(f"{BUCKET}/made.h5", content)
    here, there = open_reader(pack), open_reader(Location.of(f"{protocol}://{BUCKET}/made.h5"))
    assert (there.name, there.origin, there.digest) == (here.name, here.origin, here.digest)
    assert [clip.key for clip in there.clips] == [clip.key for clip in here.clips]
    box = Box(40, 130, 64, 50)
    for stream in ("blur", "sharp"):
        ours = there.read(LARGE, stream, [3, 17, 3], box)
        np.testing.assert_array_equal(ours, here.read(LARGE, stream, [3, 17, 3], box))
    there.close()
    here.close()


def test_a_range_of_a_large_pack_is_not_all_of_it(s3, tmp_path: Path) -> None:
    from hvdbench.store import DatasetWriter

    writer = DatasetWriter(tmp_path / "large", name="large", origin="demo", recipe={}, provenance={})
    clip = writer.clip_folder("train", "noise")
    write_clip(clip.folder / "blur", np.random.default_rng(0).integers(0, 256, (24, 300, 400, 3), np.uint8))
    writer.finish(clip, clip.digest())
    path = pack_dataset(writer.dataset(), tmp_path / "large.h5", kind="raw").path
    s3.put_file(str(path), f"{BUCKET}/large.h5")
    reader = open_reader(Location.of(f"s3://{BUCKET}/large.h5"))
    before = traffic.bytes
    reader.read("train/noise", "blur", [20], Box(0, 0, 16, 16))
    assert 0 < traffic.bytes - before < path.stat().st_size / 2
    reader.close()


def test_a_pack_that_is_cut_off_or_replaced_is_refused(pack: Path, s3) -> None:
    content, place = pack.read_bytes(), Location.of(f"s3://{BUCKET}/bad.h5")
    s3.pipe_file(f"{BUCKET}/bad.h5", content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r"bad.h5 is truncated"):
        open_reader(place)
    s3.pipe_file(f"{BUCKET}/bad.h5", content)
    reader = open_reader(place)
    s3.pipe_file(f"{BUCKET}/bad.h5", content[:-1] + b"x")  # before the first read
    with pytest.raises(HvdbenchError, match="was replaced"):
        reader.read(LARGE, "blur", [0])
    with pytest.raises(DatasetError, match="or does not exist"):
        open_reader(Location.of(f"s3://{BUCKET}/none.h5"))


def test_a_bucket_that_is_not_there_or_closed_is_said(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match=r"'s3://nobody/data' is not a dataset: .* or does not exist"):
        Dataset.open(Location.of("s3://nobody/data"))
    for name in SECRETS:
        if "KEY" in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(InputError, match=r"may not be read .*: set the credentials"):
        Dataset.open(Location.of(f"s3://{BUCKET}/data"))
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    "words",
    [
        ["synth", "-o", "s3://me:hush@bucket/out"],
        ["pack", "data", "-o", "s3://bucket/out.h5?X-Amz-Signature=hush"],
        ["eval", "--method", "blurry", "--runs", "s3://me:hush@bucket/runs"],
        ["eval", "--method", "blurry", "--boards", "s3://me:hush@bucket/boards"],
        ["label", "clips", "data", "--csv", "s3://me:hush@bucket/a.csv"],
        ["repair", "s3://me:hush@bucket/data"],
    ],
)
def test_an_address_is_no_place_to_write_to(words: list[str]) -> None:
    ran = CliRunner().invoke(cli, words)
    assert isinstance(ran.exception, InputError)
    assert "it must be on this machine" in str(ran.exception)
    assert "hush" not in str(ran.exception)
