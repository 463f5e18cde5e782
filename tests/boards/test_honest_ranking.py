"""What a board must not pretend: a direction that nobody knows, a share over 100 %, another seed than was given."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from made_board import rows
from made_scored import NAME, make_scored, write_results

from hvdbench.boards import facts as board_facts
from hvdbench.boards.files import read_board, write_board
from hvdbench.boards.merging import merge_submissions
from hvdbench.boards.ranking.order import ranked
from hvdbench.boards.ranking.pairs import clip_differences, compare
from hvdbench.boards.ranking.points import borda
from hvdbench.boards.rows import merge_rows
from hvdbench.boards.submission import submit
from hvdbench.boards.text.standings import comparison_text, ranked_text
from hvdbench.boards.text.texts import export
from hvdbench.boards.text.wide import table
from hvdbench.cli.main import cli
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.metrics.opening import open_measure
from hvdbench.scoring.run_tables import Asked
from hvdbench.store import Dataset
from hvdbench.workflows.evaluate import evaluate
from hvdbench.workflows.score import score_folder
from hvdbench.workspace.workspace import Workspace

EASY = np.array([31.0, 35.0, 28.0, 33.0, 30.0])


def board(**methods) -> pd.DataFrame:
    made = None
    for name, clips in methods.items():
        one = rows(name, clips=tuple(map(float, clips)))
        made = one if made is None else merge_rows(made, one)
    return made


def aimless(**methods) -> pd.DataFrame:
    """A board whose PSNR is called something that nobody knows."""
    made = board(**methods)
    return made.assign(metric=made["metric"].replace({"psnr": "their_score"}))


def test_a_metric_of_unknown_direction_is_not_ranked_and_that_is_said():
    made = aimless(b=EASY, a=EASY + 3, c=EASY - 3)
    order = ranked(made, metric="their_score", truth="centroid")
    assert order["rank"].isna().all()
    assert order["method"].tolist() == ["a", "b", "c"]  # by name
    assert (order["ties"] == "").all()
    assert order["detectable"].isna().all()
    assert order["value"].tolist() == pytest.approx([EASY.mean() + 3, EASY.mean(), EASY.mean() - 3])
    sentence = "not ranked: it is not stated whether higher or lower values of their_score are better"
    assert order["note"].str.startswith(sentence).all()
    text = ranked_text(order, "their_score", "centroid")
    assert "Not ranked: it is not stated whether higher or lower" in text
    assert re.search(r"^ *– +a ", text, re.MULTILINE)
    wide = table(made, rank="their_score")
    assert wide["method"].tolist() == ["a", "b", "c"]
    assert sentence[12:] in export(made, "md", rank="their_score")
    with pytest.raises(InputError, match="ranked"):
        borda([order])


def test_a_comparison_by_a_metric_of_unknown_direction_names_no_better_side():
    made = aimless(a=EASY + 3, b=EASY)
    found = compare(made, "a", "b", metrics=["their_score"], truths=["centroid"]).iloc[0]
    assert found["difference"] == pytest.approx(3)
    assert found["p"] == 0
    assert (found["better"], found["wins_a"], found["wins_b"]) == ("", 0, 0)
    assert "it is not stated whether" in found["note"]
    assert set(clip_differences(made, "a", "b", metric="their_score", truth="centroid")["better"]) == {""}


def test_show_and_compare_say_the_same_of_two_methods_whatever_else_is_measured():
    noise = np.random.default_rng(1)
    near = EASY + 0.5 + noise.normal(0, 0.4, 5)
    made = board(top=near, low=EASY)
    p = compare(made, "top", "low", metrics=["psnr"], truths=["centroid"])["p"].iloc[0]
    assert 0.05 / 7 < p < 0.05  # told apart as one question, not as one of all that the two have in common
    every = compare(made, "top", "low")
    assert len(every) >= 7
    found = every[(every["metric"] == "psnr") & (every["truth"] == "centroid")].iloc[0]
    assert found["p_holm"] == pytest.approx(p)
    assert found["better"] == "a"
    assert ranked(made)["ties"].tolist() == ["a", "b"]
    assert "over all pairs of methods on the board" in comparison_text(every, "top", "low")
    # More methods are more questions, to both alike.
    others = {f"m{i}": EASY - 5 - i + noise.normal(0, 0.5, 5) for i in range(4)}
    crowd = board(top=near, low=EASY, **others)
    order = ranked(crowd).set_index("method")
    together = set(order.loc["top", "ties"]) & set(order.loc["low", "ties"])
    pair = compare(crowd, "top", "low", metrics=["psnr"], truths=["centroid"]).iloc[0]
    assert pair["p_holm"] > pair["p"]
    assert bool(together) == (pair["better"] == "")
    mirrored = compare(crowd, "low", "top", metrics=["psnr"], truths=["centroid"]).iloc[0]
    assert mirrored["p_holm"] == pair["p_holm"]


def test_methods_with_several_seeds_or_missing_clips_can_be_compared_still():
    made = merge_rows(board(a=EASY + 2, b=EASY + 0.1), rows("a", clips=tuple(EASY + 1.9), seed=1))
    found = compare(made, "a", "b", metrics=["psnr"], truths=["centroid"]).iloc[0]
    assert found["value_a"] == pytest.approx(EASY.mean() + 1.95)
    assert found["p_holm"] >= found["p"]
    part = compare(board(a=EASY + 2, b=EASY[:3]), "a", "b", metrics=["psnr"], truths=["centroid"]).iloc[0]
    assert part["clips"] == 3
    assert compare(board(a=EASY), "a", "a")["better"].eq("").all()


def test_the_interval_of_a_share_stays_between_0_and_1():
    made = board(a=EASY, b=EASY)
    hit = (made["metric"] == "worse_share") & (made["clip"] != "*") & (made["truth"] == "centroid")
    made.loc[hit & (made["method"] == "a"), "value"] = [0.0, 0.0, 0.0, 0.0, 0.5] * 3
    made.loc[hit & (made["method"] == "b"), "value"] = [1.0, 1.0, 1.0, 1.0, 0.5] * 3
    order = ranked(made, metric="worse_share", truth="centroid", subset="all").set_index("method")
    assert order.loc["a", "ci_low"] == 0
    assert 0 < order.loc["a", "ci_high"] < 1
    assert order.loc["b", "ci_high"] == 1
    shown = ranked_text(order.reset_index(), "worse_share", "centroid")
    assert re.search(r" 0\.0 to \d", shown)
    assert not re.search(r" -\d", shown)


@pytest.mark.parametrize("seed", [9007199254740993, 2**63 - 1, 0])
def test_a_seed_comes_back_from_a_board_as_it_was_given(tmp_path, seed):
    made = merge_rows(rows("a", seed=seed), rows("b", seed=None, clips=(20.0, 21.0)))
    write_board(tmp_path / "trial.csv", made)
    read = read_board(tmp_path / "trial.csv")
    assert read.loc[read["method"] == "a", "seed"].unique().tolist() == [seed]
    assert read.loc[read["method"] == "b", "seed"].isna().all()
    assert ranked(read).set_index("method").loc["a", "seed"] == seed
    assert f",{seed},measured," in (tmp_path / "trial.csv").read_text()
    assert str(seed) in export(read, "md")
    for wrong in ("1.5", "many"):
        with pytest.raises(InputError, match="column 'seed' contains a value that is not a number"):
            write_board(tmp_path / "trial.csv", made.astype({"seed": object}).assign(seed=wrong))


MODULE = """
from hvdbench.metrics.metric import Metric

