"""The worked example of a metric of one's own: one file and one line, and it ranks the right way up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from made_scored import NAME, make_scored

ROOT = Path(__file__).resolve().parents[2]
METRIC = '''"""Mean absolute error: by how much colours are off."""

import numpy as np

from hvdbench.frames import Frame
from hvdbench.metrics.fidelity import check_pair
from hvdbench.metrics.metric import Metric


def absolute_error(restored: Frame, truth: Frame) -> float:
    """Return the mean of ``|restored - truth|`` over all pixels and the three colours, gray levels, 0 to 255."""
    check_pair(restored, truth)
    return float(np.abs(restored.astype(np.int16) - truth).mean())


ABSOLUTE_ERROR = Metric(
    name="absolute_error",
    title="absolute error",
    unit="levels",
    better="lower",
    decimals=2,
    function=absolute_error,
)
'''
LINE = '    "absolute_error": "hvdbench.metrics.absolute_error:ABSOLUTE_ERROR",\n'
TABLE = "METRICS: Mapping[str, str] = {\n"
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from click.testing import CliRunner
from hvdbench.boards.files import read_board
from hvdbench.boards.ranking.order import ranked
from hvdbench.cli.main import cli
from hvdbench.frames import read_clip

def said(*arguments):
    done = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output

data = Path(sys.argv[1])
for method in ("blurry", "warp_average"):
    text = said("eval", "--method", method, "--data", data, "--metric", "absolute_error", "--engine", "local:1")
assert "absolute error mid (levels)" in text, text
order = ranked(read_board("scored"), metric="absolute_error", truth="mid", subset="not_selected")
errors = []
for clip, selected in (("one", (1,)), ("two", (0, 4))):
    a, b = (read_clip(data / "test" / clip / name).astype(int) for name in ("blur", "sharp"))
    errors.append(np.mean([np.abs(a[i] - b[i]).mean() for i in range(len(a)) if i not in selected]))
blurry = order[order["method"] == "blurry"].iloc[0]
assert abs(blurry["value"] - np.mean(errors)) < 1e-9
assert order["method"].tolist() == ["warp_average", "blurry"], order
assert order["rank"].tolist() == [1, 2]
print(said("leaderboard", "show", "scored", "--metric", "absolute_error"))
"""


def test_a_metric_is_one_file_and_one_line_and_ranks_warp_average_above_blurry(tmp_path):
    shutil.copytree(ROOT / "hvdbench", tmp_path / "hvdbench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    (tmp_path / "hvdbench" / "metrics" / "absolute_error.py").write_text(METRIC)
    catalog = tmp_path / "hvdbench" / "catalog.py"
    assert TABLE in catalog.read_text()
    catalog.write_text(catalog.read_text().replace(TABLE, TABLE + LINE))
    make_scored(tmp_path / "datasets" / NAME)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, f"datasets/{NAME}"],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ranks = [words for line in done.stdout.splitlines() if (words := line.split())[:1] in (["1"], ["2"])]
    assert [words[0] for words in ranks] == ["1", "2"]
    assert "warp_average" in ranks[0]
    assert "blurry" in ranks[1]
