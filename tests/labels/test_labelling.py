import av
import numpy as np
import pytest
from made_shake import make_shake, make_shaken_dataset

from hvdbench.boards.files import read_board
from hvdbench.cli.data import label as cli
from hvdbench.errors import HvdbenchError, InputError, UnknownNameError
from hvdbench.frames import write_clip
from hvdbench.labels.clips import (
    LabelSource,
    find_clips,
    label_clips,
    label_source,
    run_string,
    stored_name,
    write_labels_csv,
)
from hvdbench.labels.film import luma_sharpness
from hvdbench.labels.sharpness import MEASURES, label_paper, select_sharp
from hvdbench.labels.stored import read_labels
from hvdbench.pages.label_plot import write_label_plot, write_threshold_plot
from hvdbench.workflows.label_check import check_labels, check_lines, enter_on_board, write_curves

EXTENT = "hvdbench.labels.extent:label_extent"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shaken") / "set"
    return make_shaken_dataset(folder, {"a": make_shake(frames=12), "b": make_shake(frames=12, seed=4)})


def test_a_dataset_keeps_its_labels_and_they_are_used_again(dataset):
    sources = find_clips(dataset.folder)
    assert [source.name for source in sources] == ["test/a", "test/b"]
    (first, _) = label_clips(sources, store=True)
    kept = read_labels(sources[0].stored, "paper")
    np.testing.assert_array_equal(kept.sharpness, first.labels.sharpness)
    np.testing.assert_array_equal(label_source(sources[0]).sharpness, kept.sharpness)
    assert dataset.verify() == []


def test_measures_have_names_of_their_own(dataset):
    source = find_clips(dataset.folder)[0]
    colour = label_source(source, "paper", "colour", store=True)
    assert colour.labeller == "paper-colour"
    assert read_labels(source.stored, "paper-colour").threshold == colour.threshold
    assert stored_name("paper", "gray") == stored_name("paper", None) == "paper"


def test_a_folder_of_frames_and_one_of_clip_folders_are_found(tmp_path):
    frames = make_shake(frames=4).blurry
    write_clip(tmp_path / "all" / "one", frames)
    write_clip(tmp_path / "all" / "two" / "blur", frames)
    (tmp_path / "all" / "notes").mkdir()
    assert [source.name for source in find_clips(tmp_path / "all")] == ["one", "two"]
    (one,) = find_clips(tmp_path / "all" / "one")
    assert one.name == "one"
    np.testing.assert_array_equal(label_source(one).is_sharp, label_paper(frames).is_sharp)
    assert one.oracle() is None


def test_what_cannot_be_labelled_is_answered(tmp_path, dataset):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="contains frames"):
        find_clips(tmp_path / "empty")
    with pytest.raises(InputError, match="does not exist"):
        find_clips(tmp_path / "nothing")
    with pytest.raises(UnknownNameError, match="no labeller named 'papr'; did you mean 'paper'"):
        label_source(find_clips(dataset.folder)[0], "papr")
    with pytest.raises(InputError, match="no measure 'grey'"):
        stored_name("paper", "grey")
    with pytest.raises(InputError, match="takes no measure"):
        stored_name(EXTENT, "luma")


