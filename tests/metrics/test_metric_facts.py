"""Every metric carries its facts; those of others come by import string, and what nobody knows is not invented."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from hvdbench import catalog
from hvdbench.boards.facts import direction, metric_facts, ordered_facts, within
from hvdbench.boards.text.columns import METRICS, column, shown_metrics
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.metrics.metric import Facts, Metric, facts_as_data, facts_from_data
from hvdbench.metrics.opening import find_metric, metric_names, open_measure, problem_with
from hvdbench.metrics.perceptual import perceptual_names

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
DIMENSIONLESS = {
    *("ssim", "sharpness", "sharpness_ratio", "warping_error", "warping_error_reference", "flicker", "tlpips"),
    *("pssim_mean", "pssim_pair_mean", "plpips_mean", "plpips_pair_mean"),
}


@pytest.mark.parametrize("name", sorted(catalog.METRICS))
def test_every_metric_of_the_catalogue_has_its_facts_whole_and_a_definition(name):
    metric = catalog.resolve("metric", name)
    assert isinstance(metric, Metric)
    assert metric.asked == name
    for facts in metric.shown:
        assert facts.title, facts.name
        assert facts.unit or facts.name in DIMENSIONLESS, facts.name
        assert facts.better in ("higher", "lower"), facts.name
        assert 0 <= facts.decimals <= 6
        says_what_it_returns = "Returns:" in (metric.function.__doc__ or "") if metric.function else False
        assert says_what_it_returns or f"`{facts.name}`" in DOCS.read_text(encoding="utf-8"), facts.name
        assert metric_facts(facts.name) == facts
        assert facts.name in METRICS
    if not metric.is_usual:
        assert metric.function or metric.opener
        assert find_metric(name) is metric


def test_every_metric_that_may_be_asked_for_has_a_direction():
    assert {"absolute_nonsense"} & set(metric_names()) == set()
    assert [name for name in metric_names() if find_metric(name).better is None] == []
    assert set(perceptual_names()) - {"psnr", "ssim"} <= set(metric_names())


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        ("psnr", "higher"),
        ("lpips", "lower"),
        ("lpips-vgg+", "lower"),
        ("niqe_matlab", "lower"),
        ("musiq-ava", "higher"),
        ("brisque", "lower"),
        ("worse_share", "lower"),
        ("accuracy", "higher"),
        ("plpips_mean", "lower"),
        ("landmark_error", "lower"),
        ("ppsnr-4", "higher"),
        ("preference_percent", "higher"),
        ("their_score", None),
    ],
)
def test_the_direction_of_a_metric_is_that_of_its_definition_and_never_a_guess(metric, better):
    assert direction(metric) == better
    assert column(metric).better == better


def test_columns_stand_in_the_order_of_a_board():
    names = ["overshoot", "niqe", "their_score", "macs", "psnr_half", "tlpips", "ssim", "f1", "psnr", "ppsnr-2", "a"]
    assert shown_metrics(names) == [
        *("psnr", "psnr_half", "ssim", "overshoot", "ppsnr-2", "f1", "niqe", "tlpips", "macs"),
        *("a", "their_score"),
    ]
    assert (column("psnr_half").label, column("psnr_half").unit) == ("± PSNR", "dB")
    assert len({facts.name for facts in ordered_facts()}) == len(ordered_facts())


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert column("psnr").number(-0.004) == "0.00"
    assert column("worse_share").number(-0.0001) == "0.0"
    assert column("psnr").number(-0.006) == "-0.01"


def test_an_interval_of_a_share_ends_at_0_and_1():
    assert within("worse_share", -0.2, 1.4) == (0.0, 1.0)
    assert within("worse_share", 0.1, 0.4) == (0.1, 0.4)
    assert within("overshoot", -0.2, 1.4) == (0.0, 1.4)
    assert within("psnr_gain", -0.2, 1.4) == (-0.2, 1.4)
    assert np.isnan(within("worse_share", float("nan"), float("nan"))).all()


MODULE = """
import numpy as np
from hvdbench.metrics.metric import Facts, Metric

def mean_level(restored, truth):
    return restored.mean()

def broken(restored, truth):
    return "much"

LEVEL = Metric("level", "mean level", "levels", "lower", decimals=1, function=mean_level)
PSNR = Metric("psnr", function=mean_level, better="lower")
NUMBER = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "made_facts_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "made_facts_module"
    sys.modules.pop("made_facts_module", None)
    open_measure.cache_clear()


def test_a_metric_of_others_is_found_in_the_current_folder(module):
    level = find_metric(f"{module}:LEVEL")
    assert (level.name, level.better, level.unit) == ("level", "lower", "levels")
    frame = np.full((16, 16, 3), 7, np.uint8)
    assert open_measure(f"{module}:LEVEL").start()(frame, frame) == {"level": 7.0}
    assert re.fullmatch(r"level, source [0-9a-f]{16}", open_measure(f"{module}:LEVEL").identity)
    assert problem_with(f"{module}:LEVEL", has_truth=False).endswith("needs a truth, and the dataset has none")


def test_a_plain_function_is_a_metric_of_unknown_direction(module):
    found = find_metric(f"{module}:mean_level")
    assert (found.name, found.better) == ("mean_level", None)
    frame = np.full((16, 16, 3), 7, np.uint8)
    assert open_measure(f"{module}:mean_level").start()(frame, frame) == {"mean_level": 7.0}
    with pytest.raises(InputError, match="'broken' must return a number"):
        open_measure(f"{module}:broken").start()(frame, frame)


def test_what_is_no_metric_is_refused_in_a_sentence(module, tmp_path):
    (tmp_path / "made_facts_failing.py").write_text("raise RuntimeError('no luck')\n")
    (tmp_path / "made_facts_leaving.py").write_text("raise SystemExit(3)\n")
    for name, words in {
        f"{module}:NUMBER": "is neither a metric nor a function",
        f"{module}:PSNR": "is called 'psnr', which is a metric of hvdbench or pyiqa",
        "made_facts_failing:x": "cannot be imported: RuntimeError: no luck",
        "made_facts_leaving:x": "cannot be imported: its module calls sys.exit while it is imported",
    }.items():
        with pytest.raises(InputError, match=words):
            find_metric(name)
    for name in (f"{module}:nothing", "made_facts_nowhere:x"):
        with pytest.raises(UnknownNameError, match="cannot be imported"):
            find_metric(name)
    with pytest.raises(InputError, match=r"a metric cannot be named '\.\./x'"):
        Metric("../x")


def test_facts_survive_a_file_and_other_things_in_it_are_refused():
    facts = Facts("level", "mean level", "levels", "lower", decimals=1, per="pair", least=0.0, asked_as="levels")
    assert facts_from_data(facts_as_data(facts), "x.json") == facts
    assert facts_from_data({"name": "a"}, "x.json") == Facts("a")
    for wrong in ([], {}, {"name": 3}, {"name": "a", "better": "up"}, {"name": "a", "function": "x"}, {"name": "a/b"}):
        with pytest.raises(InputError):
            facts_from_data(wrong, "x.json")
