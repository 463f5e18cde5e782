"""Labelling by hand: what is asked, what is kept, what the server gives to whom, and the places that are followed."""

import csv
import http.client
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hvdbench.annotate.answers import COLUMNS, Answer, AnswerFile
from hvdbench.annotate.places import clip_flow
from hvdbench.annotate.server import AnnotateServer
from hvdbench.annotate.session import AnnotateRequest, annotator_name, open_session
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import write_clip, write_frame
from hvdbench.labels.annotations import read_annotations
from hvdbench.store import DatasetWriter

COMMAND = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[0] = 'hvdbench'; "
    "from hvdbench.cli.main import main; main()"
)


def flat(count: int) -> np.ndarray:
    return np.full((count, 32, 48, 3), 90, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, count in (("a", 4), ("b", 3), ("c", 5)):
        write_clip(tmp_path / "clips" / name / "blur", flat(count))
        write_clip(tmp_path / "clips" / name / "sharp", flat(count))
    return tmp_path / "clips"


def asked(request: AnnotateRequest) -> list[tuple[str, int]]:
    session = open_session(request)
    return [(session.clips[clip].name, frame) for clip, frame in session.questions]


# what is asked


def test_every_frame_is_asked_of_once_in_order_within_its_clip(folder):
    found = asked(AnnotateRequest(folder, "anna"))
    assert sorted(found) == [(name, frame) for name, count in (("a", 4), ("b", 3), ("c", 5)) for frame in range(count)]
    for name in "abc":
        frames = [frame for clip, frame in found if clip == name]
        assert frames == sorted(frames)
    assert len({index - frame for index, (_, frame) in enumerate(found)}) == 3  # clip after clip


def test_the_order_of_clips_hangs_on_annotator_and_seed_and_on_nothing_else(folder):
    orders = {
        tuple(dict.fromkeys(clip for clip, _ in asked(AnnotateRequest(folder, name, seed=seed))))
        for name in ("anna", "berta", "carl", "dora")
        for seed in (0, 1, 2)
    }
    assert len(orders) > 2
    assert asked(AnnotateRequest(folder, "anna", seed=3)) == asked(AnnotateRequest(folder, "anna", seed=3))


def test_random_order_shuffles_frames_within_their_clip(folder):
    shuffled = [asked(AnnotateRequest(folder, name, order="random")) for name in ("anna", "berta", "carl")]
    assert all(len(set(found)) == 12 for found in shuffled)
    assert any([f for c, f in found if c == "c"] != list(range(5)) for found in shuffled)
    assert all(len([1 for a, b in pairwise(found) if a[0] != b[0]]) == 2 for found in shuffled)


def test_a_sample_is_the_same_for_all_annotators(folder):
    first, second = (asked(AnnotateRequest(folder, name, sample=5, seed=1)) for name in ("anna", "berta"))
    assert len(set(first)) == 5
    assert sorted(first) == sorted(second)
    assert sorted(first) != sorted(asked(AnnotateRequest(folder, "anna", sample=5, seed=2)))


def test_a_dataset_is_asked_of_by_split_and_clip_and_never_its_truth(tmp_path):
    writer = DatasetWriter(tmp_path / "set", name="set", origin="demo", recipe={}, provenance={})
    for split, name in (("test", "x"), ("train", "x"), ("train", "y")):
        clip = writer.clip_folder(split, name)
        write_clip(clip.folder / "blur", flat(2))
        write_clip(clip.folder / "sharp", flat(2))
        writer.finish(clip, clip.digest())
    session = open_session(AnnotateRequest(tmp_path / "set", "anna", clips=("x",)))
    assert sorted(clip.name for clip in session.clips) == ["test/x", "train/x"]
    assert all(path.parent.name == "blur" for clip in session.clips for path in clip.files)
    assert session.file.path == tmp_path / "set" / "annotations" / "anna.csv"
    assert asked(AnnotateRequest(tmp_path / "set", "anna", clips=("train/y",))) == [("train/y", 0), ("train/y", 1)]


def test_one_folder_of_frames_is_a_clip(folder):
    assert asked(AnnotateRequest(folder / "b" / "blur", "anna")) == [("blur", frame) for frame in range(3)]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "ä", "a b", "x" * 41, "-x"])