def level_error(restored, truth):
    return abs(float(restored.mean()) - float(truth.mean())) + 1

def pixel_error(restored, truth):
    return abs(restored.astype(float) - truth).mean()

PIXEL = Metric("pixel", "pixel error", "levels", "lower", decimals=1, function=pixel_error)
"""


@pytest.fixture
def data(tmp_path, monkeypatch) -> Dataset:
    (tmp_path / "made_their_metric.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(board_facts, "_OF_OTHERS", {})
    yield make_scored(Path("datasets") / NAME)
    sys.modules.pop("made_their_metric", None)
    open_measure.cache_clear()


def said(*arguments) -> str:
    done = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def forget(monkeypatch) -> None:
    """Look at the files as another process does, in which their code is not."""
    monkeypatch.setattr(board_facts, "_OF_OTHERS", {})
    sys.modules.pop("made_their_metric", None)
    Path("made_their_metric.py").unlink(missing_ok=True)
    open_measure.cache_clear()


def test_a_metric_of_others_ranks_by_its_own_direction_wherever_the_board_is_read(data, monkeypatch):
    for method in ("blurry", "warp_average"):
        text = said(
            *("eval", "--method", method, "--data", data.folder, "--engine", "local:1"),
            *("--metric", "made_their_metric:PIXEL", "--metric", "made_their_metric:level_error"),
        )
    assert "pixel error mid (levels)" in text
    submit(Path(f"runs/blurry/{NAME}"), data.folder, Path(f"leaderboards/{NAME}.csv"), Path("blurry.json"))
    before = [Path(f"leaderboards/{NAME}{suffix}").read_bytes() for suffix in (".csv", ".md", ".metrics.json")]
    forget(monkeypatch)
    order = ranked(read_board(NAME), metric="pixel", truth="mid")
    assert order["method"].tolist() == ["warp_average", "blurry"]
    shown = said("leaderboard", "show", NAME, "--metric", "pixel")
    assert "pixel error mid (levels)" in shown
    assert ranked(read_board(NAME), metric="level_error", truth="mid")["rank"].isna().all()
    assert "Not ranked" in said("leaderboard", "show", NAME, "--metric", "level_error")
    said("score", f"runs/blurry/{NAME}", f"runs/warp_average/{NAME}", "--boards", "rebuilt", "--engine", "local:1")
    after = [Path(f"rebuilt/{NAME}{suffix}").read_bytes() for suffix in (".csv", ".md", ".metrics.json")]
    assert after == before
    forget(monkeypatch)
    merge_submissions([Path("blurry.json")], Path("merged"))
    forget(monkeypatch)
    read = read_board(NAME, Path("merged"))
    assert board_facts.direction("pixel") == "lower"
    assert set(read["metric"]) >= {"pixel", "level_error"}


def test_scores_of_a_metric_of_others_that_are_gone_must_be_asked_for_by_its_import_string(data, monkeypatch):
    asked = Asked(("made_their_metric:PIXEL",))
    evaluate("blurry", data, workspace=Workspace(strict=True), asked=asked)
    forget(monkeypatch)
    for path in Path("runs").rglob("frame_scores.pixel.csv"):
        path.unlink()
    with pytest.raises(UnknownNameError, match="no metric named 'pixel'"):
        score_folder(Path(f"runs/blurry/{NAME}"), workspace=Workspace(strict=True))


def test_a_bare_folder_is_never_scored_on_the_demo(data):
    results = write_results(Path("theirs"), data)
    for asked in (Asked(), Asked(("piqe",))):
        with pytest.raises(InputError, match=r"contains frames but no run\.json.*name it with --data"):
            score_folder(results, asked=asked)
    assert sorted(path.name for path in Path("datasets").iterdir()) == [NAME]
    assert not Path("leaderboards").exists()
