"""The engine on a Dask cluster: the same results, sentences as they are, and workers that die or do not fit."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

distributed = pytest.importorskip("distributed", reason="needs the extra [dask]")

from hvdbench.errors import DatasetError, InputError  # noqa: E402
from hvdbench.workspace import engine as engines  # noqa: E402
from hvdbench.workspace.engine import (  # noqa: E402
    Engine,
    on_dask,
    parse_engine,
    usable_cores,
)
from hvdbench.workspace.engine.on_dask import DaskEngine, _run, _Task  # noqa: E402


def write_square(number: int) -> int:
    Path(f"out/{number}.txt").write_text(str(number**2))  # relative, as the folders of commands are
    return number**2


def die_once(number: int) -> int:
    mark = Path(f"died-{number}")
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail_twice(number: int) -> int:
    tries = len(list(Path().glob("try-*")))
    Path(f"try-{tries}").touch()
    if tries < 2:
        raise OSError("the disk was away")
    return number


def refuse(number: int) -> int:
    Path(f"try-{number}-{os.urandom(4).hex()}").touch()
    raise DatasetError(f"clip {number} is broken")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    return tmp_path


def test_jobs_run_in_the_commands_folder_and_give_what_one_process_gives(address: str, here: Path) -> None:
    found = dict(DaskEngine(2, address).map(write_square, [3, 1, 2]))
    assert found == dict(Engine(1).map(write_square, [3, 1, 2])) == {0: 9, 1: 1, 2: 4}
    assert (here / "out/3.txt").read_text() == "9"
    assert [path.name for path in here.iterdir()] == ["out"]
    assert list(DaskEngine(2, address).map(write_square, [])) == []


def test_a_job_whose_worker_dies_is_run_again(address: str, here: Path) -> None:
    assert dict(DaskEngine(2, address).map(die_once, [0, 1, 2])) == {0: 0, 1: 1, 2: 2}
    assert (here / "died-1").exists()


def test_an_error_of_the_machine_is_tried_again_and_a_sentence_is_not(address: str, here: Path) -> None:
    assert dict(DaskEngine(2, address).map(fail_twice, [5])) == {0: 5}
    for path in here.glob("try-*"):
        path.unlink()
    with pytest.raises(DatasetError, match="clip 4 is broken"):
        dict(DaskEngine(2, address).map(refuse, [4]))
    assert len(list(here.glob("try-4-*"))) == 1
    assert not list(here.glob(".partial-*"))


def test_a_cluster_of_its_own_is_made_where_no_address_is_given(here: Path) -> None:
    assert dict(DaskEngine(1).map(write_square, [2])) == {0: 4}


def test_workers_of_another_version_or_file_system_are_refused(here: Path) -> None:
    (here / "probe").touch()
    fit = _Task(write_square, 2, str(here), "probe", on_dask.__version__)
    assert _run(fit) == 4
    for changed, sentence in (
        ({"version": "0.0.1"}, "has hvdbench .*, and the command is of 0.0.1"),
        ({"folder": "/nowhere"}, "does not see /nowhere"),
        ({"probe": "gone"}, "does not see"),
    ):
        refused = _run(_Task(**{**vars(fit), **changed}))
        assert isinstance(refused.error, InputError)
        with pytest.raises(InputError, match=sentence):
            raise refused.error


def test_a_scheduler_that_does_not_answer_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_dask, "_CONNECT_S", 1)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        dict(DaskEngine(1, "tcp://127.0.0.1:9").map(write_square, [1]))


def test_the_words_of_the_option() -> None:
    assert parse_engine("dask") == DaskEngine(usable_cores(), "")
    assert parse_engine("dask:3") == DaskEngine(3, "")
    assert parse_engine("dask:tcp://host:8786") == DaskEngine(usable_cores(), "tcp://host:8786")
    assert engines.parse_engine("local:3") == Engine(3)
    for wrong in ("dask:0", "dask:host", "dusk", "local:tcp://host:1"):
        with pytest.raises(InputError, match="there is no engine"):
            parse_engine(wrong)


def test_a_cluster_whose_workers_do_not_start_is_one_sentence(monkeypatch, tmp_path):
    def fail(**_: object) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("distributed.LocalCluster", fail)
    with pytest.raises(InputError, match=r"did not start \(Nanny failed to start.\): run the same command again"):
        list(DaskEngine(2).map(write_square, [1, 2]))
    assert list(tmp_path.iterdir()) == []