def test_a_name_that_could_be_a_path_is_refused(name, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "no name")
    with pytest.raises(InputError, match="cannot name an annotator"):
        annotator_name(name)


def test_without_a_name_the_login_name_is_taken(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "mara")
    assert annotator_name("") == "mara"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"path": "nowhere"}, InputError, "is not a folder: name a dataset"),
        ({"path": "empty"}, InputError, "contains frames"),
        ({"clips": ("A",)}, UnknownNameError, "no clip named 'A'"),
        ({"labels": Path("clips")}, InputError, "is a folder: name a CSV file"),
        ({"labels": Path("clips/a/blur/00000000.png/x.csv")}, InputError, "cannot be written"),
    ],
)
def test_what_cannot_be_labelled_is_said_in_a_sentence(folder, monkeypatch, change, error, words):
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    request = {"path": "clips", "annotator": "anna"} | change
    with pytest.raises(error, match=words):
        open_session(AnnotateRequest(**request | {"path": Path(request["path"])}))


# what is kept


def test_answers_are_on_disk_at_once_and_read_by_label_check(folder):
    session = open_session(AnnotateRequest(folder, "anna"))
    for number, label in enumerate(("sharp", "blurry", "unsure")):
        session.answer(*session.questions[number], label, confidence=number + 1, seconds=1.234)
        assert len(read_annotations(session.file.path).words["anna"]) == number + 1
    assert session.file.path.read_text(encoding="utf-8").splitlines()[0] == ",".join(COLUMNS)
    assert [row[2:] for row in rows(session.file.path)] == [
        ["sharp", "anna", "1", "1.23"],
        ["blurry", "anna", "2", "1.23"],
        ["unsure", "anna", "3", "1.23"],
    ]


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))[1:]


def test_a_session_goes_on_at_the_first_frame_without_an_answer(folder):
    session = open_session(AnnotateRequest(folder, "anna"))
    for question in session.questions[:2]:
        session.answer(*question, "sharp", confidence=2, seconds=2)
    state = open_session(AnnotateRequest(folder, "anna")).state()
    assert (state["done"], state["total"], state["question"]) == (2, 12, session.questions[2])
    assert (state["counts"], state["median_s"]) == ({"sharp": 2}, 2)


def test_the_last_answer_to_a_frame_counts(folder):
    session = open_session(AnnotateRequest(folder, "anna"))
    for label in ("sharp", "blurry"):
        session.answer(*session.questions[0], label, confidence=2, seconds=2)
    assert [row[2] for row in rows(session.file.path)] == ["blurry"]
    assert session.state()["counts"] == {"blurry": 1}


def test_undo_takes_answers_back_one_by_one_also_after_a_restart(folder):
    session = open_session(AnnotateRequest(folder, "anna"))
    for question in session.questions[:3]:
        session.answer(*question, "sharp", confidence=2, seconds=2)
    assert session.undo() == session.questions[2]
    again = open_session(AnnotateRequest(folder, "anna"))
    assert again.undo() == session.questions[1]
    assert len(rows(session.file.path)) == 1
    assert again.undo() == session.questions[0]
    assert again.undo() is None
    assert rows(session.file.path) == []


def test_what_is_taken_back_is_asked_next_even_where_earlier_frames_are_open(folder):
    session = open_session(AnnotateRequest(folder, "anna"))
    session.answer(*session.questions[5], "sharp", confidence=2, seconds=2)
    session.undo()
    assert session.state()["question"] == session.questions[5]


def test_several_annotators_may_share_a_file_and_do_not_see_each_other(folder, tmp_path):
    shared = tmp_path / "all.csv"
    anna, berta = (open_session(AnnotateRequest(folder, name, labels=shared)) for name in ("anna", "berta"))
    anna.answer(*anna.questions[0], "sharp", confidence=2, seconds=2)
    berta.answer(*berta.questions[0], "blurry", confidence=2, seconds=2)
    anna.answer(*anna.questions[1], "unsure", confidence=2, seconds=2)
    assert {name: len(said) for name, said in read_annotations(shared).words.items()} == {"anna": 2, "berta": 1}
    assert anna.state()["counts"] == {"sharp": 1, "unsure": 1}
    assert "berta" not in anna.export()
    anna.undo()
    anna.undo()
    assert list(read_annotations(shared).words) == ["berta"]