def test_the_csv_has_a_row_a_frame_and_says_why(tmp_path, dataset):
    found = label_clips(find_clips(dataset.folder))
    write_labels_csv(tmp_path / "labels.csv", found)
    lines = (tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "clip,frame,sharpness,is_sharp,threshold,reason,is_selected"
    assert len(lines) == 1 + 24
    clip, frame, sharpness, is_sharp, threshold, reason, is_selected = lines[3].split(",")
    assert (clip, frame, is_sharp) == ("test/a", "2", str(int(found[0].labels.is_sharp[2])))
    assert float(sharpness) == found[0].labels.sharpness[2]
    assert float(threshold) == found[0].labels.threshold
    assert reason == found[0].labels.reason[2]
    assert is_selected == str(int(found[0].labels.is_selected[2]))


def test_a_run_string_tells_sharp_frames_from_those_taken_for_their_segment():
    values = np.full(30, 1.0)
    values[[2, 3]] = 9.0
    values[25] = 1.01
    assert run_string(select_sharp(values)) == "..SS" + "." * 21 + "s" + "...."


def test_labels_are_checked_against_the_oracle_and_entered_on_a_board(tmp_path, dataset):
    checked = check_labels(dataset.folder, ["paper", EXTENT])
    assert checked.truth == "oracle"
    assert [score.group for score in checked.scores] == ["all clips", "all clips", "test/a", "test/b"] * 2
    assert "published" in check_lines(checked)[-1]
    board = tmp_path / "labels.csv"
    count = enter_on_board(board, checked, dataset.folder)
    assert enter_on_board(board, checked, dataset.folder) == count  # the same rows again
    rows = read_board(str(board))
    assert len(rows) == count
    assert set(rows["protocol"]) == {"labels-1"}
    assert set(rows["subset"]) == {"sharp_blurry", "all"}
    assert set(rows["clip"]) == {"*", "a", "b"}


def test_curves_are_written_for_each_labeller(tmp_path, dataset):
    checked = check_labels(dataset.folder, ["paper"])
    lines = write_curves(tmp_path / "out", checked).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "labeller,relative_threshold,recall,precision,accuracy"
    assert lines[1].startswith("paper,")


def test_labels_are_checked_against_people(tmp_path, dataset):
    rows = ["clip,frame,label,annotator"]
    rows += [f"a,{frame},{'sharp' if frame < 6 else 'blurry'},{who}" for frame in range(12) for who in ("x", "y")]
    path = tmp_path / "hand.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    checked = check_labels(dataset.folder, ["paper"], labels_csv=path)
    assert checked.scores[0].frames.n == 12
    assert any(
        "annotators x and y: 12 of 12 frames alike, Cohen's kappa 1.000" in line for line in check_lines(checked)
    )
    path.write_text("clip,frame,label,annotator\nother,0,sharp,x\n", encoding="utf-8")
    with pytest.raises(InputError, match="names none of the clips"):
        check_labels(dataset.folder, ["paper"], labels_csv=path)


def test_without_a_truth_there_is_nothing_to_check(tmp_path):
    write_clip(tmp_path / "clip", make_shake(frames=4).blurry)
    with pytest.raises(InputError, match="has no oracle: name labels made by hand"):
        check_labels(tmp_path / "clip")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    frames = make_shake(frames=12).blurry
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.bit_rate = 4_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_luma_of_a_film_ranks_frames_as_gray_does(film):
    (source,) = find_clips(film)
    assert source.name == "clip"
    from_plane, gray = luma_sharpness(film), label_source(source).sharpness
    assert from_plane.shape == gray.shape == (12,)
    ranks = [np.argsort(np.argsort(values)) for values in (from_plane, gray)]
    assert np.corrcoef(ranks)[0, 1] > 0.95
    np.testing.assert_array_equal(label_source(source, "paper", "luma").sharpness, from_plane)
    assert np.median(gray / from_plane) == pytest.approx((255 / 219) ** 2, rel=0.1)


def test_a_file_that_is_no_film_is_answered(tmp_path):
    (tmp_path / "x.mp4").write_text("no video")
    with pytest.raises(HvdbenchError, match=r"x\.mp4"):
        luma_sharpness(tmp_path / "x.mp4")


@pytest.mark.parametrize("with_oracle", [True, False])
def test_a_plot_is_drawn_the_same_every_time(tmp_path, with_oracle):
    shake = make_shake(frames=30)
    labels, oracle = label_paper(shake.blurry), np.arange(30) % 3 if with_oracle else None
    path = write_label_plot(tmp_path, "test/a b", shake.blurry, labels, oracle)
    assert path.name == "test-a-b-paper.png"
    before = path.read_bytes()
    assert write_label_plot(tmp_path, "test/a b", shake.blurry, labels, oracle).read_bytes() == before


def test_a_plot_of_one_frame_and_of_a_threshold_curve_are_drawn(tmp_path):
    frame = make_shake(frames=2).blurry[:1]
    assert write_label_plot(tmp_path, "one", frame, label_paper(frame)).is_file()
    write_threshold_plot(tmp_path / "t.png", {"paper": np.array([[2.0, 0.5, 1.0, 0.7], [0.0, 1.0, 0.5, 0.5]])})
    assert (tmp_path / "t.png").stat().st_size > 1000


def test_the_command_knows_the_measures_without_importing_them():
    assert cli.MEASURES == MEASURES


def test_a_source_reads_its_folder(tmp_path):
    frames = make_shake(frames=3).blurry
    write_clip(tmp_path / "c", frames)
    np.testing.assert_array_equal(LabelSource("c", tmp_path / "c").frames(), frames)
