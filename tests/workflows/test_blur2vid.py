"""The command that makes a short video of a blurry picture: what it writes, its directions, and what it refuses."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from made_exposures import make_exposures
from safetensors.torch import load_file, save_file

from hvdbench.boards.files import read_board
from hvdbench.catalog import resolve
from hvdbench.cli.main import cli
from hvdbench.dataset.facts import read_subframes
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import write_clip, write_frame
from hvdbench.methods.related.hypercut.sequences import directions, sequence_of
from hvdbench.metrics.sequence import capped_psnr, sequence_scores
from hvdbench.video.input import read_input
from hvdbench.workflows.blur2vid import Blur2vidRequest, blur2vid
from hvdbench.workspace.workspace import Workspace

METHOD = "blur2vid_purohit@tiny"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights whose flows are a few px, so that the frames of a sequence differ."""
    torch.manual_seed(0)
    network = resolve("network", "purohit_sequence").build("tiny")
    network.centre.start_at_identity()
    with torch.no_grad():
        network.decoder.flows[-1].weight.mul_(10)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_file(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def picture():
    """Gray blocks, since a film halves the colours; no side is a multiple of 8."""
    coarse = np.random.default_rng(0).integers(0, 256, (13, 17, 1)).astype(np.uint8)
    return np.ascontiguousarray(coarse.repeat(4, axis=0).repeat(4, axis=1).repeat(3, axis=2)[:50, :66])


def test_a_picture_becomes_seven_frames_a_page_and_a_manifest(picture, weights, tmp_path):
    write_frame(tmp_path / "blurry.png", picture)
    request = Blur2vidRequest(tmp_path / "blurry.png", tmp_path / "out.mp4", METHOD, weights)
    result = blur2vid(request, workspace=Workspace(runs=tmp_path / "runs"))
    film = read_input(result.output)
    assert film.frames.shape == (7, 50, 66, 3)
    assert film.fps == 14
    middle = film.frames[3].astype(float)
    assert np.abs(middle - picture).mean() < 6  # the network's middle frame is the picture itself here
    assert np.abs(film.frames[0].astype(float) - middle).mean() > 1
    facts = json.loads(result.manifest.read_text())
    assert (facts["pictures"], facts["size"], facts["reversed"], facts["state"]) == (1, [66, 50], [False], "done")
    page = result.page.read_text()
    assert page.count("data:image/webp") == 8
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "blurry.png, seven frames of each exposure" in page
    before = result.output.read_bytes()
    again = blur2vid(request, workspace=Workspace(runs=tmp_path / "runs"))
    assert again.lines == (f"{request.output}: already made by the same command, left as it is",)
    assert result.output.read_bytes() == before
    other = Blur2vidRequest(tmp_path / "blurry.png", tmp_path / "out.mp4", METHOD, weights, fps=7)
    with pytest.raises(InputError, match="already exists and came from something else"):
        blur2vid(other, workspace=Workspace(runs=tmp_path / "runs"))
    blur2vid(other, workspace=Workspace(runs=tmp_path / "runs", overwrite=True))
    assert read_input(result.output).fps == 7


def test_each_frame_of_a_clip_becomes_seven_and_ends_meet(picture, weights, tmp_path):
    clip = np.stack([np.roll(picture, shift, axis=1) for shift in (0, 3, 6)])
    write_clip(tmp_path / "clip", clip)
    request = Blur2vidRequest(tmp_path / "clip", tmp_path / "out.mkv", METHOD, weights)
    result = blur2vid(request, workspace=Workspace(runs=tmp_path / "runs"))
    film = read_input(result.output).frames
    assert len(film) == 21
    facts = json.loads(result.manifest.read_text())
    assert facts["pictures"] == len(facts["reversed"]) == 3
    network = resolve("network", "purohit_sequence").build("tiny")
    network.load_state_dict(load_file(weights))
    for index, is_reversed in enumerate(facts["reversed"]):
        frames = sequence_of(network.eval(), clip[index])
        expected = frames[::-1] if is_reversed else frames
        assert np.abs(film[7 * index : 7 * index + 7].astype(float) - expected).mean() < 6


def test_sequences_are_turned_so_that_each_begins_where_the_one_before_ended():
    places = [(0, 6), (13, 7), (14, 20), (27, 21)]  # a mark moves on, and two sequences are told backwards

    def mark(place):
        frame = np.zeros((1, 32, 3), np.uint8)
        frame[0, place : place + 4] = 255
        return frame

    ends = [(mark(first), mark(last)) for first, last in places]
    assert directions(ends).tolist() == [False, True, False, True]
    assert directions([(b, a) for a, b in ends]).tolist() == [True, False, True, False]
    assert directions(ends[:1]).tolist() == [False]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"weights": None}, WeightsError, "no trained weights for 'blur2vid_purohit@tiny': name some with --weights"),
        (
            {"method": "warp_average", "weights": None},
            InputError,
            "'warp_average' makes no sequence of a blurry",
        ),
        ({"output": "out.gif"}, InputError, r"a video is written: name a file \(.mkv, .mov, .mp4\)"),
        ({"source": "nowhere.png"}, InputError, "nowhere.png does not exist: name a picture"),
        ({"method": "blur2vid_jin@tiny"}, WeightsError, "weights.safetensors"),
    ],
)
def test_what_cannot_be_made_is_refused_with_one_sentence(change, error, words, picture, weights, tmp_path):
    write_frame(tmp_path / "blurry.png", picture)
    asked = {"source": "blurry.png", "output": "out.mp4", "method": METHOD, "weights": weights} | change
    request = Blur2vidRequest(tmp_path / asked["source"], tmp_path / asked["output"], asked["method"], asked["weights"])
    with pytest.raises(error, match=words) as caught:
        blur2vid(request, workspace=Workspace(runs=tmp_path / "runs"))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out*"))