def test_answers_given_at_once_from_many_threads_are_all_kept(tmp_path):
    files = [AnswerFile(tmp_path / "x.csv") for _ in range(4)]
    threads = [
        threading.Thread(target=lambda file, who: [file.put(Answer("a", n, "sharp", who)) for n in range(8)], args=pair)
        for pair in zip(files, "wxyz", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files[0].read()) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_a_file_with_the_four_needed_columns_in_any_order_is_gone_on_with(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("annotator,clip,frame,label\nanna,a,3,Sharp\nanna,a,3,blurry\n\n", encoding="utf-8")
    file = AnswerFile(path)
    assert file.read() == [Answer("a", 3, "blurry", "anna")]
    file.put(Answer("a", 4, "sharp", "anna", 3, 1.5))
    assert rows(path) == [["a", "3", "blurry", "anna", "", ""], ["a", "4", "sharp", "anna", "3", "1.50"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clip,frame,label\n", "line 1: its columns are clip,frame,label"),
        ("clip,frame,label,annotator,mood\n", "line 1: its columns are"),
        ("clip,frame,label,annotator\na,1,sharp,x\na,2,crisp,x\n", "line 3: label 'crisp'"),
        ("clip,frame,label,annotator\na,-1,sharp,x\n", "line 2: frame '-1'"),
        ("clip,frame,label,annotator\na,1,sharp\n", "line 2: the row has 3 values, expected 4"),
        ("clip,frame,label,annotator,confidence\na,1,sharp,x,7\n", "line 2: confidence 7"),
        ("clip,frame,label,annotator,seconds\na,1,sharp,x,nan\n", "line 2: 'nan' is not a number"),
        ('clip,frame,label,annotator\n"a,1,sharp,x\n', "line 2"),
        ("", None),
    ],
)
def test_a_damaged_file_is_told_by_its_line_and_left_alone(tmp_path, text, words):
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    if words is None:
        assert AnswerFile(path).read() == []
        return
    with pytest.raises(InputError, match=words):
        AnswerFile(path)
    assert path.read_text(encoding="utf-8") == text


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match=r"x\.csv cannot be read as a CSV"):
        AnswerFile(tmp_path / "x.csv")


# the server


@pytest.fixture
def server(folder: Path) -> Iterator[AnnotateServer]:
    with AnnotateServer(open_session(AnnotateRequest(folder, "anna"))) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        found.shutdown()
        thread.join()
        found.follower.stop()


def call(
    server: AnnotateServer, name: str, said: Any = None, *, token: str | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    body = said if isinstance(said, bytes | None) else json.dumps(said).encode()
    kind = {} if said is None else {"Content-Type": "application/json"}
    method = "GET" if said is None else "POST"
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/{token or server.token}/{name}", body, kind | headers)
    reply = connection.getresponse()
    found = reply.status, reply.read(), dict(reply.headers)
    connection.close()
    return found


ANSWER = {"clip": 0, "frame": 0, "label": "sharp", "confidence": 2, "seconds": 1.5}


def test_the_server_is_bound_to_this_machine_and_loads_nothing_from_elsewhere(server):
    assert server.server_address[0] == "127.0.0.1"
    status, page, headers = call(server, "")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    for name in ("annotate.css", "local.css", "annotate.js", "annotate.svg"):
        assert name.encode() in page
        assert call(server, name)[0] == 200
    assert call(server, "local.js")[0] == 200
    for text in (page, *(call(server, name)[1] for name in ("annotate.js", "local.js", "annotate.css", "local.css"))):
        assert b"http" not in text
        assert b"style=" not in text
        assert b"eval(" not in text


def test_without_the_token_nothing_is_given(server):
    for token in ("x", "", server.token[:-1], server.token + "x", server.token.swapcase()):
        assert call(server, "state", token=token or "/")[0] == 404
    assert call(server, "answer", ANSWER, token="x")[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "NONSENSE"])
def test_another_kind_of_request_is_refused_as_the_clients_fault(server, method):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, f"/{server.token}/state")
    reply = connection.getresponse()
    assert (reply.status, reply.headers["Content-Type"]) == (405, "application/json")
    assert (reply.read() == b"") == (method == "HEAD")
    connection.close()


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "127.0.0.1:1", "evil.127.0.0.1", ""])
def test_a_page_elsewhere_cannot_reach_it_by_a_name_of_its_own(server, host):
    assert call(server, "state", Host=host)[0] == 403


