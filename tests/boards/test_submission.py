"""Result files: written from a scored run, checked, laid over boards; what was changed is refused by one sentence."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from made_dataset import made_frames

from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.merging import merge_submissions
from hvdbench.boards.rows import Stamp, board_rows, merge_rows
from hvdbench.boards.submission import read_submission, submit
from hvdbench.cli.score.leaderboard import leaderboard
from hvdbench.errors import InputError
from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.labels.stored import read_labels, write_labels
from hvdbench.recipe import digest_of
from hvdbench.scoring.run_clip import RunClip
from hvdbench.scoring.run_scores import score_clip
from hvdbench.scoring.summary import summarise
from hvdbench.store import DatasetWriter

CLIPS = ("one", "two")
METHODS = ("keeps", "shifts")


def made_dataset(folder, seed=0):
    writer = DatasetWriter(folder, name="small", origin="simulated", recipe={"seed": seed}, provenance={})
    for number, name in enumerate(CLIPS):
        clip = writer.clip_folder("test", name)
        for place, stream in enumerate(("blur", "sharp")):
            write_clip(clip.folder / stream, made_frames((3, 28, 36), seed + 10 * number + place))
        is_sharp = np.array([False, True, False])
        write_labels(clip, SharpLabels(is_sharp + 1.0, is_sharp, 1.5, (BELOW,) * 3, "paper"))
        writer.finish(clip, clip.digest())
    return writer.dataset()


def made_run(root, dataset, method, change):
    """Write a method's frames and their scores; give the board's rows."""
    digests, tables = {}, []
    for clip in dataset.clips():
        folder = root / "runs" / method / "small" / "test" / clip.name
        write_clip(folder, np.roll(clip.blurry(), change, axis=2))
        digests[f"test/{clip.name}"] = digest_of([method, clip.name])
        (folder / "run.json").write_text(json.dumps({"run_digest": digests[f"test/{clip.name}"]}))
        scores = score_clip(RunClip(folder, clip), read_labels(clip, "paper"))
        tables.append(scores.assign(method=method, split="test", clip=clip.name))
    stamp = Stamp(
        "trial", "small", "simulated", 0, "made here", dataset.digest, digest_of(digests), "hvdbench=1 numpy=2"
    )
    return board_rows(summarise(pd.concat(tables, ignore_index=True)), stamp)


@pytest.fixture(scope="module")
def _made(tmp_path_factory):
    root = tmp_path_factory.mktemp("lab")
    dataset = made_dataset(root / "small")
    rows = [made_run(root, dataset, name, change) for change, name in enumerate(METHODS)]
    write_board(root / "leaderboards" / "trial.csv", merge_rows(*rows))
    for name in METHODS:
        submit(run_of(root, name), root / "small", root / "leaderboards" / "trial.csv", root / f"{name}.json")
    return root


@pytest.fixture
def lab(_made, tmp_path):
    return Path(shutil.copytree(_made, tmp_path / "lab"))


def run_of(root, method):
    return root / "runs" / method / "small"


def files(root):
    return [root / f"{name}.json" for name in METHODS]


def boards(root):
    return [(root / name).read_bytes() for name in ("trial.csv", "trial.md")]


def test_a_board_rebuilt_from_result_files_has_the_same_bytes(lab):
    written = merge_submissions(files(lab)[::-1], lab / "rebuilt")
    assert written == {"trial": lab / "rebuilt" / "trial.csv"}
    assert boards(lab / "rebuilt") == boards(lab / "leaderboards")


def test_merging_twice_changes_nothing(lab):
    merge_submissions(files(lab), lab / "leaderboards")
    before = boards(lab / "leaderboards")
    merge_submissions(files(lab), lab / "leaderboards", data=lab / "small", runs=lab / "runs")
    assert boards(lab / "leaderboards") == before


def test_a_result_file_says_what_it_is_about(lab):
    found = read_submission(lab / "shifts.json")
    assert (found.board, found.method, found.dataset) == ("trial", "shifts", "small")
    assert set(found.frames_sha256) == {"test/one", "test/two"}
    pd.testing.assert_frame_equal(
        found.rows, read_board("trial", lab / "leaderboards").query("method == 'shifts'").reset_index(drop=True)
    )
    again = lab / "again.json"
    submit(run_of(lab, "shifts"), lab / "small", lab / "leaderboards" / "trial.csv", again)
    assert again.read_bytes() == (lab / "shifts.json").read_bytes()


def change(path, edit, *, seal=False):
    """Change a result file; ``seal`` gives it the digest of what it then holds, as a forger would."""
    from hvdbench.boards.submission import _digest

    body = json.loads(path.read_text())
    body.pop("digest")
    sealed = _digest(body)
    edit(body)
    path.write_text(json.dumps(body | {"digest": _digest(body) if seal else sealed}))


def better_row(body):
    first = next(line for line in body["rows"].splitlines() if ",psnr," in line)
    value = first.split(",")[9]
    body["rows"] = body["rows"].replace(first, first.replace(value, str(float(value) + 1)))


def better_frames(body):
    body["frame_scores"] = body["frame_scores"].replace("\n0,False,", "\n0,True,")


@pytest.mark.parametrize(
    ("edit", "seal", "message"),
    [
        (better_row, False, "was changed after it was written"),
        (better_row, True, "the rows do not follow from the frame scores"),
        (better_frames, True, "the rows do not follow from the frame scores"),
        (lambda body: body["stamp"].update(dataset_digest="0" * 16), True, "the rows do not follow"),
        (lambda body: body["clip_sha256"].update({"test/one": "0"}), True, "the digests of its clips do not give"),
        (lambda body: body["run_digests"].update({"test/one": "0"}), True, "the digests of its clips do not give"),
        (lambda body: body["frames_sha256"].pop("test/one"), True, "the digests of its clips do not give"),
        (lambda body: body.update(schema="hvdbench-results-9"), True, "this version reads hvdbench-results-1"),
        (lambda body: body.pop("rows"), True, "is not a result file"),
    ],
)
def test_a_result_file_that_was_changed_is_refused_and_no_board_is_written(lab, edit, seal, message):
    change(lab / "shifts.json", edit, seal=seal)
    with pytest.raises(InputError, match=message) as caught:
        merge_submissions(files(lab), lab / "rebuilt")
    assert "\n" not in str(caught.value)
    assert not (lab / "rebuilt").exists()


def test_a_result_file_that_names_code_imports_none_of_it(lab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("evil_part.py").write_text("open('PWNED', 'w').close()\n")

    def name_code(body):
        for place in ("method", "metric", "protocol", "board"):
            body[place] = "evil_part:m"
            body["stamp"][place] = "evil_part:m"
        body["rows"] = body["rows"].replace(",psnr,", ",evil_part:m,").replace("shifts", "evil_part:m")

    change(lab / "shifts.json", name_code, seal=True)
    with pytest.raises(InputError):
        merge_submissions(files(lab), lab / "rebuilt")
    assert not Path("PWNED").exists()


def test_what_is_no_result_file_is_refused(lab):
    (lab / "odd.json").write_text("[1]")
    for path in (lab / "odd.json", lab / "none.json", run_of(lab, "keeps") / "test/one/00000000.png"):
        with pytest.raises(InputError, match="is not a result file"):
            read_submission(path)


def test_results_on_another_dataset_are_refused(lab):
    other = lab / "other"
    dataset = made_dataset(other / "small", seed=500)
    write_board(other / "leaderboards" / "trial.csv", made_run(other, dataset, "keeps", 0))
    submit(run_of(other, "keeps"), other / "small", other / "leaderboards" / "trial.csv", other / "keeps.json")
    with pytest.raises(InputError, match="rows of two versions of a dataset cannot be on one board"):
        merge_submissions([other / "keeps.json"], lab / "leaderboards")
    with pytest.raises(InputError, match="name the dataset that it was scored on"):
        merge_submissions([other / "keeps.json"], other / "leaderboards", data=lab / "small")
    with pytest.raises(InputError, match="name the dataset that it was scored on"):
        submit(run_of(other, "keeps"), lab / "small", other / "leaderboards" / "trial.csv", lab / "x.json")


def test_frames_that_were_changed_since_they_were_scored_are_refused(lab):
    frames = run_of(lab, "shifts") / "test" / "one"
    write_clip(frames, np.zeros((3, 28, 36, 3), np.uint8))
    with pytest.raises(InputError, match=r"differ from those that .* has scores of"):
        merge_submissions(files(lab), lab / "leaderboards", runs=lab / "runs")
    with pytest.raises(InputError, match="frames, labels or rows were changed since"):
        submit(run_of(lab, "shifts"), lab / "small", lab / "leaderboards" / "trial.csv", lab / "x.json")
    shutil.rmtree(frames)
    with pytest.raises(InputError, match=r"lacks the clip|has no rows of the run"):
        submit(run_of(lab, "shifts"), lab / "small", lab / "leaderboards" / "trial.csv", lab / "x.json")


def test_a_dataset_that_was_changed_is_refused(lab):
    write_clip(lab / "small" / "test" / "two" / "sharp", np.zeros((3, 28, 36, 3), np.uint8))
    with pytest.raises(InputError, match="differs from what was written"):
        submit(run_of(lab, "keeps"), lab / "small", lab / "leaderboards" / "trial.csv", lab / "x.json")


def test_a_row_on_the_board_that_was_changed_is_refused(lab):
    path = lab / "leaderboards" / "trial.csv"
    board = read_board(str(path))
    board.loc[board["metric"] == "psnr", "value"] += 1
    write_board(path, board)
    with pytest.raises(InputError, match="do not give the rows"):
        submit(run_of(lab, "keeps"), lab / "small", path, lab / "x.json")


def test_another_run_of_the_same_name_needs_overwrite(lab):
    path = lab / "leaderboards" / "trial.csv"
    board = read_board(str(path))
    write_board(
        path,
        board.assign(
            run_digest=[
                "0" * 16 if m == "keeps" else d for m, d in zip(board["method"], board["run_digest"], strict=True)
            ]
        ),
    )
    with pytest.raises(InputError, match="has 'keeps' from another run"):
        merge_submissions(files(lab), lab / "leaderboards")
    merge_submissions(files(lab), lab / "leaderboards", overwrite=True)
    pd.testing.assert_frame_equal(read_board(str(path)), board)


def test_the_commands_submit_merge_compare_and_show(lab, monkeypatch):
    monkeypatch.chdir(lab)
    runner = CliRunner()

    def said(*words):
        done = runner.invoke(leaderboard, [str(word) for word in words], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert "for board 'trial'" in said(
        "submit", "runs/keeps/small", "--data", "small", "--board", "trial", "-o", "x.json"
    )
    assert said("merge", "x.json", "shifts.json", "--boards", "rebuilt") == "rebuilt/trial.csv\n"
    assert boards(lab / "rebuilt") == boards(lab / "leaderboards")
    assert "\n   1 " in said("show", "trial")
    text = said("compare", "keeps", "shifts", "--clips")
    assert "PSNR mid (dB)" in text
    assert "\ntest/one " in text
    assert "\n   1  keeps " in said("borda", "trial")
    listed = said("list", "--all")
    assert "trial  [rows]" in listed
    assert "rbvd  [papers' numbers]  RBVD" in listed
    assert "ESTRNN + SelfHVD" in said("show", "rbvd")
    assert "Published numbers" in said("export", "hvd-xiaomi")
