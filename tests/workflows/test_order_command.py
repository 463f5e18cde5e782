"""The command that measures an order network on a dataset: its table, its rows on a board, and its picture."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from hvdbench.boards.files import read_board
from hvdbench.boards.seeds import over_seeds
from hvdbench.boards.settings import board_settings
from hvdbench.cli.main import cli
from hvdbench.errors import InputError
from hvdbench.frames import write_clip, write_frame
from hvdbench.metrics.order import con, hit, open_order, order_values
from hvdbench.networks.hypercut import HyperCUT
from hvdbench.pages import order_plot
from hvdbench.pages.order_plot import draw_order
from hvdbench.store import SERIES_FOLDER, DatasetWriter
from hvdbench.workflows.order import measure_order

TRUTH = np.random.default_rng(4).integers(0, 256, (2, 3, 7, 36, 40, 3), dtype=np.uint8)  # of two clips


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = DatasetWriter(tmp_path / "data", name="exposed", origin="simulated", recipe={}, provenance={})
    for key, sequences in zip(("test/a", "train/b"), TRUTH, strict=True):
        clip = writer.clip_folder(*key.split("/"))
        write_clip(clip.folder / "blur", sequences[:, 3])
        (clip.folder / SERIES_FOLDER).mkdir()
        for frame, sequence in enumerate(sequences):
            for number, picture in enumerate(sequence, start=1):
                write_frame(clip.folder / SERIES_FOLDER / f"{frame:08d}_{number}.png", picture)
        writer.finish(clip, clip.digest())
    torch.manual_seed(1)
    save_file(HyperCUT(16).state_dict(), tmp_path / "order.safetensors")
    return tmp_path


def run(folder: Path, *more: str):
    weights = str(folder / "order.safetensors")
    return CliRunner().invoke(cli, ["dataset", "order", str(folder / "data"), "--weights", weights, *more])


def test_the_shares_of_each_split_are_those_of_its_sequences(folder: Path) -> None:
    result = run(folder, "--board", "blur2vid-order", "--name", "random", "--boards", str(folder / "boards"))
    assert result.exit_code == 0, result.output
    network = open_order(folder / "order.safetensors")
    rows = pd.read_csv(folder / "boards" / "blur2vid-order.csv")
    over = rows[(rows["clip"] == "*") & (rows["origin"] == "simulated")].set_index(["split", "metric"])["value"]
    for split, sequences in zip(("test", "train"), TRUTH, strict=True):
        values = order_values(network, sequences)
        assert over[split, "hit_percent"] == pytest.approx(100 * hit(values))
        assert over[split, "con2_percent"] == pytest.approx(100 * con(values, 2))
        assert over[split, "con3_percent"] == pytest.approx(100 * con(values, 3))
        assert f"{100 * hit(values):.1f}" in result.output
    assert set(rows["truth"]) == {"none"}
    markdown = (folder / "boards" / "blur2vid-order.md").read_text()
    assert "HyperCUT's order" in markdown  # the papers' rows stand beside
    assert run(folder, "--split", "test").output.count("\n") < result.output.count("\n")


def test_a_board_shows_the_mean_over_the_seeds_of_a_network(folder: Path) -> None:
    asked = ("--split", "test", "--board", "blur2vid-order", "--name", "random", "--boards", str(folder / "boards"))
    hits = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_file(HyperCUT(16).state_dict(), folder / "order.safetensors")
        result = run(folder, *asked, "--seed", str(seed))
        assert result.exit_code == 0, result.output
        hits.append(100 * hit(order_values(open_order(folder / "order.safetensors"), TRUTH[0])))
    board = read_board(str(folder / "boards" / "blur2vid-order.csv"))
    own = board[(board["method"] == "random") & (board["metric"] == "hit_percent")]
    assert own[own["clip"] == "*"].set_index("seed")["value"].to_dict() == pytest.approx(dict(enumerate(hits)))
    means = over_seeds(own)
    assert means[means["clip"] == "*"]["value"].tolist() == pytest.approx([sum(hits) / 2])
    assert (
        "random 2 (" in (folder / "boards" / "blur2vid-order.md").read_text()
    )  # the number of seeds, and their spread


def test_what_cannot_be_measured_is_one_sentence(folder: Path) -> None:
    with pytest.raises(InputError, match="no clip in a split 'val'"):
        measure_order(folder / "data", str(folder / "order.safetensors"), split="val")


def test_a_picture_without_scikit_learn_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    result = run(folder, "--picture", str(folder / "order.png"))
    assert isinstance(result.exception, InputError)
    assert "pip install hvdbench[tsne]" in str(result.exception)
    assert not (folder / "order.png").exists()


def test_the_picture_colours_directions_and_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_plot, "embed", lambda vectors, seed: vectors[:, :2])
    random = np.random.default_rng(0)
    vectors = random.normal(0, 0.1, (12, 3, 2, 8))
    vectors[:, :, 0, 0] += 1
    vectors[:, :, 1, 0] -= 1
    values = vectors[..., 0].copy()
    by_direction, by_side = draw_order(vectors, values).axes
    forward, backward = (axes.get_offsets()[:, 0] for axes in by_direction.collections)
    assert len(forward) == len(backward) == 12
    assert forward.min() > 0 > backward.max()
    plus, minus = (axes.get_offsets()[:, 0] for axes in by_side.collections)
    assert plus.min() > 0 > minus.max()
    with pytest.raises(InputError, match="vectors are"):
        draw_order(vectors, values[:, :2])


def test_a_t_sne_parts_two_clusters() -> None:
    pytest.importorskip("sklearn")
    random = np.random.default_rng(0)
    vectors = np.concatenate([random.normal(2, 0.1, (20, 6)), random.normal(-2, 0.1, (20, 6))])
    places = order_plot.embed(vectors)
    assert places.shape == (40, 2)
    between = np.linalg.norm(places[:20].mean(axis=0) - places[20:].mean(axis=0))
    assert between > 2 * max(places[:20].std(axis=0).max(), places[20:].std(axis=0).max())
    with pytest.raises(InputError, match="says nothing"):
        order_plot.embed(vectors[:3])


@pytest.mark.parametrize(
    ("board", "rank"),
    [
        ("blur2vid", "ppsnr_mean"),
        ("blur2vid-order", "hit_percent"),
        ("blur2vid-best-of", "ppsnr_mean"),
        ("blur2vid-trajectories", "landmark_error"),
        ("blur2vid-weight", "ppsnr_mean"),
    ],
)
def test_each_table_of_the_paper_has_its_board(board: str, rank: str) -> None:
    from hvdbench.boards.published import published

    assert board_settings(board).values.rank == rank
    assert rank in set(published(board)["metric"]) or board == "blur2vid"
