import errno
import os
import stat
import subprocess
import sys

import pytest

from hvdbench.errors import InputError
from hvdbench.workspace.atomic import atomic_folder, atomic_path, atomic_write_bytes, atomic_write_text, passing_file
from hvdbench.workspace.marks import MARKS, is_ours, is_partial


def test_a_file_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "row.csv"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        assert is_partial(temporary)
        temporary.write_text("1")
        assert not path.exists()
    assert path.read_text() == "1"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "row.csv"
    path.write_text("old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_the_old_one_whole(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "stale.png").touch()
    (folder / "run.json").touch()
    with atomic_folder(folder) as temporary:
        (temporary / "fresh.png").touch()
        assert (folder / "stale.png").exists()
    assert [path.name for path in folder.iterdir()] == ["fresh.png"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "old.png").touch()
    (folder / "run.json").touch()

    def write_half() -> None:
        with atomic_folder(folder) as temporary:
            (temporary / "half.png").touch()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert sorted(path.name for path in folder.iterdir()) == ["old.png", "run.json"]
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_run_left_is_cleared_by_the_next(tmp_path):
    leftover = tmp_path / ".partial-99999999-clip"  # no process has that number
    leftover.mkdir()
    (leftover / "half.png").touch()
    with atomic_folder(tmp_path / "clip") as temporary:
        assert not list(temporary.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]


def test_a_folder_that_nothing_of_ours_made_is_not_replaced(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "precious.txt").write_text("years of work")
    told = r"clip contains precious\.txt, but nothing that shows that hvdbench made it"
    with pytest.raises(InputError, match=told), atomic_folder(folder):
        pass
    assert list(tmp_path.iterdir()) == [folder]
    assert (folder / "precious.txt").read_text() == "years of work"


def test_a_folder_that_appears_while_ours_is_made_is_not_replaced_either(tmp_path):
    folder = tmp_path / "clip"

    def make() -> None:
        with atomic_folder(folder):
            folder.mkdir()
            (folder / "precious.txt").touch()

    with pytest.raises(InputError, match="is not replaced"):
        make()
    assert [path.name for path in folder.iterdir()] == ["precious.txt"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("mark", MARKS)
def test_a_folder_with_a_mark_of_ours_may_be_replaced(tmp_path, mark):
    (tmp_path / "a").mkdir()
    assert is_ours(tmp_path / "a")  # empty
    (tmp_path / "a" / "frame.png").touch()
    assert not is_ours(tmp_path / "a")
    (tmp_path / "a" / mark).touch()
    assert is_ours(tmp_path / "a")


def test_a_folder_beside_the_manifest_of_deblur_may_be_replaced_and_one_beside_another_file_may_not(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00000000.png").touch()
    (tmp_path / "out.json").write_text('{"some": "other"}')
    assert not is_ours(tmp_path / "out")
    (tmp_path / "out.json").write_text('{"state": "done", "digest": "0123"}')
    assert is_ours(tmp_path / "out")


def test_a_full_disk_names_the_file_that_was_to_be_written(tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*clip'") as told, atomic_folder(tmp_path / "clip"):
        pass
    assert told.value.filename == str(tmp_path / "clip")
    assert list(tmp_path.iterdir()) == []


def test_a_file_and_the_name_that_it_got_are_forced_to_the_disk(tmp_path, monkeypatch):
    forced = []
    monkeypatch.setattr(os, "fsync", lambda handle: forced.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    atomic_write_bytes(tmp_path / "a", b"a")
    assert forced == [False, True]
    forced.clear()
    with atomic_folder(tmp_path / "clip") as folder:
        atomic_write_bytes(folder / "0.png", b"0")
        atomic_write_bytes(folder / "1.png", b"1")
        assert forced == []  # once a clip, not once a frame
    assert sorted(forced) == [False, False, True, True]


def test_bytes_and_text_are_written_as_they_are(tmp_path):
    atomic_write_bytes(tmp_path / "a" / "b.bin", b"\x00\xff")
    atomic_write_text(tmp_path / "t.txt", "Φ\n")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"\x00\xff"
    assert (tmp_path / "t.txt").read_bytes() == "Φ\n".encode()


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Can't decrement id ref count (unable to extend file properly, errno = 27, error message = 'x')"),
        OSError("Can't close file (file write failed: errno = 27, error message = 'File too large', buf = 0x55)"),
        OSError(errno.EFBIG, "Unable to synchronously create file (file write failed: errno = 27, buf = 0x55)"),
        ValueError("Error while serializing: I/O error: File too large (os error 27)"),
    ],
)
def test_a_library_that_hides_the_systems_error_in_its_text_is_understood(tmp_path, error):
    with pytest.raises(OSError, match="File too large") as raised, atomic_path(tmp_path / "a.h5"):
        raise error
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(tmp_path / "a.h5"))
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_a_block_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match="another"), atomic_path(tmp_path / "a.h5"):
        raise RuntimeError("another")


def test_a_passing_file_is_gone_after_the_block_and_after_a_kill(tmp_path):
    with passing_file(tmp_path) as path:
        assert path.is_file()
        assert is_partial(path)
    assert not list(tmp_path.iterdir())
    killed = (
        "import os, signal; from pathlib import Path; from hvdbench.workspace.atomic import passing_file\n"
        "with passing_file(Path()): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", killed], cwd=tmp_path, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with passing_file(tmp_path) as path:
        assert list(tmp_path.iterdir()) == [path]
