"""The command ``heldout`` on a folder of frames and on a dataset."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from made_held_out import StopAndGo, make_stop_and_go

from hvdbench.cli.score.heldout import heldout
from hvdbench.errors import InputError
from hvdbench.frames import write_clip
from hvdbench.store import DatasetWriter


@pytest.fixture(scope="module")
def shake() -> StopAndGo:
    return make_stop_and_go()


def run(*words: str | Path) -> str:
    result = CliRunner().invoke(heldout, [*map(str, words), "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_folder_gives_a_table_with_the_best_method_first_and_a_csv(tmp_path: Path, shake: StopAndGo) -> None:
    write_clip(tmp_path / "walk", shake.blurry)
    words = ("--method", "blurry", "--method", "warp_average", "-o", tmp_path / "t.csv", "--pairs", tmp_path / "p.csv")
    said = run(tmp_path / "walk", *words)
    head, _, *rows = said[said.index("method ") :].splitlines()
    assert head.split()[:3] == ["method", "score", "(dB)"]
    assert [line.split()[0] for line in rows[:2]] == ["warp_average", "blurry"]
    table, pairs = pd.read_csv(tmp_path / "t.csv"), pd.read_csv(tmp_path / "p.csv")
    assert set(table["clip"]) == {"walk"}
    assert table.set_index("method").loc["blurry", "gain_db"] == 0
    assert table["compared"].sum() == len(pairs)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".partial")]


def test_clips_of_a_dataset_with_too_few_sharp_frames_are_named_and_left_out(tmp_path: Path, shake: StopAndGo) -> None:
    clips = {"a": shake.blurry, "b": make_stop_and_go(seed=1).blurry, "few": shake.blurry[:5]}
    writer = DatasetWriter(tmp_path / "made", name="made", origin="measured", recipe={"kind": "made"}, provenance={})
    for name, frames in clips.items():
        target = writer.clip_folder("test", name)
        write_clip(target.folder / "blur", frames)
        writer.finish(target, target.digest())
    output = run(tmp_path / "made", "--method", "blurry", "-o", tmp_path / "t.csv")
    assert "left out: test/few has" in output
    table = pd.read_csv(tmp_path / "t.csv").set_index("clip")
    assert set(table.index) == {"test/a", "test/b", "*"}
    assert table.loc["*", "score_db"] == pytest.approx(np.mean(table.loc[["test/a", "test/b"], "score_db"]))


def test_weights_of_no_named_method_and_a_name_twice_are_refused(tmp_path: Path) -> None:
    words = [str(tmp_path), "--device", "cpu", "--method", "blurry", "--method"]
    with pytest.raises(InputError, match="belongs to none of the methods"):
        CliRunner().invoke(heldout, [*words, "warp_average", "--weights", "nafnet=x.pth"], catch_exceptions=False)
    with pytest.raises(InputError, match="two methods are called 'blurry'"):
        CliRunner().invoke(heldout, [*words, "blurry"], catch_exceptions=False)