def test_localhost_is_this_machine_too(server):
    assert call(server, "state", Host=f"localhost:{server.server_port}")[0] == 200


def test_answers_come_from_the_servers_own_page_alone(server):
    assert call(server, "answer", ANSWER, Origin="http://example.org")[0] == 403
    assert call(server, "answer", ANSWER, Origin="null")[0] == 403
    assert call(server, "answer", ANSWER, Content_Type="text/plain")[0] == 415
    assert call(server, "answer", ANSWER, Origin=f"http://127.0.0.1:{server.server_port}")[0] == 200
    assert len(rows(server.session.file.path)) == 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"{", 400),
        (b"[1]", 400),
        (b"\xff", 400),
        (b"[" * 1900, 400),
        (ANSWER | {"clip": "0"}, 400),
        (ANSWER | {"frame": True}, 400),
        (ANSWER | {"seconds": "x"}, 400),
        (ANSWER | {"seconds": float("nan")}, 400),
        (ANSWER | {"seconds": -1}, 409),
        (ANSWER | {"confidence": 4}, 409),
        (ANSWER | {"label": "crisp"}, 409),
        (ANSWER | {"frame": 99}, 409),
        (ANSWER | {"clip": -1}, 409),
        (ANSWER | {"note": "x" * 3000}, 413),
    ],
)
def test_an_answer_that_is_none_is_refused_and_changes_nothing(server, said, status):
    found, body, _ = call(server, "answer", said)
    assert found == status
    assert json.loads(body)["error"]
    assert not server.session.file.path.exists()
    assert call(server, "answer", ANSWER)[0] == 200


@pytest.mark.parametrize(
    "name",
    [
        "frame/0/99",
        "frame/9/0",
        "frame/0/-1",
        "frame/0/0/../../1",
        "../../etc/passwd",
        "%2e%2e/x",
        "server.py",
        "frame//etc",
        "annotate.html",
    ],
)
def test_only_known_files_are_served(server, name):
    assert call(server, name)[0] == 404


def test_frames_are_served_as_they_are(server):
    status, body, headers = call(server, "frame/1/2")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert body == server.session.clips[1].files[2].read_bytes()


def test_a_picture_that_browsers_do_not_read_is_served_as_lossless_png(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    write_frame(tmp_path / "x" / "0.tif", picture)
    with AnnotateServer(open_session(AnnotateRequest(tmp_path / "x", "anna"))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        _, body, headers = call(server, "frame/0/0")
        server.shutdown()
        thread.join()
    assert headers["Content-Type"] == "image/png"
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], picture)


def test_the_page_is_told_no_names_and_nothing_of_others(folder, tmp_path):
    labels = tmp_path / "all.csv"
    labels.write_text("clip,frame,label,annotator\na,0,blurry,berta\n", encoding="utf-8")
    session = open_session(AnnotateRequest(folder, "anna", labels=labels))
    assert set(session.state()) == {
        "annotator", "frames", "total", "done", "counts", "median_s", "question", "next",
    }  # fmt: skip
    assert session.state()["done"] == 0


def test_labels_are_exported_under_the_annotators_name(server):
    call(server, "answer", ANSWER)
    status, body, headers = call(server, "labels.csv")
    assert status == 200
    assert headers["Content-Disposition"] == 'attachment; filename="anna.csv"'
    assert body == server.session.file.path.read_bytes()


def test_places_are_given_once_they_are_followed(server):
    assert call(server, "place/0/0/10/10")[1] == b'{"track": null}'
    end = time.monotonic() + 10
    while (found := json.loads(call(server, "places/0")[1]))["state"] == "working" and time.monotonic() < end:
        time.sleep(0.02)
    count = len(server.session.clips[0].files)
    assert [len(track) for track in found["places"]] == [count] * 3
    assert len(json.loads(call(server, "place/0/0/10/10")[1])["track"]) == count