def test_the_only_training_is_found_and_several_are_named(picture, weights, tmp_path):
    write_frame(tmp_path / "blurry.png", picture)
    request = Blur2vidRequest(tmp_path / "blurry.png", tmp_path / "out.mp4", METHOD)
    for dataset in ("one", "two"):
        folder = tmp_path / "runs" / METHOD / dataset
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(weights.read_bytes())
        if dataset == "one":
            blur2vid(request, workspace=Workspace(runs=tmp_path / "runs"))
    with pytest.raises(InputError, match=r"has weights in .*one, .*two: name one with --weights"):
        blur2vid(request, workspace=Workspace(runs=tmp_path / "runs", overwrite=True))


def test_the_command_line_writes_the_same_and_needs_an_output(picture, weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_frame(tmp_path / "blurry.png", picture)
    arguments = ["blur2vid", "blurry.png", "-o", "out.mp4", "--method", METHOD, "--weights", str(weights)]
    done = CliRunner().invoke(cli, [*arguments, "--device", "cpu"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "1 picture became 7 frames at 14 frames a second" in done.output
    assert "out.mp4  out.html  out.json" in done.output
    missing = CliRunner().invoke(cli, ["blur2vid", "blurry.png"])
    assert missing.exit_code == 2
    assert "Missing option '-o'" in missing.output


def test_eval_keeps_all_seven_frames_and_scores_them_in_both_orders(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = make_exposures(tmp_path / "exposures", clips=1, frames=2, side=48)
    arguments = ["eval", "--method", METHOD, "--weights", str(weights), "--data", str(made.folder), "--strict"]
    metrics = ["--metric", "ppsnr", "--metric", "ppsnr_pair", "--metric", "pssim"]
    done = CliRunner().invoke(cli, [*arguments, *metrics, "--board", "mine"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "Warning" not in done.output
    board = read_board(tmp_path / "leaderboards" / "mine.csv")
    reader = open_reader(made.folder)
    clip = next(one for one in reader.clips if one.key == "test/clip1")
    blurry, truth = reader.read(clip.key, "blur", [0, 1]), read_subframes(reader, clip, [0, 1])
    network = resolve("network", "purohit_sequence").build("tiny")
    network.load_state_dict(load_file(weights))
    restored = [sequence_of(network.eval(), one) for one in blurry]
    for name, variant in (("ppsnr", "sequence"), ("ppsnr_pair", "pair")):
        pairs = zip(restored, truth, strict=True)
        expected = np.mean([sequence_scores(*pair, capped_psnr, variant=variant) for pair in pairs], axis=0)
        assert np.ptp(expected) > 0.1
        rows = board[(board["split"] == "test") & (board["clip"] == "clip1") & (board["subset"] == "all")]
        for place, value in enumerate(expected, start=1):
            found = rows.loc[rows["metric"] == f"{name}-{place}", "value"].to_numpy()
            assert found.size
            assert found == pytest.approx(value, abs=1e-6)
