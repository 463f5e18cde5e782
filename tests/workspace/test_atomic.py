import pytest

from hvdbench.workspace.atomic import atomic_folder, atomic_path, atomic_write_bytes, atomic_write_text
from hvdbench.workspace.marks import is_partial


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
    with atomic_folder(folder) as temporary:
        (temporary / "fresh.png").touch()
        assert (folder / "stale.png").exists()
    assert [path.name for path in folder.iterdir()] == ["fresh.png"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_fails_half_way_leaves_the_old_one_and_nothing_else(tmp_path):
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "old.png").touch()

    def write_half() -> None:
        with atomic_folder(folder) as temporary:
            (temporary / "half.png").touch()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert [path.name for path in folder.iterdir()] == ["old.png"]
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_run_left_is_cleared_by_the_next(tmp_path):
    leftover = tmp_path / ".partial-99999999-clip"  # no process has that number
    leftover.mkdir()
    (leftover / "half.png").touch()
    with atomic_folder(tmp_path / "clip") as temporary:
        assert not list(temporary.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]


def test_bytes_and_text_are_written_as_they_are(tmp_path):
    atomic_write_bytes(tmp_path / "a" / "b.bin", b"\x00\xff")
    atomic_write_text(tmp_path / "t.txt", "Φ\n")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"\x00\xff"
    assert (tmp_path / "t.txt").read_bytes() == "Φ\n".encode()
