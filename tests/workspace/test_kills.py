"""Whatever a process is killed between, one whole copy of a folder or file is there, and the next run clears up."""

from pathlib import Path

from made_kills import killed_before_each

from hvdbench.workspace.atomic import atomic_folder, atomic_path, atomic_write_text, recover, recover_below
from hvdbench.workspace.locks import LockTimes, locked
from hvdbench.workspace.marks import ASIDE

FRAMES = 4


def write(folder: Path, word: str) -> None:
    with atomic_folder(folder) as made:
        for index in range(FRAMES):
            (made / f"{index}.txt").write_text(word)
        (made / "run.json").write_text(word)


def words(folder: Path) -> set[str]:
    assert len(list(folder.iterdir())) == FRAMES + 1
    return {path.read_text() for path in folder.iterdir()}


def test_a_folder_that_is_replaced_is_whole_after_a_kill_at_any_moment(tmp_path):
    folder, kills, put_back = tmp_path / "clip", 0, 0
    write(folder, "old")
    found = set()
    for _ in killed_before_each(lambda: write(folder, "new")):
        kills += 1
        put_back += not folder.exists()
        recover(folder)
        found |= words(folder)
        assert len(words(folder)) == 1
        write(folder, "old")
        assert words(folder) == {"old"}
        assert list(tmp_path.iterdir()) == [folder]
    assert kills > 20
    assert found == {"old", "new"}
    assert put_back  # the moment between aside and in was hit
    assert words(folder) == {"new"}


def test_what_was_put_aside_is_found_by_whoever_looks_through_the_folder_above(tmp_path):
    folder = tmp_path / "clip"
    write(folder, "old")
    folder.rename(tmp_path / f"{ASIDE}99999999-clip")
    recover_below(tmp_path)
    assert words(folder) == {"old"}
    folder.rename(tmp_path / f"{ASIDE}99999999-clip")
    write(folder, "new")
    assert words(folder) == {"new"}
    assert list(tmp_path.iterdir()) == [folder]


def test_a_file_that_is_replaced_is_whole_after_a_kill_at_any_moment(tmp_path):
    path = tmp_path / "dataset.json"
    atomic_write_text(path, "old")
    found = set()
    for _ in killed_before_each(lambda: atomic_write_text(path, "new")):
        found.add(path.read_text())
        atomic_write_text(path, "old")
        assert list(tmp_path.iterdir()) == [path]
    assert found == {"old", "new"}


def test_a_change_under_a_lock_is_made_whole_or_not_and_the_lock_does_not_stay(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")

    def count_up() -> None:
        with locked(path):
            atomic_write_text(path, str(int(path.read_text()) + 1))

    before = 0
    for _ in killed_before_each(count_up):
        with locked(path, LockTimes(stale_s=0.3, poll_s=0.005, give_up_s=10)):  # an empty lock has no process to ask
            now = int(path.read_text())
        assert now in (before, before + 1)
        before = now
        assert [found for found in tmp_path.iterdir() if found.name.endswith(".lock")] == []
    assert int(path.read_text()) == before + 1


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    (tmp_path / ".partial-99999999-a.txt").touch()
    with atomic_path(tmp_path / "b.txt") as mine:
        mine.write_text("b")
        atomic_write_text(tmp_path / "c.txt", "c")
        assert mine.is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.txt", "c.txt"]
