"""Addresses, what is asked of servers, and the copies that are kept on the disk."""

import fcntl
import http.server
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_bucket import memory_system

from hvdbench.errors import DatasetError, InputError
from hvdbench.workspace.engine import DaskEngine, Engine
from hvdbench.workspace.objects import Location, is_url, local_copy, without_secrets
from hvdbench.workspace.objects.door import find, look, open_ranges, read, traffic

SECRET = "hush"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HVDBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def memory():
    system = memory_system()
    system.pipe({"/b/films/one.mp4": b"1" * 1000, "/b/films/more/two [2].txt": b"22"})
    return system


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve a folder, and cut files off whose name begins with ``cut``."""
    root = tmp_path / "web"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **named) -> None:
            super().__init__(*arguments, directory=str(root), **named)

        def log_message(self, *arguments) -> None:
            pass

        def copyfile(self, source, outputfile) -> None:
            content = source.read()
            cut = len(content) // 2 if Path(self.path).name.startswith("cut") else len(content)
            outputfile.write(content[:cut])

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", root
    server.shutdown()
    server.server_close()


def test_texts_show_no_user_and_no_signature() -> None:
    text = f"no 'https://me:{SECRET}@host/a?X-Amz-Signature={SECRET}' and s3://k:{SECRET}@b/c, but s3://b/d is there"
    shown = without_secrets(text)
    assert SECRET not in shown
    assert shown == "no 'https://…@host/a?…' and s3://…@b/c, but s3://b/d is there"


def test_a_location_shows_no_secrets_and_joins_names() -> None:
    place = Location.of(f"https://me:{SECRET}@host:1/data/set/")
    assert (str(place), place.name, place.parent_name) == ("https://…@host:1/data/set", "set", "data")
    assert place.public == "https://host:1/data/set"
    assert SECRET not in repr(place)
    assert (place / "a b.png").url.endswith("/data/set/a%20b.png")
    assert pickle.loads(pickle.dumps(place)) == place
    with pytest.raises(InputError, match="the address of one file"):
        Location.of(f"https://host/a.h5?sign={SECRET}") / "b"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x://bucket/a", "no address that hvdbench reads"),
        ("zip://a::s3://bucket/b.zip", "no address that hvdbench reads"),
        ("s3://", "names no folder or file"),
        ("s3://bucket/../other", "names no folder or file"),
        (f"s3://me:{SECRET}@bucket/a", "contains a user or password"),
    ],
)
def test_what_is_no_address_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        Location.of(text)
    assert SECRET not in str(error.value)


def test_paths_are_no_addresses() -> None:
    assert not any(map(is_url, ("a/b", "C:\\x", "/a:b", Path("s3://b"), None)))
    assert is_url("S3://b")


def test_a_folder_is_copied_whole_and_once(memory) -> None:
    place = Location.of("memory://b/films")
    copy = local_copy(place)
    assert copy.parts[-2:] == ("b", "films")
    found = {str(path.relative_to(copy)): path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert found == {"one.mp4": b"1" * 1000, "more/two [2].txt": b"22"}
    before = traffic.requests, traffic.bytes
    assert local_copy(place) == copy
    assert (traffic.requests - before[0], traffic.bytes - before[1]) == (1, 0)  # it is listed, and no more


def test_a_single_file_is_copied_under_its_name(memory) -> None:
    copy = local_copy(Location.of("memory://b/films/one.mp4"))
    assert (copy.name, copy.parent.name, copy.stat().st_size) == ("one.mp4", "films", 1000)


def test_a_replaced_file_is_copied_anew(memory) -> None:
    place = Location.of("memory://b/films")
    first = local_copy(place)
    memory.pipe_file("/b/films/one.mp4", b"9" * 1000)  # of the same size
    second = local_copy(place)
    assert second != first
    assert (second / "one.mp4").read_bytes() == b"9" * 1000


def test_a_damaged_copy_is_made_again(memory) -> None:
    place = Location.of("memory://b/films")
    copy = local_copy(place)
    (copy / "one.mp4").write_bytes(b"1")
    assert (local_copy(place) / "one.mp4").read_bytes() == b"1" * 1000


def test_a_cut_off_object_is_refused(memory, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    whole = type(memory).cat_file
    monkeypatch.setattr(type(memory), "cat_file", lambda *given, **named: whole(*given, **named)[:-1])
    with pytest.raises(InputError, match="was cut off or replaced while it was read: 999 bytes came, and 1000"):
        local_copy(Location.of("memory://b/films"))
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_an_object_that_is_replaced_meanwhile_is_refused(memory, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = type(memory).cat_file

    def replacing(self, path, **named):
        content = whole(self, path, **named)
        self.pipe_file("/b/films/one.mp4", b"9" * 1000)
        return content

    monkeypatch.setattr(type(memory), "cat_file", replacing)
    with pytest.raises(InputError, match="was changed while it was copied"):
        local_copy(Location.of("memory://b/films"))


def test_a_copy_whose_check_fails_is_not_kept(memory, cache: Path) -> None:
    with pytest.raises(DatasetError, match="'memory://b/films' is not what was asked for"):
        local_copy(Location.of("memory://b/films"), check=lambda folder: "is not what was asked for")
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_what_is_absent_is_said(memory) -> None:
    with pytest.raises(InputError, match="'memory://b/none' does not exist"):
        local_copy(Location.of("memory://b/none"))
    assert look(Location.of("memory://b/none")) is None
    assert read(Location.of("memory://b/none")) is None
    assert look(Location.of("memory://b/films")) is None  # a folder is no file


def test_a_name_that_leads_out_is_refused(memory) -> None:
    memory.store["/b/films/../../evil.txt"] = memory.store["/b/films/one.mp4"]
    with pytest.raises(InputError, match="not a path below it"):
        local_copy(Location.of("memory://b/films"))


def test_copies_stay_within_the_bound(memory, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HVDBENCH_CACHE_GB", "3e-6")
    monkeypatch.setattr("hvdbench.workspace.objects.copies._ALWAYS_HELD", 1)
    copies = []
    for number in range(5):
        memory.pipe_file(f"/b/{number}.bin", bytes(1000))
        copies.append(local_copy(Location.of(f"memory://b/{number}.bin")))
        os.utime(cache / f"{copies[-1].parent.parent.name}.used", ns=(number, number))
    assert [copy.exists() for copy in copies] == [False, False, True, True, True]


def test_copies_that_others_use_stay(memory, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HVDBENCH_CACHE_GB", "3e-6")
    monkeypatch.setattr("hvdbench.workspace.objects.copies._ALWAYS_HELD", 1)
    used = local_copy(Location.of("memory://b/films/one.mp4"))
    with (cache / f"{used.parent.parent.name}.used").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)  # as another process would
        for name in "xyz":
            memory.pipe_file(f"/b/{name}.bin", bytes(1000))
            local_copy(Location.of(f"memory://b/{name}.bin"))
            assert used.exists()
        monkeypatch.setenv("HVDBENCH_CACHE_GB", "2e-6")
        memory.pipe_file("/b/last.bin", bytes(1000))
        with pytest.raises(InputError, match=r"are in use, so that 'memory://b/last.bin' finds no room"):
            local_copy(Location.of("memory://b/last.bin"))


def test_what_is_larger_than_the_bound_is_refused(memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HVDBENCH_CACHE_GB", "1e-7")
    with pytest.raises(InputError, match="has 1e-06 GB, and copies of inputs may take 1e-07 GB: allow more"):
        local_copy(Location.of("memory://b/films"))
    monkeypatch.setenv("HVDBENCH_CACHE_GB", "much")
    with pytest.raises(InputError, match="HVDBENCH_CACHE_GB is 'much'"):
        local_copy(Location.of("memory://b/films"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(InputError, match=r"needs a package that cannot be imported .*hvdbench\[cloud\]"):
        find(Location.of("s3://bucket/a"))


def test_a_missing_package_of_one_storage_is_named(memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    registered = sys.modules["fsspec.registry"]._registry
    for protocol in [key for key in registered if "s3" in key]:  # by another test of this process
        monkeypatch.delitem(registered, protocol)
    with pytest.raises(InputError, match=r"needs a package that cannot be imported .*hvdbench\[cloud\]"):
        find(Location.of("s3://bucket/a"))


@pytest.mark.parametrize("engine", [Engine(2), DaskEngine(2)])
def test_what_lies_in_memory_is_not_sent_to_other_processes(engine: Engine) -> None:
    with pytest.raises(InputError, match=r"lies in the memory of one process, .* --engine local:1"):
        list(engine.map(str, [Location.of("memory://b/a"), Location.of("memory://b/c")]))


def test_a_web_server_s_folder_is_copied(web: tuple[str, Path]) -> None:
    pytest.importorskip("aiohttp", reason="needs the extra [cloud]")
    url, root = web
    (root / "set" / "deep").mkdir(parents=True)
    (root / "set" / "deep" / "a b.txt").write_text("first")
    copy = local_copy(Location.of(f"{url}/set"))
    assert (copy / "deep" / "a b.txt").read_text() == "first"
    (root / "set" / "deep" / "a b.txt").write_text("other")  # this server states no version, so nothing is used again
    assert (local_copy(Location.of(f"{url}/set")) / "deep" / "a b.txt").read_text() == "other"


def test_a_broken_connection_is_a_sentence_without_secrets(web: tuple[str, Path]) -> None:
    pytest.importorskip("aiohttp", reason="needs the extra [cloud]")
    url, root = web
    (root / "cut.bin").write_bytes(bytes(100_000))
    own = url.replace("//", f"//me:{SECRET}@")
    with pytest.raises(InputError, match="the connection or the server failed") as error:
        local_copy(Location.of(f"{own}/cut.bin?sign={SECRET}"))
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None
    with pytest.raises(InputError, match="the connection or the server failed"):
        local_copy(Location.of("http://127.0.0.1:9/nobody"))


def test_ranges_are_read_and_counted(web: tuple[str, Path]) -> None:
    system = memory_system()
    content = os.urandom(5000)
    system.pipe_file("/b/file", content)
    before = traffic.bytes
    file = open_ranges(Location.of("memory://b/file"))
    file.seek(4000)
    assert file.read(10) == content[4000:4010]
    assert traffic.bytes - before == 10
    file.close()
