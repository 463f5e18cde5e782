"""A blind study: what is drawn, what a voter is told, which votes are kept, and how they are counted."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from made_study import CLIPS, METHODS, made_frames, made_study, right_answer, serving, vote_all, write_methods

from hvdbench.annotate.study.ballot import Ballot
from hvdbench.annotate.study.design import StudyFolder, read_study
from hvdbench.annotate.study.drawing import StudyClip, StudyRequest, make_study
from hvdbench.annotate.study.results import count_votes, results_data
from hvdbench.annotate.study.server import StudyServer
from hvdbench.annotate.study.votes import RefusedVoteError, VoteFile
from hvdbench.cli.main import cli
from hvdbench.errors import InputError
from hvdbench.frames import read_frame, write_clip
from hvdbench.workflows.study import find_shared, find_sources


@pytest.fixture
def stored(tmp_path: Path) -> StudyFolder:
    return made_study(tmp_path / "selfhvd_of_ours-against-all")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudyServer]:
    with serving(made_study(tmp_path_factory.mktemp("attacked"))) as found:
        yield found


@pytest.fixture
def server(stored: StudyFolder) -> Iterator[StudyServer]:
    with serving(stored) as found:
        yield found


# what is drawn


def test_every_pair_is_asked_about_at_the_same_places(stored: StudyFolder) -> None:
    pairs = [one for one in stored.study.questions if one.kind == "pair"]
    assert Counter((one.first, one.second) for one in pairs) == dict.fromkeys(combinations(METHODS, 2), 4)
    places = {pair: {(q.clip, q.frame, q.left, q.top) for q in pairs if (q.first, q.second) == pair}
              for pair in combinations(METHODS, 2)}  # fmt: skip
    assert len({frozenset(one) for one in places.values()}) == 1
    assert Counter(clip for clip, *_ in next(iter(places.values()))) == dict.fromkeys(CLIPS, 2)


def test_the_crops_are_the_methods_own_pixels(stored: StudyFolder) -> None:
    for question in stored.study.questions:
        for crop, method in zip(stored.crops(question), (question.first, question.second), strict=True):
            frame = made_frames(method, question.clip)[question.frame]
            same = frame[question.top : question.top + 64, question.left : question.left + 64]
            is_blurred_copy = question.kind == "clear" and method == question.second
            if not (is_blurred_copy and not np.array_equal(crop, same)):
                np.testing.assert_array_equal(crop, same)


def test_frames_that_are_smaller_than_a_crop_are_shown_whole(tmp_path: Path) -> None:
    first, second = made_study(tmp_path, side_px=720).crops(made_study(tmp_path, side_px=720).study.questions[0])
    assert first.shape == second.shape == (90, 160, 3)


def test_checks_are_a_crop_against_its_blurred_copy_and_a_crop_against_itself(stored: StudyFolder) -> None:
    checks = [one for one in stored.study.questions if one.kind != "pair"]
    assert Counter(one.kind for one in checks) == {"clear": 2, "same": 1}
    for check in checks:
        first, second = (cv2.Laplacian(crop, cv2.CV_64F).var() for crop in stored.crops(check))
        assert first == second if check.kind == "same" else first > 3 * second
        assert check.right == {"clear": "first", "same": "tie"}[check.kind]


def test_the_same_seed_draws_the_same_study_and_another_one_another(tmp_path: Path) -> None:
    digests = [made_study(tmp_path / str(n), seed=seed).digest for n, seed in enumerate((0, 0, 1))]
    assert digests[0] == digests[1] != digests[2]


def test_frames_at_which_two_methods_are_equal_are_not_asked_about(tmp_path: Path) -> None:
    frames = made_frames(METHODS[0], "street")
    other = frames.copy()
    other[3] = 255 - other[3]
    clip = StudyClip("street", lambda: {"a": frames, "b": other})
    request = StudyRequest(("a", "b"), {}, crops=3, checks=0, side_px=32)
    study, said = make_study(tmp_path, [clip], request)
    assert [one.frame for one in study.questions] == [3]
    assert said == ["only 1 of 3 crops were found at which all compared methods differ"]
    with pytest.raises(InputError, match="restored the same pixels"):
        make_study(tmp_path, [StudyClip("street", lambda: {"a": frames, "b": frames})], request)


def test_frames_that_methods_learn_from_are_taken_last(tmp_path: Path) -> None:
    frames = {method: made_frames(method, "street") for method in METHODS[:2]}
    request = StudyRequest(METHODS[:2], {}, crops=4, checks=0, side_px=32)
    study, _ = make_study(tmp_path, [StudyClip("street", lambda: frames, frozenset({1, 3}))], request)
    assert {one.frame for one in study.questions[:3]} == {0, 2, 4}
    assert study.questions[3].frame in (1, 3)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ({"count": 4}, "has 5 frames of 'selfhvd_of_ours' and 4 of 'dadeblur_of_theirs'"),
        ({"width": 150}, "160x90 px of 'selfhvd_of_ours' and 150x90 of 'dadeblur_of_theirs'"),
    ],
)
def test_methods_whose_frames_do_not_fit_are_refused(tmp_path: Path, frames: dict[str, int], words: str) -> None:
    first, second = made_frames(METHODS[0], "street"), made_frames(METHODS[1], "street", **frames)
    clip = StudyClip("street", lambda: {METHODS[0]: first, METHODS[1]: second})
    with pytest.raises(InputError, match=words):
        make_study(tmp_path, [clip], StudyRequest(METHODS[:2], {}))


def test_a_method_to_compare_with_halves_the_comparisons() -> None:
    request = StudyRequest(METHODS, {}, against=METHODS[1])
    assert request.pairs == [(METHODS[1], METHODS[0]), (METHODS[1], METHODS[2])]
    with pytest.raises(InputError, match="'x' is not among the methods"):
        _ = StudyRequest(METHODS, {}, against="x").pairs
    with pytest.raises(InputError, match="two methods or more, found 1"):
        _ = StudyRequest(METHODS[:1], {}).pairs


# where frames are found


def test_methods_are_called_as_their_run_their_folder_or_as_somebody_says(tmp_path: Path) -> None:
    write_methods(tmp_path)
    run = tmp_path / "runs" / "warp_average" / "mine"
    for clip in CLIPS:
        write_clip(run / "test" / clip, made_frames(METHODS[1], clip))
        (run / "test" / clip / "run.json").write_text(json.dumps({"method": "warp_average", "selected": [0, 2]}))
    sources = find_sources([str(tmp_path / METHODS[0]), str(run), f"theirs={tmp_path / METHODS[2]}"])
    assert [source.method for source in sources] == [METHODS[0], "warp_average", "theirs"]
    clips = find_shared(sources)  # by the last part of their place: the run has a split, the folders have none
    assert [(clip.name, clip.skipped) for clip in clips] == [(name, frozenset({0, 2})) for name in ("square", "street")]
    np.testing.assert_array_equal(clips[1].open()["theirs"][4], made_frames(METHODS[2], "street")[4])


def test_clips_that_one_method_lacks_are_named_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_methods(tmp_path)
    write_clip(tmp_path / METHODS[0] / "river", made_frames(METHODS[0], "street"))
    sources = find_sources([str(tmp_path / method) for method in METHODS])
    assert [clip.name for clip in find_shared(sources)] == ["square", "street"]
    assert "1 clips were not restored by all methods and are left out: river" in caplog.text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nowhere", METHODS[0]], "nowhere does not exist: name a folder of restored frames"),
        ([METHODS[0], METHODS[0]], "two folders are of 'selfhvd_of_ours'"),
        ([f"a/b={METHODS[0]}", METHODS[1]], "contains the separator /"),
        (["empty", METHODS[0]], "empty contains no frames and no video"),
        ([METHODS[0], "other"], "no clip was restored by all methods: 'selfhvd_of_ours' has square"),
        ([METHODS[0]], "two methods or more, found 1"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_methods(tmp_path)
    write_clip(Path("other/river"), made_frames(METHODS[0], "street"))
    Path("empty").mkdir()
    done = CliRunner().invoke(cli, ["study", "make", *given, "-o", "study"])
    assert isinstance(done.exception, InputError)
    assert words in str(done.exception)
    assert not Path("study").exists()


# what a voter sees


def test_order_and_sides_hang_on_the_voter_and_stay_after_a_restart(stored: StudyFolder) -> None:
    votes = VoteFile(stored)
    ballots = [Ballot(stored, votes, name) for name in ("anna", "berta", "carl", "anna")]
    assert ballots[0].order == ballots[3].order
    assert ballots[0].first_sides == ballots[3].first_sides
    assert len({tuple(one.order) for one in ballots}) == 3
    for ballot in ballots:
        assert sorted(ballot.order) == list(range(15))
        assert 3 <= ballot.first_sides.count("left") <= 12
        checks = [position for position, n in enumerate(ballot.order) if stored.study.questions[n].right is not None]
        assert [check // 5 for check in checks] == [0, 1, 2]


def test_a_pair_is_one_picture_with_the_first_crop_on_the_drawn_side(stored: StudyFolder) -> None:
    ballot = Ballot(stored, VoteFile(stored), "anna")
    for position, number in enumerate(ballot.order):
        first, second = stored.crops(stored.study.questions[number])
        shown = (first, second) if ballot.first_sides[position] == "left" else (second, first)
        np.testing.assert_array_equal(ballot.pair(position), np.hstack(shown))


def call(
    server: StudyServer, name: str, said: Any = None, *, token: str | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    body = said if isinstance(said, bytes | None) else json.dumps(said).encode()
    kind = {} if said is None else {"Content-Type": "application/json"}
    method = "GET" if said is None else "POST"
    connection.request(
        method, f"/{token or server.token}/{name}", body, kind | {k.replace("_", "-"): v for k, v in headers.items()}
    )
    reply = connection.getresponse()
    found = reply.status, reply.read(), dict(reply.headers)
    connection.close()
    return found


def test_nothing_that_is_served_names_a_method_a_clip_or_a_file(server: StudyServer, stored: StudyFolder) -> None:
    served: list[tuple[int, bytes, dict[str, str]]] = []
    for name in ("", "study.js", "study.css", "local.js", "local.css", "study.svg", "study.json", "votes.jsonl"):
        served.append(call(server, name))
    for position in range(15):
        served.append(call(server, "voter/anna/state"))
        served.append(call(server, f"voter/anna/pair/{position}"))
    for position in range(15):
        served.append(call(server, "voter/anna/vote", {"question": position, "answer": "left", "seconds": 1}))
    served += [call(server, "voter/anna/vote", {"question": 0, "answer": "left", "seconds": 1})]
    served += [call(server, "voter/anna/undo", {}), call(server, "voter/anna/undo", b"{")]
    (stored.folder / "crops" / stored.study.questions[0].crops[0]).write_bytes(b"no picture")
    served += [call(server, f"voter/anna/pair/{position}") for position in range(15)]
    stored.votes.write_text("damaged\n")
    served += [call(server, "voter/anna/state")]
    assert {status for status, _, _ in served} == {200, 400, 404, 409}
    words = [*METHODS, *CLIPS, str(stored.folder), stored.digest, ".png", '"clear"', '"same"', '"first"', '"second"']
    for _, body, headers in served:
        text = body + repr(sorted(headers.items())).encode()
        assert [word for word in words if word.encode() in text] == []


def test_headers_and_sizes_are_the_same_whichever_methods_are_shown(server: StudyServer) -> None:
    found = [call(server, f"voter/{name}/pair/{position}") for name in ("anna", "berta") for position in range(15)]
    kinds = {tuple(sorted((k, v) for k, v in headers.items() if k != "Date")) for _, _, headers in found}
    assert len(kinds) == 1
    assert dict(kinds.pop())["Content-Type"] == "image/bmp"
    assert len({len(body) for _, body, _ in found}) == 1


def test_the_state_says_how_far_one_is_and_nothing_else(server: StudyServer) -> None:
    state = json.loads(call(server, "voter/anna/state")[1])
    assert state == {"voter": "anna", "total": 15, "done": 0, "median_s": None, "question": 0, "next": [1]}


# who can reach it


def test_the_server_is_bound_to_this_machine_and_needs_the_token(server: StudyServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert "default-src 'none'" in call(server, "")[2]["Content-Security-Policy"]
    for token in ("x", server.token[:-1], server.token.swapcase()):
        assert call(server, "voter/anna/state", token=token)[0] == 404
        said = {"question": 0, "answer": "left", "seconds": 1}
        assert call(server, "voter/anna/vote", said, token=token)[0] == 404
    assert call(server, "voter/anna/state", Host="example.org")[0] == 403
    assert call(server, "voter/anna/vote", {}, Origin="http://example.org")[0] == 403
    assert not server.stored.votes.exists()


VOTE = {"question": 0, "answer": "left", "seconds": 1.5}


@pytest.mark.parametrize(
    ("name", "said", "status"),
    [
        ("voter/anna/vote", b"{", 400),
        ("voter/anna/vote", b"[1]", 400),
        ("voter/anna/vote", b"\xff", 400),
        ("voter/anna/vote", b"[" * 1900, 400),
        ("voter/anna/vote", VOTE | {"question": "0"}, 400),
        ("voter/anna/vote", VOTE | {"question": True}, 400),
        ("voter/anna/vote", VOTE | {"seconds": "x"}, 400),
        ("voter/anna/vote", VOTE | {"seconds": float("inf")}, 400),
        ("voter/anna/vote", VOTE | {"seconds": -1}, 400),
        ("voter/anna/vote", VOTE | {"answer": 1}, 400),
        ("voter/anna/vote", VOTE | {"answer": "first"}, 409),
        ("voter/anna/vote", VOTE | {"question": 15}, 409),
        ("voter/anna/vote", VOTE | {"question": -1}, 409),
        ("voter/anna/vote", VOTE | {"more": "x" * 3000}, 413),
        ("voter/..%2f..%2fetc/vote", VOTE, 409),
        ("voter/a%20b/vote", VOTE, 409),
        ("voter/%3Cb%3E/vote", VOTE, 409),
        (f"voter/{'x' * 41}/vote", VOTE, 409),
        ("voter//vote", VOTE, 404),
        ("voter/anna/state", VOTE, 404),
        ("vote", VOTE, 404),
        ("voter/anna/pair/15", None, 404),
        ("voter/anna/pair/-1", None, 404),
        ("voter/anna/pair/99999999", None, 404),
        ("voter/anna/vote", None, 404),
        ("voter/a/../b/state", None, 404),
        ("study.json", None, 404),
        ("votes.jsonl", None, 404),
        ("crops/000000.png", None, 404),
        ("../study.json", None, 404),
        ("%2e%2e/study.json", None, 404),
    ],
)
def test_a_hostile_request_is_refused_without_a_vote_or_a_traceback(
    attacked: StudyServer, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
    name: str, said: Any, status: int,
) -> None:  # fmt: skip
    found, body, _ = call(attacked, name, said)
    assert (found, bool(json.loads(body)["error"])) == (status, True)
    assert not attacked.stored.votes.exists()
    assert "Traceback" not in caplog.text + capfd.readouterr().err
    assert call(attacked, "voter/anna/state")[0] == 200


# which votes are kept


def test_a_vote_is_one_json_line_without_the_name_of_a_method(stored: StudyFolder) -> None:
    ballot = Ballot(stored, VoteFile(stored), "anna")
    for position, number in enumerate(ballot.order):
        other = {"left": "right", "right": "left"}[ballot.first_sides[position]]
        sides = {"first": ballot.first_sides[position], "second": other, "tie": "tie"}
        ballot.vote(position, sides[right_answer(stored.study.questions[number])], seconds=2.0)
    lines = stored.votes.read_text().splitlines()
    assert len(lines) == 15
    assert set(json.loads(lines[0])) == {"study", "voter", "question", "choice", "first_side", "seconds", "at"}
    assert not any(method in "".join(lines) for method in METHODS)
    for line in map(json.loads, lines):
        assert line["choice"] == right_answer(stored.study.questions[line["question"]])


def test_a_voter_goes_on_at_the_first_open_pair_and_sees_nothing_of_others(stored: StudyFolder) -> None:
    votes = VoteFile(stored)
    anna, berta = Ballot(stored, votes, "anna"), Ballot(stored, votes, "berta")
    for position in (0, 1):
        anna.vote(position, "left", seconds=3)
    berta.vote(0, "tie", seconds=1)
    again = Ballot(read_study(stored.folder), VoteFile(stored), "anna").state()
    assert (again["done"], again["question"], again["next"], again["median_s"]) == (2, 2, [3], 3)
    assert berta.state()["done"] == 1


def test_undo_takes_back_ones_own_last_vote_and_asks_again(stored: StudyFolder) -> None:
    votes = VoteFile(stored)
    anna, berta = Ballot(stored, votes, "anna"), Ballot(stored, votes, "berta")
    for position in (0, 5):
        anna.vote(position, "left", seconds=3)
    berta.vote(0, "left", seconds=3)
    anna.undo()
    assert (anna.state()["done"], anna.state()["question"]) == (1, 5)
    anna.vote(5, "right", seconds=1)
    anna.undo()
    anna.undo()
    anna.undo()
    assert anna.state()["done"] == 0
    assert [vote.voter for vote in votes.read()] == ["berta"]


def test_a_pair_that_was_judged_in_another_tab_is_not_judged_again(stored: StudyFolder) -> None:
    tabs = [Ballot(stored, VoteFile(stored), "anna") for _ in range(2)]
    tabs[0].vote(0, "left", seconds=1)
    with pytest.raises(RefusedVoteError, match="judged before, perhaps in another tab"):
        tabs[1].vote(0, "right", seconds=1)
    assert tabs[1].state()["question"] == 1
    assert len(VoteFile(stored).read()) == 1


VOTER = (
    "import sys; from pathlib import Path; from hvdbench.annotate.study.design import read_study; "
    "from hvdbench.annotate.study.votes import VoteFile; from hvdbench.annotate.study.ballot import Ballot; "
    "s = read_study(Path(sys.argv[1])); b = Ballot(s, VoteFile(s), sys.argv[2]); "
    "[b.vote(n, 'left', seconds=1) for n in range(len(b.order))]"
)


def test_two_processes_that_vote_at_once_lose_nothing(stored: StudyFolder) -> None:
    running = [subprocess.Popen([sys.executable, "-c", VOTER, str(stored.folder), name]) for name in ("anna", "berta")]
    assert [process.wait(60) for process in running] == [0, 0]
    assert Counter(vote.voter for vote in VoteFile(stored).read()) == {"anna": 15, "berta": 15}
    assert len(stored.votes.read_text().splitlines()) == 30
    assert sorted(path.name for path in stored.folder.iterdir()) == ["crops", "study.json", "votes.jsonl"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: it is not a vote"),
        ('{"study": "x"}', "line 2: it is not a vote"),
        ("[]", "line 2: it is not a vote"),
        ('{"choice": "best"}', "line 2: choice 'best' is not one of"),
        ('{"question": 99}', "line 2: the study has no question 99"),
        ('{"study": "0123"}', "line 2: it is a vote of another study"),
        ('{"voter": "../x"}', "line 2: voter '../x' is not a name"),
    ],
)
def test_a_damaged_vote_is_told_by_its_line(stored: StudyFolder, line: str, words: str) -> None:
    Ballot(stored, VoteFile(stored), "anna").vote(0, "left", seconds=1)
    good = stored.votes.read_text()
    changed = line if line in ("{", "[]", '{"study": "x"}') else json.dumps(json.loads(good) | json.loads(line))
    stored.votes.write_text(good + changed + "\n")
    with pytest.raises(InputError, match=words.replace("[", r"\[")):
        VoteFile(stored)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"questions": []}, "study.json is damaged"),
        ({"crops": ["../../etc/passwd", "000000.png"]}, "is not the name of a crop"),
        ({"first": "nobody"}, "asks about 'nobody', which is not among its methods"),
    ],
)
def test_a_damaged_key_is_told(stored: StudyFolder, change: dict[str, Any], words: str) -> None:
    key = json.loads((stored.folder / "study.json").read_text())
    if "questions" in change:
        key |= change
    else:
        key["questions"][0] |= change
    (stored.folder / "study.json").write_text(json.dumps(key))
    with pytest.raises(InputError, match=words):
        read_study(stored.folder)
    with pytest.raises(InputError, match=r"contains no study\.json"):
        read_study(stored.folder.parent)


# how votes are counted


def test_votes_are_counted_by_method_whatever_side_they_were_on(stored: StudyFolder) -> None:
    for name in ("anna", "berta"):
        vote_all(stored, name)
    found = count_votes(stored)
    assert [(pair.first, pair.second) for pair in found.pairs] == list(combinations(METHODS, 2))
    assert [(pair.found.wins, pair.found.losses, pair.clips) for pair in found.pairs] == [(8, 0, (2, 0))] * 3
    assert found.scores is not None
    assert found.scores[0].low > found.scores[1].mean > found.scores[2].high
    assert [pair.found.p for pair in found.pairs] == pytest.approx([2 / 256] * 3)
    assert [pair.p_corrected for pair in found.pairs] == pytest.approx([6 / 256] * 3)


def test_voters_who_miss_the_checks_are_left_out_and_listed(stored: StudyFolder) -> None:
    vote_all(stored, "anna")
    for name, side in (("lefty", "left"), ("shrug", "tie")):
        vote_all(stored, name, always=side)
    Ballot(stored, VoteFile(stored), "dora").vote(0, "left", seconds=1)
    found = count_votes(stored)
    assert [voter.name for voter in found.voters] == ["anna", "dora", "lefty", "shrug"]
    assert {voter.name for voter in found.left_out} >= {"lefty", "shrug"}
    assert all("attention check" in voter.left_out for voter in found.left_out)
    assert sum(pair.found.wins + pair.found.losses + pair.found.ties for pair in found.pairs) in (12, 13)
    lenient = count_votes(stored, least_right=0)
    assert {voter.name for voter in lenient.left_out} <= {"dora"}


def test_random_clickers_are_nearly_all_left_out(tmp_path: Path) -> None:
    stored = made_study(tmp_path, crops=1, checks=6, methods=METHODS[:2])
    random = np.random.default_rng(0)
    vote = {"study": stored.digest, "first_side": "left", "seconds": 1}
    lines = [
        vote | {"voter": f"voter{n}", "question": number, "choice": str(random.choice(["first", "second", "tie"]))}
        for n in range(100)
        for number in range(len(stored.study.questions))
    ]
    stored.votes.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert len(count_votes(stored).left_out) >= 95  # 5 of 6 by chance: 1.8 % of the voters


def test_without_votes_the_command_to_collect_them_is_named(stored: StudyFolder) -> None:
    with pytest.raises(InputError, match="contains no votes: collect some with 'hvdbench study serve"):
        count_votes(stored)


def test_ties_are_counted_beside_and_halve_the_way_between_scores(stored: StudyFolder) -> None:
    vote_all(stored, "anna")
    before = count_votes(stored).scores
    vote_all(stored, "shrug", always="tie")
    found = count_votes(stored, least_right=0)
    assert [(pair.found.wins, pair.found.ties, pair.found.share.mean) for pair in found.pairs] == [(4, 4, 1.0)] * 3
    assert before is not None
    assert found.scores is not None
    assert 0 < found.scores[0].mean < before[0].mean


# the commands


def test_a_study_is_made_scored_and_written_by_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [path.name for path in write_methods(tmp_path)]
    make = ["study", "make", *folders, "-o", "studies/one", "--crops", "3", "--checks", "3", "--side", "64"]
    done = CliRunner().invoke(cli, make)
    assert done.exit_code == 0, done.output
    assert "12 pairs of crops for each voter: studies/one" in done.stdout
    again = CliRunner().invoke(cli, make)
    assert "contains a study: use --overwrite to replace it" in str(again.exception)
    assert CliRunner().invoke(cli, [*make, "--overwrite"]).exit_code == 0
    stored = read_study(Path("studies/one"))
    vote_all(stored, "anna")
    vote_all(stored, "lefty", always="left")
    kept = CliRunner().invoke(cli, [*make, "--overwrite"])
    assert "a study that people have voted in" in str(kept.exception)
    text = CliRunner().invoke(cli, ["study", "score", "studies/one"]).stdout
    assert "selfhvd_of_ours" in text.splitlines()[2]
    assert "no: " in text
    table = CliRunner().invoke(cli, ["study", "score", "studies/one", "--format", "csv"]).stdout.splitlines()
    assert table[0].startswith("method,against,better,worse,no difference,preferred (%)")
    assert table[1].startswith("selfhvd_of_ours,dadeblur_of_theirs,3,0,0,100.0,")
    assert "| 1 | selfhvd_of_ours |" in CliRunner().invoke(
        cli, ["study", "score", "studies/one", "--format", "md"]
    ).stdout.replace("\\", "")
    data = json.loads(CliRunner().invoke(cli, ["study", "score", "studies/one", "--format", "json"]).stdout)
    assert data == json.loads(json.dumps(results_data(count_votes(stored))))
    assert CliRunner().invoke(cli, ["study", "score", "studies/one", "--format", "html"]).exit_code == 2
    done = CliRunner().invoke(cli, ["study", "score", "studies/one", "--format", "html", "-o", "page.html"])
    assert done.exit_code == 0, done.output
    page = Path("page.html").read_text()
    assert page.count("<img") == 6 // 2 * 2
    assert "no: " in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


COMMAND = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[0] = 'hvdbench'; "
    "from hvdbench.cli.main import main; main()"
)


def test_ctrl_c_ends_the_command_cleanly_and_nothing_is_lost(stored: StudyFolder) -> None:
    command = [sys.executable, "-c", COMMAND, "study", "serve", str(stored.folder), "--no-open"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"}, **pipes) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2]
        host, token = url.removeprefix("http://").rstrip("/").split("/")
        connection = http.client.HTTPConnection(host, timeout=10)
        kind = {"Content-Type": "application/json"}
        connection.request("POST", f"/{token}/voter/anna/vote", json.dumps(VOTE), kind)
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
        connection.close()
    assert (process.returncode, error) == (0, "")
    assert f"1 vote by 1 voter: {stored.votes}" in out


def test_crops_on_disk_have_no_telling_names(stored: StudyFolder) -> None:
    names = sorted(path.name for path in (stored.folder / "crops").iterdir())
    assert names == [f"{number:06d}.png" for number in range(len(names))]
    assert read_frame(stored.folder / "crops" / names[0]).shape == (64, 64, 3)
