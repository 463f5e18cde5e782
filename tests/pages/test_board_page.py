"""What of a leaderboard's page needs no browser: which runs and datasets belong to it, what it holds, its figures."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from made_board import rows
from made_board_page import BOARD, CLIPS, EXTENT_PX, METHODS, SELECTED, MadeBoard, T, make_board

from hvdbench.boards.files import write_board
from hvdbench.boards.published import published
from hvdbench.boards.rows import merge_rows
from hvdbench.cli.score.leaderboard import leaderboard
from hvdbench.errors import DatasetError, InputError
from hvdbench.labels.temporal_sharpness import MAP_FOLDER
from hvdbench.pages.board.clips import gather_clips
from hvdbench.pages.board.figures import write_figure
from hvdbench.pages.board.page import write_page
from hvdbench.pages.board.runs_on_disk import find_datasets, find_runs
from hvdbench.pages.board_charts import clip_scores, extent_scores
from hvdbench.pages.board_views import board_views
from hvdbench.pages.leaderboard_page import relative_link


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBoard:
    return make_board(tmp_path_factory.mktemp("board"))


@pytest.fixture
def own(made: MadeBoard, tmp_path: Path) -> MadeBoard:
    """A copy whose files a test may change."""
    for name in ("runs", "data"):
        shutil.copytree(made.runs.parent / name, tmp_path / name)
    return MadeBoard(made.board, tmp_path / "runs", tmp_path / "data")


@pytest.fixture(scope="module")
def text(made: MadeBoard) -> str:
    page = made.runs.parent / "board.html"
    write_page(page, made.board, published(BOARD), runs=made.runs, data=[made.data])
    return page.read_text(encoding="utf-8")


def clip_data(text: str) -> list[dict]:
    return [json.loads(part) for part in re.findall(r'class="clip-data">(.*?)</script>', text, re.DOTALL)]


# What belongs to a board


def test_runs_whose_digest_is_the_boards_are_found_and_others_named(own):
    manifest = own.runs / "worse/made/test/alpha/run.json"
    manifest.write_text(json.dumps({"run_digest": "of another run"}))
    found, said = find_runs(own.board, own.runs)
    assert {run.method for run in found} == set(METHODS) - {"worse"}
    assert [line for line in said if "worse" in line and "is not the run that was scored" in line]
    assert [line for line in said if "gone 100%_<b> on made" in line and "contains no run of them" in line]


def test_a_run_that_lost_a_clip_or_has_a_damaged_manifest_is_not_shown(own):
    shutil.rmtree(own.runs / "worse/made/test/alpha")
    (own.runs / "warp_average/made/test/alpha/run.json").write_text("{")
    found, said = find_runs(own.board, own.runs)
    assert {run.method for run in found} == {"blurry", "a_method_with_a_long_name"}
    assert any("worse/made is not the run that was scored" in line for line in said)
    assert any("warp_average/made contains a damaged run.json" in line for line in said)


def test_names_on_a_board_do_not_lead_out_of_the_runs_folder(own):
    outside = own.runs.parent / "elsewhere" / "made" / "test" / "alpha"
    outside.mkdir(parents=True)
    (outside / "run.json").write_text("{}")
    board = rows("../elsewhere", dataset="made", board=BOARD)
    found, said = find_runs(board, own.runs)
    assert found == []
    assert "its names lead out of" in said[0]


def test_another_dataset_is_refused_by_its_digest_and_a_folder_without_one_by_error(own, tmp_path):
    manifest = json.loads((own.data / "dataset.json").read_text())
    manifest["clips"]["test/alpha"] = "another digest"
    (own.data / "dataset.json").write_text(json.dumps(manifest))
    found, said = find_datasets(own.board, [own.data])
    assert found == {}
    assert "it was not used" in said[0]
    with pytest.raises(DatasetError, match="not a dataset"):
        find_datasets(own.board, [tmp_path / "runs"])


def test_frame_scores_that_do_not_give_the_boards_rows_are_not_drawn(own):
    path = own.runs / "worse/made/test/alpha/frame_scores.csv"
    scores = pd.read_csv(path)
    scores["psnr_mid"] += 1
    scores.to_csv(path, index=False)
    runs, _ = find_runs(own.board, own.runs)
    datasets, _ = find_datasets(own.board, [own.data])
    clips, said = gather_clips(own.board, runs, datasets)
    alpha = next(clip for clip in clips if clip.name == "alpha")
    assert "worse" not in alpha.psnr["mid"]
    assert "blurry" in alpha.psnr["mid"]
    assert "worse" in alpha.files
    assert [line for line in said if "'worse', clip alpha" in line and "does not give the board's rows" in line]


def test_a_run_with_fewer_frames_than_its_clip_is_not_shown(own):
    (own.runs / "worse/made/test/beta gamma/00000003.png").unlink()
    runs, _ = find_runs(own.board, own.runs)
    datasets, _ = find_datasets(own.board, [own.data])
    clips, said = gather_clips(own.board, runs, datasets)
    assert {clip.name: "worse" in clip.files for clip in clips} == {"alpha": True, "beta gamma": False, "delta": True}
    assert [line for line in said if f"{T - 1} frames and 'blurry' has {T}" in line]


def test_without_a_dataset_the_labels_come_from_the_scores(own):
    runs, _ = find_runs(own.board, own.runs)
    clips, _ = gather_clips(own.board, runs, {})
    assert np.array_equal(clips[0].selected, SELECTED)
    assert clips[0].extent_px is None
    assert set(clips[0].files) == set(METHODS)


def test_maps_that_a_dataset_keeps_are_a_layer_behind_the_methods(own):
    folder = own.data / "test/alpha"
    names = [path.name for path in sorted((folder / "blur").iterdir())]
    (folder / MAP_FOLDER).mkdir()
    for name in names:
        shutil.copy(folder / "blur" / name, folder / MAP_FOLDER / name)
    runs, _ = find_runs(own.board, own.runs)
    datasets, _ = find_datasets(own.board, [own.data])
    clips, said = gather_clips(own.board, runs, datasets)
    alpha, others = clips[0], clips[1:]
    keys = list(alpha.files)
    assert keys.index(MAP_FOLDER) == keys.index("sharp") - 1
    assert alpha.label(MAP_FOLDER) == "temporal sharpness of the input"
    assert not any(MAP_FOLDER in clip.files for clip in others)
    (folder / MAP_FOLDER / names[0]).unlink()
    clips, said = gather_clips(own.board, runs, datasets)
    assert MAP_FOLDER not in clips[0].files
    assert [line for line in said if f"temporal_sharpness contains {T - 1} frames" in line]


# The page


def test_one_frame_of_each_clip_and_stream_is_embedded_and_all_others_linked_relatively(text, made):
    data = clip_data(text)
    assert [clip["name"] for clip in data] == sorted(CLIPS)
    blurriest = int(np.argmax(np.where(SELECTED, -1, EXTENT_PX)))
    for clip in data:
        assert clip["embedded"] == blurriest
        assert {key["key"] for key in clip["keys"]} == {*METHODS, "sharp", "sharp_centroid"}
        for key in clip["keys"]:
            assert key["embedded"].startswith("data:image/webp;base64,")
            folder = made.runs.parent / key["folder"].replace("%20", " ")
            assert (folder / clip["names"][3]).is_file()
            assert not key["folder"].startswith("/")


def test_the_page_may_load_pictures_from_where_it_lies_and_nothing_else(text):
    policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy == [
        "default-src 'none'; img-src data: 'self' file:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    ]
    assert re.findall(r"(?:src|href)=[\"'](?:https?:)?//", text) == []


def test_names_are_shown_as_they_are_and_never_as_markup(text):
    assert "gone 100%_<b>" not in text
    assert "gone 100%_<wbr>&lt;b&gt;" in text


def test_papers_rows_stand_in_a_table_of_their_own_without_rank(text):
    measured, _, below = text.partition('id="papers"')
    assert "DaDeblur" in below
    assert "DaDeblur" not in measured
    assert "not ranked with others" in below
    assert ">rank<" not in below


def test_links_from_another_folder_climb_and_quote():
    assert relative_link(Path("/a/runs/x y/ü#1"), Path("/a/pages/new")) == "../../runs/x%20y/%C3%BC%231"


def test_a_page_has_a_view_for_each_truth_and_subset_whatever_their_names():
    board = rows("a", clips=(30.0, 31.0))
    odd = board[(board["subset"] == "not_selected") & (board["metric"] == "psnr")].assign(subset="extent [2, 4)")
    strange = board[board["metric"] == "sharpness"].assign(metric="edge_spread")
    found = board_views(pd.concat([board, odd, strange], ignore_index=True), truths=("centroid", "mid"), rank="psnr")
    assert {(view.truth, view.subset) for view in found} == {
        (truth, subset)
        for truth in ("centroid", "mid")
        for subset in ("all", "not_selected", "selected", "extent [2, 4)")
    }
    assert ("edge spread (px)", "low") in {(column.title, column.better) for column in found[0].table.columns}


def test_a_metric_ranks_a_view_that_lacks_the_boards_own():
    board = rows("a", clips=(30.0, 31.0))
    only = board[(board["subset"] == "all") & (board["metric"] == "ssim")].assign(subset="device iphone")
    view = next(
        view
        for view in board_views(pd.concat([board, only]), truths=("mid",), rank="psnr")
        if view.subset == "device iphone"
    )
    assert view.metric == "ssim"
    assert view.table.rows[0].cells["rank"].text == "1"


def test_the_best_is_marked_on_each_dataset_alone_and_nothing_where_all_are_equal():
    board = merge_rows(rows("a", clips=(30.0, 31.0)), rows("b", clips=(29.0, 33.0)))
    board = merge_rows(board, rows("c", clips=(10.0, 11.0), dataset="other"))
    view = next(v for v in board_views(board, truths=("mid",), rank="psnr") if v.subset == "all")
    best = {row.facts["method"]: row.cells["mid:psnr"].is_best for row in view.table.rows}
    assert best == {"a": False, "b": True, "c": False}
    assert not any(row.cells["mid:ssim"].place for row in view.table.rows)


def test_psnr_against_extent_averages_bins_of_equally_many_frames(made):
    runs, _ = find_runs(made.board, made.runs)
    datasets, _ = find_datasets(made.board, [made.data])
    clips, _ = gather_clips(made.board, runs, datasets)
    (found,) = extent_scores(clips, "mid")
    assert sum(found.frames) == T * len(CLIPS)
    order = np.argsort(np.tile(EXTENT_PX, len(CLIPS)), kind="stable")
    psnr = np.concatenate(
        [pd.read_csv(made.runs / "worse/made/test" / name / "frame_scores.csv")["psnr_mid"] for name in sorted(CLIPS)]
    )
    first = order[: found.frames[0]]
    assert found.values["worse"][0] == pytest.approx(psnr[first].mean())
    assert found.extent_px[0] == pytest.approx(np.tile(EXTENT_PX, len(CLIPS))[first].mean())


def test_clips_stand_in_order_of_the_blurry_input():
    board = merge_rows(rows("blurry", clips=(20.0, 30.0, 25.0)), rows("a", clips=(31.0, 32.0, 33.0)))
    view = next(v for v in board_views(board, truths=("mid",), rank="psnr") if v.subset == "all")
    (found,) = clip_scores(board, view)
    assert found.clips == ["clip1", "clip2", "clip0"]
    assert found.values["a"].tolist() == [30.0, 31.0, 29.0]  # the mid truth's are 2 dB below


def test_a_board_of_papers_alone_has_a_page(tmp_path):
    papers = published("goproshake")
    write_page(tmp_path / "papers.html", papers.iloc[:0], papers, runs=tmp_path / "runs")
    text = (tmp_path / "papers.html").read_text()
    assert "DaDeblur" in text
    assert 'id="board"' not in text


# Commands


def command(made: MadeBoard, boards: Path, *words: str):
    if not boards.is_dir():
        write_board(boards / f"{BOARD}.csv", made.board)
    folders = ["--boards", str(boards), "--runs", str(made.runs), "--data", str(made.data)]
    return CliRunner().invoke(leaderboard, [words[0], BOARD, *folders, *words[1:]])


def test_the_page_is_exported_by_command_and_what_is_missing_is_said(made, tmp_path):
    page = tmp_path / "pages" / "board.html"
    done = command(made, tmp_path / "boards", "export", "--format", "html", "-o", str(page))
    assert done.exit_code == 0, done.output
    assert "not shown: frames, curves and run.json of" in done.output
    assert page.is_file()
    refused = command(made, tmp_path / "boards", "export", "--format", "html")
    assert refused.exit_code == 2
    assert "needs -o FILE" in refused.output


@pytest.mark.parametrize("kind", ["bars", "clips", "extent", "sheet"])
@pytest.mark.parametrize("suffix", [".pdf", ".png"])
def test_each_figure_is_drawn_as_pdf_and_png(made, tmp_path, kind, suffix):
    path = tmp_path / f"figure{suffix}"
    done = command(made, tmp_path / "boards", "figure", "--kind", kind, "-o", str(path))
    assert done.exit_code == 0, done.output
    data = path.read_bytes()
    if suffix == ".pdf":
        assert data.startswith(b"%PDF")
        assert b"/Type3" not in data  # journals refuse such fonts
        return
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[1] == {"bars": 1020, "extent": 1020, "clips": 2100, "sheet": 2100}[kind]
    assert picture.std() > 10


def test_the_same_figure_has_the_same_bytes(made, tmp_path):
    for name in ("a.pdf", "b.pdf"):
        write_figure(tmp_path / name, made.board, "bars", runs=made.runs)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_a_figure_that_cannot_be_is_refused_in_a_sentence(made, tmp_path):
    with pytest.raises(InputError, match=r"\.pdf, \.png, \.svg"):
        write_figure(tmp_path / "a.docx", made.board, "bars", runs=made.runs)
    with pytest.raises(InputError, match="no frame has both"):
        write_figure(tmp_path / "a.pdf", made.board, "extent", runs=made.runs)
    with pytest.raises(InputError, match="no rows over all clips for the frames 'night'"):
        write_figure(tmp_path / "a.pdf", made.board, "bars", runs=made.runs, subset="night")
    with pytest.raises(InputError, match="no frames of clip 'omega'"):
        write_figure(tmp_path / "a.pdf", made.board, "sheet", runs=made.runs, data=[made.data], clips=["omega"])
    with pytest.raises(InputError, match=f"frames 0 to {T - 1}, and frame 99"):
        write_figure(tmp_path / "a.pdf", made.board, "sheet", runs=made.runs, data=[made.data], frame=99)
