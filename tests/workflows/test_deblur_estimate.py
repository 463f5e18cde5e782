"""``deblur --estimate``: what it says, that it writes nothing, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from made_clip import FIT, shaken

from benchmarks.gains import fit_gains
from hvdbench.cli.main import main
from hvdbench.errors import InputError
from hvdbench.frames import write_clip
from hvdbench.workflows.deblur import estimate as estimating
from hvdbench.workflows.deblur.clip_signs import ClipSigns
from hvdbench.workflows.deblur.estimate import estimate_clip
from hvdbench.workflows.deblur.expected_gain import Expected
from hvdbench.workflows.deblur.request import DeblurRequest


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    folder = tmp_path / "clip"
    write_clip(folder, shaken())
    return folder


def learned(half_width_db: float = 1.0):
    random = np.random.default_rng(0)
    signs = [ClipSigns(*random.uniform(0.1, 1, 5)) for _ in range(9)]
    found = fit_gains("warp_average", signs, [2.0] * 9, ["a", "b", "c"] * 3)
    return found.model_copy(update={"half_width_db": half_width_db})


def expected(gain_db: float, half_db: float) -> Expected:
    return Expected(gain_db, gain_db - half_db, gain_db + half_db, (), learned())


def test_a_control_is_estimated_and_nothing_is_written(clip, monkeypatch):
    monkeypatch.setattr(estimating, "read_gains", lambda: {"warp_average": learned()})
    before = sorted(clip.parent.rglob("*"))
    found = estimate_clip(DeblurRequest(clip, Path(), method="warp_average"))
    assert found.frames == 8
    assert found.selected == 2
    assert found.expected.gain_db == pytest.approx(2.0, abs=0.01)
    assert found.seconds > 0
    text = "\n".join(found.lines)
    assert "8 frames of 64x48, 2 of them are borrowed from, and 2 of these are sharp" in text
    assert "the paper's rule selects 2; the others are" in text
    assert "+2.0 dB to expect, +1.0 to +3.0 for 90 of 100 clips" in text
    assert sorted(clip.parent.rglob("*")) == before


def test_of_a_method_of_ones_own_nothing_was_learned_but_its_time_is_told(clip, tmp_path):
    (tmp_path / "mine.toml").write_text(FIT)
    found = estimate_clip(DeblurRequest(clip, Path(), method=str(tmp_path / "mine.toml")))
    assert found.expected is None
    assert any("nothing was learned about 'mine'" in line for line in found.lines)
    assert any(line.startswith("time: about") for line in found.lines)


@pytest.mark.parametrize(
    ("gain", "half", "words"),
    [
        (4.0, 1.0, "it is going to help"),
        (0.1, 0.2, "not going to help"),
        (2.0, 3.0, "likely to help"),
        (0.2, 3.0, "do not count on it"),
    ],
)
def test_the_verdict_follows_from_the_interval(gain, half, words):
    assert words in estimating.verdict(expected(gain, half))


def test_a_network_is_refused_with_the_methods_that_can_be_estimated(clip):
    with pytest.raises(InputError, match="work on the clip alone"):
        estimate_clip(DeblurRequest(clip, Path(), method="selfhvd_estrnn"))


def test_the_command_prints_it_and_needs_an_output_only_without_it(clip, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["hvdbench", "deblur", str(clip), "--estimate", "--method", "warp_average"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code in (0, None)
    assert "time: about" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["hvdbench", "deblur", str(clip)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "--output" in capsys.readouterr().err
