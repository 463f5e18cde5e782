"""The benchmark of SelfHVD's rows at toy size: what it trains, shares, scores and goes on with."""

import json
from pathlib import Path

import pytest
from made_training import MadeReader

pytest.importorskip("benchmarks.selfhvd_rows", reason="needs the checkout on the path: python -m pytest")
from benchmarks.selfhvd_rows import main
from hvdbench.frames import write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.labels.stored import write_labels
from hvdbench.store import DatasetWriter

SHARED = """
network = "made_training:OneConvolution"
[settings.window]
crop_px = 16
clip_frames = 3
[settings.engine]
validation = {clips = 1, frames = 2, loss_samples = 0}
"""
BOTH = f'title = "both"\nscheme = "selfhvd"\n[settings]\n{SHARED}\n[settings.flow]\nmodel = "sea_raft"\n'


@pytest.fixture
def dataset(tmp_path) -> Path:
    reader = MadeReader(clips=2, side=32, splits=("train", "test"))
    writer = DatasetWriter(tmp_path / "made", name="made", origin="demo", recipe={}, provenance={})
    for facts in reader.clips:
        clip = writer.clip_folder(*facts.key.split("/"))
        for stream in facts.streams:
            write_clip(clip.folder / stream, reader.read(facts.key, stream, range(6)))
        write_labels(clip, SharpLabels(facts.sharpness, facts.is_selected, 0.5, (BELOW,) * 6, "paper"))
        writer.finish(clip, clip.digest())
    return writer.dataset().folder


@pytest.fixture
def recipes(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.setattr("hvdbench.methods.training.run.draw_run", lambda *_, **__: True)
    monkeypatch.setattr("hvdbench.methods.training.records._tensorboard", lambda *_: None)
    texts = {
        "both": BOTH,
        "alone": f'based_on = "{tmp_path}/both.toml"\n[settings]\nsevd = false\n',
        "twin": f'title = "twin"\nscheme = "supervised"\n[settings]\n{SHARED}',
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "config.toml").write_text(f'trusted = ["{tmp_path}"]\n')
    monkeypatch.setenv("HVDBENCH_CONFIG", str(tmp_path / "config.toml"))
    return [str(tmp_path / f"{name}.toml") for name in texts]


def test_rows_share_stage_one_hold_their_scores_over_time_and_are_kept(dataset, recipes, tmp_path, capsys):
    work = tmp_path / "work"
    command = [str(dataset), "--work", str(work), "--steps", "4", "--checks", "2", "--device", "cpu"]
    command += ["--without-weights", "--recipes", *recipes]
    main(command)
    kept = json.loads((work / "rows.json").read_text())
    assert kept["facts"]["steps"] == 4
    assert "cores" in kept["facts"]["machine"]
    rows = {row["row"]: row for row in kept["rows"]}
    assert list(rows) == ["blurry", "warp_average", "both", "alone", "twin"]
    assert rows["blurry"]["scores"].keys() == {"psnr_mid", "psnr_centroid", "sharpness_ratio", "shift_px"}
    assert [rows[name]["stage 1 from"] for name in ("both", "alone", "twin")] == ["both", "both", "twin"]
    assert rows["both"]["laid over the recipe"] == ["flow.model = dis_medium", "perceptual.weight = 0"]
    first, last = rows["alone"]["over_time"]
    assert (first["step"], last["step"]) == (2, 4)
    both = rows["both"]["over_time"]
    assert first["psnr_mid"] == both[0]["psnr_mid"]
    assert {"float32, first step", "bfloat16, last step"} <= rows["both"]["speed"].keys()
    capsys.readouterr()
    main(command)
    assert json.loads((work / "rows.json").read_text()) == kept
    assert len(capsys.readouterr().out.splitlines()) == 1
    with pytest.raises(SystemExit, match="name another --work"):
        main([*command, "--seed", "1"])