def test_places_of_a_clip_of_two_sizes_are_refused_in_a_sentence(folder, server):
    write_frame(server.session.clips[0].files[1], np.zeros((40, 48, 3), np.uint8))
    end = time.monotonic() + 10
    while (found := json.loads(call(server, "places/0")[1]))["state"] == "working" and time.monotonic() < end:
        time.sleep(0.02)
    assert found["state"] == "failed"
    assert "is 48x40, and the frames before it are 48x32" in found["error"]


def test_a_port_that_is_taken_is_told(server, folder):
    with pytest.raises(InputError, match=f"port {server.server_port} cannot be used"):
        AnnotateServer(open_session(AnnotateRequest(folder, "anna")), port=server.server_port)


# places


def moving(steps: np.ndarray, height: int = 180, width: int = 320) -> list[np.ndarray]:
    """A textured scene seen through a window that moves by whole px; (T, 2) x and y."""
    rng = np.random.default_rng(7)
    scene = cv2.resize(rng.integers(0, 256, (60, 100), dtype=np.uint8), (800, 480), interpolation=cv2.INTER_CUBIC)
    return [np.repeat(scene[150 + y : 150 + y + height, 200 + x : 200 + x + width, None], 3, axis=2) for x, y in steps]


def test_places_stay_with_the_scene(tmp_path):
    steps = np.array([[0, 0], [5, -2], [12, -3], [8, 1], [1, 4], [-6, 3], [-9, -4]])
    write_clip(tmp_path / "x", np.stack(moving(steps)))
    flow = clip_flow(sorted((tmp_path / "x").iterdir()))
    for track in flow.places():
        found = np.array(track)
        assert len(set(found[:, 2])) == 1
        assert np.abs(found[:, :2] + steps - (found[3, :2] + steps[3])).max() <= 1.5
    followed = np.array(flow.follow(0, 160, 90))
    assert np.abs(followed + steps - [160, 90]).max() <= 1.5


def test_places_are_apart_and_off_the_border(tmp_path):
    write_clip(tmp_path / "x", np.stack(moving(np.zeros((1, 2), int))))
    found = np.array([track[0] for track in clip_flow(sorted((tmp_path / "x").iterdir())).places()])[:, :2]
    assert min(np.hypot(*(a - b)) for a, b in ((found[0], found[1]), (found[0], found[2]), (found[1], found[2]))) > 70
    assert (found > [20, 10]).all()
    assert (found < [300, 170]).all()


def test_a_place_that_leaves_the_frame_is_replaced_by_another_with_a_new_number(tmp_path):
    steps = np.stack([np.arange(13) * 20, np.zeros(13, int)], axis=1)
    write_clip(tmp_path / "x", np.stack(moving(steps)))
    flow = clip_flow(sorted((tmp_path / "x").iterdir()))
    places = flow.places()
    numbers = [[spot[2] for spot in track if spot] for track in places]
    assert max(max(one) for one in numbers) >= 3
    assert all(len(one) == 13 for one in numbers)
    assert all(0 <= spot[0] < 320 and 0 <= spot[1] < 180 for track in places for spot in track if spot)
    followed = flow.follow(0, 40, 90)
    assert followed[0] == (40, 90)
    assert followed[-1] is None


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (24, 8)])
def test_tiny_and_flat_frames_have_places_too(tmp_path, size):
    write_clip(tmp_path / "x", np.full((3, *size, 3), 8, np.uint8))
    places = clip_flow(sorted((tmp_path / "x").iterdir())).places()
    assert all(spot is not None for track in places for spot in track)


# the command


def test_ctrl_c_ends_the_command_cleanly_and_nothing_is_lost(folder):
    command = [sys.executable, "-c", COMMAND, "annotate", str(folder), "--annotator", "anna", "--no-open"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2]
        host, token = url.removeprefix("http://").rstrip("/").split("/")
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request("POST", f"/{token}/answer", json.dumps(ANSWER), {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=20)
        connection.close()
    assert (process.returncode, error) == (0, "")
    assert "1 of 12 frames labelled by anna" in out
    assert len(rows(folder / "annotations" / "anna.csv")) == 1
