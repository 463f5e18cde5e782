"""Phone captures into a dataset: whole, upright, with their own times, and never lost in silence."""

import json
import os
import tracemalloc
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from made_film import HLG, Film, grey10, jpeg_with_exif, make_film, pattern

from hvdbench.cli.data.ingest import ingest as command
from hvdbench.errors import DatasetError, InputError
from hvdbench.frames import write_clip
from hvdbench.ingest.dataset import IngestRequest, ingest, split_of
from hvdbench.store import Dataset

PHONES = [
    # name, device, frames, width, height, bits, transfer, tone map
    ("iphone_portrait_rot90_gps.mov", "Apple-iPhone-6", 120, 320, 568, 8, "bt709", "none"),
    ("ipad_hevc_portrait_rot90.mov", "Apple-iPad-mini", 35, 720, 1280, 8, "bt709", "none"),
    ("iphone_ios9_portrait_rot90.mov", "Apple-iPhone-6s", 14, 720, 1280, 8, "bt709", "none"),
    ("phone_rot180_vfr_blurry.mp4", "unknown-device", 25, 1280, 720, 8, "unstated", "none"),
    ("iphone_dolbyvision_hlg10_rot90_4f.mov", "Apple-iPhone-14-Pro", 4, 720, 1280, 10, "hlg", "bt2390-203"),
    ("phone_hlg10_colorchart_9f.mp4", "unknown-device", 9, 1920, 1080, 10, "hlg", "bt2390-203"),
    ("samsung_sef_slow_motion_240p.mp4", "unknown-device", 63, 320, 240, 8, "unstated", "none"),
    ("shaky_path_360p.mp4", "unknown-device", 245, 480, 360, 8, "bt709", "none"),
    pytest.param(
        "apple_hlg10_hevc_portrait_vfr.mp4",
        *("unknown-device", 77, 1080, 1920, 10, "hlg", "bt2390-203"),
        marks=pytest.mark.slow,
    ),
]
PARTIAL = {
    "truncated_midstream.mp4": (28, "decoding broke after 28 of 50 frames"),
    "invalid_nalu_30pkts.mp4": (26, "decoding broke after 26 of 30 frames"),
}
WHOLE = {
    "odd_size_161x121_vp9.webm": 30,
    "rot180_568x320_3f.mov": 3,
    "rot270_568x320_3f.mov": 3,
    "rot90_568x320_3f.mov": 3,
    "ten_bit_h264_200x200.mp4": 30,
    "unordered_pts_50x50.mov": 4,
}
REFUSED = [
    "almost_empty_13_bytes.flv",
    "audio_only.mp4",
    "broken_moov.mp4",
    "invalid_bitstream_vp9.webm",
    "jpeg_named_tiff.tiff",
    "moov_only_1kb.mov",
    "one_pixel_yuv444p.mp4",
    "rgb_gbrp_2x2.mp4",
    "text_named_mp4.mp4",
    "zero_bytes.mov",
]


def take_in(*paths: Path, out: Path, **settings):
    return ingest(IngestRequest(tuple(paths), out, **settings))


def frame_counts(dataset: Dataset) -> dict[str, int]:
    return {f"{clip.split}/{clip.name}": len(list((clip.folder / "blur").glob("*.png"))) for clip in dataset.clips()}


def only_capture(dataset: Dataset) -> dict:
    (entry,) = dataset.manifest["provenance"]["captures"].values()
    return entry


@pytest.mark.parametrize(("name", "device", "count", "width", "height", "bits", "transfer", "tone"), PHONES)
def test_a_phone_clip_is_taken_in_whole(shared, tmp_path, name, device, count, width, height, bits, transfer, tone):
    path = shared / "data/phone" / name
    with av.open(str(path)) as container:
        times_s = np.sort([float(frame.pts * frame.time_base) for frame in container.decode(video=0)])
    crop = (width // 2 - 32, height - 64, 64, 64)  # it lies inside an upright picture only
    found = take_in(path, out=tmp_path / "ds", split="test", crop=crop)
    assert found.failures == ()
    (clip,) = found.dataset.clips()
    assert clip.name == f"{device}_{path.stem}_000"
    assert clip.blurry().shape == (count, 64, 64, 3)
    np.testing.assert_allclose(clip.track("t_s"), times_s - times_s[0], atol=1e-9)
    assert clip.track("exposure_s") is None
    facts = clip.attributes()
    assert (facts["device"], facts["source"], facts["origin"]) == (device, name, "measured")
    assert (facts["bit_depth"], facts["transfer"], facts["tone_map"]) == (bits, transfer, tone)
    assert found.dataset.verify() == []
    kept = (tmp_path / "ds/dataset.json").read_text() + str(facts)
    assert not any(private in kept for private in ("+40.", "+51.", "+52.", "+54.", "+32.", "creationdate", "/data/"))


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_is_refused_in_one_sentence(shared, tmp_path, name, capfd):
    found = take_in(shared / "data/hostile" / name, out=tmp_path / "ds")
    (sentence,) = found.failures
    assert name in sentence
    assert "\n" not in sentence
    assert ". " not in sentence
    assert found.dataset is None
    assert not (tmp_path / "ds").exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", [*WHOLE, *PARTIAL, pytest.param("vfr_3026x1386.mp4", marks=pytest.mark.slow)])
def test_a_hostile_file_that_decodes_is_taken_in_as_far_as_it_goes(shared, tmp_path, name):
    crop = (0, 0, 48, 48)
    found = take_in(shared / "data/hostile" / name, out=tmp_path / "ds", device="any", crop=crop)
    count, words = PARTIAL.get(name, (WHOLE.get(name, 63), ""))
    assert found.failures == ()
    assert sum(frame_counts(found.dataset).values()) == count
    assert len(found.warnings) <= 1
    assert words in "".join(found.warnings)


def test_one_bad_file_leaves_the_others(shared, tmp_path):
    good = make_film(tmp_path / "good.mp4", pattern(1))
    bad = shared / "data/hostile/broken_moov.mp4"
    arguments = [str(bad), str(good), str(tmp_path / "none.mp4"), "--out", str(tmp_path / "ds"), "--split", "train"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 1
    assert done.stderr.count("Error: ") == 2
    assert "none.mp4 does not exist" in done.stderr
    assert "good.mp4: 6 frames, 1 clips in 'train', unknown-device" in done.stdout
    assert frame_counts(Dataset.open(tmp_path / "ds")) == {"train/unknown-device_good_000": 6}


def test_the_command_says_what_it_made(tmp_path):
    film = make_film(tmp_path / "a.mp4", pattern(1, 8))
    arguments = [str(film), "--out", str(tmp_path / "ds"), "--clip-frames", "4", "--crop", "0,0,64,48"]
    done = CliRunner().invoke(command, [*arguments, "--device", "HVD-Huawei"])
    assert done.exit_code == 0, done.output
    assert "2 clips, measured, digest" in done.stdout


def test_clips_begin_at_cuts_and_end_at_lengths(tmp_path):
    film = make_film(tmp_path / "a.mp4", np.concatenate([pattern(1, 7), pattern(2, 5), pattern(3, 2)]))
    whole = take_in(film, out=tmp_path / "cuts", split="train", device="p")
    assert list(frame_counts(whole.dataset).values()) == [7, 5, 2]
    assert [clip.attributes()["first_frame"] for clip in whole.dataset.clips()] == [0, 7, 12]
    assert [clip.attributes()["start_s"] for clip in whole.dataset.clips()] == pytest.approx([0, 0.28, 0.48])
    assert [clip.track("t_s")[0] for clip in whole.dataset.clips()] == [0, 0, 0]
    uncut = take_in(film, out=tmp_path / "uncut", cut_scenes=False, device="p")
    assert list(frame_counts(uncut.dataset).values()) == [14]
    pieces = take_in(film, out=tmp_path / "pieces", clip_frames=3, device="p")
    assert list(frame_counts(pieces.dataset).values()) == [3, 3, 3, 2, 2]
    assert "1 single frames between cuts make no clip and were left out" in pieces.warnings[0]


def test_seconds_are_counted_by_the_films_own_times(tmp_path):
    times_s = [0, 0.1, 0.2, 0.9, 1.0, 1.1, 1.2, 1.9, 2.0, 2.1]
    film = make_film(tmp_path / "a.mp4", pattern(1, 10), Film(times_s=times_s))
    found = take_in(film, out=tmp_path / "ds", clip_seconds=1.0, device="p", split="test")
    assert list(frame_counts(found.dataset).values()) == [4, 4, 2]
    np.testing.assert_allclose(found.dataset.clips()[1].track("t_s"), [0, 0.1, 0.2, 0.9], atol=1e-4)
    assert found.dataset.clips()[1].attributes()["fps_average"] == pytest.approx(3 / 0.9, rel=1e-3)


def test_repeated_and_frozen_frames_are_flagged_and_counted_once(tmp_path):
    moving = pattern(1, 8)
    frames = np.concatenate([moving[:4], moving[3:4], moving[4:6], moving[5:6].repeat(4, axis=0), moving[6:]])
    found = take_in(make_film(tmp_path / "a.mp4", frames), out=tmp_path / "ds", device="p")
    (clip,) = found.dataset.clips()
    assert np.flatnonzero(clip.track("flags/duplicate")).tolist() == [4, 7, 8, 9, 10]
    assert np.flatnonzero(clip.track("flags/frozen")).tolist() == [6, 7, 8, 9, 10]
    assert found.warnings == ("a.mp4: 5 of 13 frames repeat the one before (flagged, and 5 are in frozen stretches)",)
    assert "5 of 13" in clip.attributes()["warnings"]


def test_a_killed_run_goes_on_and_gives_the_same_bytes(tmp_path):
    film = make_film(tmp_path / "a.mp4", np.concatenate([pattern(1, 5), pattern(2, 5), pattern(3, 5)]))
    request = IngestRequest((film,), tmp_path / "killed", device="p")

    def kill(done: int, total: int, text: str) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(request, progress=kill)
    half = Dataset.open(tmp_path / "killed")
    assert list(frame_counts(half).values()) == [5, 5]
    assert only_capture(half)["complete"] is False
    assert not list((tmp_path / "killed").rglob(".partial*"))
    kept = next(half.clips()[0].folder.rglob("*.png")).stat().st_mtime_ns
    again = ingest(request)
    assert next(again.dataset.clips()[0].folder.rglob("*.png")).stat().st_mtime_ns == kept
    straight = take_in(film, out=tmp_path / "straight", device="p")
    assert again.dataset.digest == straight.dataset.digest
    for path in sorted((tmp_path / "straight").rglob("*.*")):
        other = tmp_path / "killed" / path.relative_to(tmp_path / "straight")
        expected = path.read_bytes().replace(b'"straight"', b'"killed"')
        assert other.read_bytes() == expected, path


def test_what_is_in_already_is_not_read_again(tmp_path):
    film = make_film(tmp_path / "a.mp4", pattern(1))
    first = take_in(film, out=tmp_path / "ds", device="p", split="train")
    second = take_in(film, out=tmp_path / "ds", device="p", split="train")
    assert second.rows == ("a.mp4: already in 'train', 1 clips",)
    assert second.dataset.digest == first.dataset.digest
    other = make_film(tmp_path / "b.mp4", pattern(2))
    third = take_in(film, other, out=tmp_path / "ds", device="p", split="train")
    assert len(third.dataset.clips()) == 2


def test_a_capture_is_in_one_split_once(tmp_path):
    film = make_film(tmp_path / "a.mp4", pattern(1))
    take_in(film, out=tmp_path / "ds", device="p", split="train")
    (tmp_path / "copy.mp4").write_bytes(film.read_bytes())
    for path, split, words in (
        (film, "test", "a capture must stay in one split"),
        (tmp_path / "copy.mp4", "train", "is the same capture as 'p_a'"),
    ):
        found = take_in(path, out=tmp_path / "ds", device="p", split=split)
        assert words in found.failures[0]
        assert len(found.dataset.clips()) == 1


def test_another_dataset_is_not_touched_unless_told(tmp_path):
    film = make_film(tmp_path / "a.mp4", pattern(1, 8))
    take_in(film, out=tmp_path / "ds", device="p")
    with pytest.raises(DatasetError, match="made from other values"):
        take_in(film, out=tmp_path / "ds", device="p", clip_frames=4)
    found = take_in(film, out=tmp_path / "ds", device="p", clip_frames=4, overwrite=True)
    assert len(found.dataset.clips()) == 2
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    with pytest.raises(DatasetError, match="not empty"):
        take_in(film, out=tmp_path / "full", device="p")


def test_the_split_hangs_on_the_name_alone(tmp_path):
    names = [f"VID_{index:04d}" for index in range(2000)]
    share = np.mean([split_of(name, 0.2) == "test" for name in names])
    assert share == pytest.approx(0.2, abs=0.03)
    tested = {name for name in names if split_of(name, 0.1) == "test"}
    assert tested <= {name for name in names if split_of(name, 0.2) == "test"}
    film = make_film(tmp_path / "VID_0001.mp4", np.concatenate([pattern(1), pattern(2), pattern(3)]))
    found = take_in(film, out=tmp_path / "ds", device="p")
    assert {clip.split for clip in found.dataset.clips()} == {split_of("VID_0001", 0.2)}
    assert len(found.dataset.clips()) == 3


def test_the_place_is_kept_only_where_it_is_asked_for(tmp_path):
    metadata = {"com.android.model": "ANA-AN00", "location": "+48.1000+011.5000/", "artist": "Somebody"}
    film = make_film(tmp_path / "a.mp4", pattern(1), Film(metadata=metadata))
    private = take_in(film, out=tmp_path / "private")
    (clip,) = private.dataset.clips()
    assert clip.attributes()["device"] == "HVD-Huawei"
    for path in (tmp_path / "private").rglob("*.*"):
        assert not any(text in path.read_bytes() for text in (b"+48.1", b"Somebody", bytes(tmp_path)))
    kept = take_in(film, out=tmp_path / "kept", keep_location=True)
    assert only_capture(kept.dataset)["location"] == "+48.1000+011.5000/"
    assert kept.dataset.clips()[0].attributes()["location"] == "+48.1000+011.5000/"


def test_a_folder_of_frames_is_a_capture_with_the_exposures_it_states(tmp_path):
    folder = tmp_path / "walk one"
    folder.mkdir()
    for index, frame in enumerate(pattern(1, 4)):
        jpeg_with_exif(folder / f"{index}.jpg", frame, (1, 50 + index), "ANA-AN00")
    found = take_in(folder, out=tmp_path / "ds", fps=20.0)
    (clip,) = found.dataset.clips()
    assert clip.name == "HVD-Huawei_walk-one_000"
    np.testing.assert_allclose(clip.track("exposure_s"), 1 / np.array([50, 51, 52, 53]))
    np.testing.assert_allclose(clip.track("t_s"), np.arange(4) / 20)
    untimed = take_in(folder, out=tmp_path / "untimed")
    assert untimed.dataset.clips()[0].track("t_s") is None
    assert "does not state times" in untimed.warnings[0]
    with pytest.raises(InputError, match="give one of the two"):
        take_in(folder, out=tmp_path / "x", clip_seconds=1.0, clip_frames=4)
    assert "give --fps" in take_in(folder, out=tmp_path / "x", clip_seconds=1.0).failures[0]


def test_a_capture_that_changes_its_size_is_kept_up_to_there(tmp_path):
    write_clip(tmp_path / "frames", pattern(1, 5))
    write_clip(tmp_path / "frames", pattern(1, 1, 80, 48), ["00000005.png"])
    found = take_in(tmp_path / "frames", out=tmp_path / "ds", device="p", fps=25)
    assert list(frame_counts(found.dataset).values()) == [5]
    assert "reading stopped after 5 frames: 00000005.png is 80x48" in found.warnings[0]
    assert "reading stopped after 5 frames" in found.dataset.clips()[0].attributes()["warnings"]


def test_a_release_of_films_keeps_its_splits(tmp_path):
    for index, name in enumerate(("train/a.mp4", "test/b.mp4", "val/deeper/c.mov", ".hidden/d.mp4", "train/notes.txt")):
        (tmp_path / "hvd" / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("txt"):
            (tmp_path / "hvd" / name).write_text("no video")
        else:
            make_film(tmp_path / "hvd" / name, pattern(index))
    found = take_in(tmp_path / "hvd", out=tmp_path / "ds", device="p")
    assert list(frame_counts(found.dataset)) == ["test/p_b_000", "test/p_c_000", "train/p_a_000"]
    again = take_in(tmp_path, out=tmp_path / "ds", device="p")  # the dataset's own frames are no captures
    assert all("already" in row for row in again.rows)
    assert again.dataset.digest == found.dataset.digest
    (tmp_path / "empty").mkdir()
    assert (
        "contains neither videos nor folders of frames" in take_in(tmp_path / "empty", out=tmp_path / "x").failures[0]
    )


def test_linear_light_of_16_bits_is_written_beside_the_frames(tmp_path):
    film = make_film(tmp_path / "a.mp4", grey10([64, 502, 940], 64, 48), Film(transfer=HLG, crf=0))
    found = take_in(film, out=tmp_path / "ds", device="p", linear16=True, cut_scenes=False)
    (clip,) = found.dataset.clips()
    files = sorted((clip.folder / "linear").glob("*.png"))
    light = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]
    assert light[0].dtype == np.uint16
    # HLG's code 502 of 64 … 940 is half the signal, and half the signal is a twelfth of the scene light.
    assert [int(picture[24, 32, 1]) for picture in light] == pytest.approx([0, 65535 / 12, 65535], abs=60)
    assert "scene light" in clip.attributes()["linear"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"test_share": 1.5}, "test share is 1.5"),
        ({"split": "dev"}, "no split 'dev'"),
        ({"clip_frames": 1}, "at least 2"),
        ({"clip_seconds": 0.0}, "a time above 0"),
        ({"fps": -1.0}, "is not a number of frames"),
        ({"device": "a/b"}, "cannot name a device"),
    ],
)
def test_settings_that_cannot_be_are_answered(tmp_path, settings, words):
    with pytest.raises(InputError, match=words):
        take_in(tmp_path, out=tmp_path / "ds", **settings)


def test_a_crop_outside_the_picture_and_a_lone_frame_fail_alone(tmp_path):
    film = make_film(tmp_path / "a.mp4", pattern(1))
    assert "does not lie inside" in take_in(film, out=tmp_path / "x", crop=(90, 0, 10, 10)).failures[0]
    lone = make_film(tmp_path / "b.mp4", pattern(1, 1))
    assert take_in(lone, out=tmp_path / "x").failures[0].endswith("b.mp4 has 1 frame: at least 2 are needed")
    assert not (tmp_path / "x").exists()


def test_memory_holds_a_few_frames_however_long_the_film(tmp_path):
    def peak_bytes(count: int) -> int:
        film = make_film(tmp_path / f"{count}.mp4", pattern(1, count, 640, 480, step=1), Film(crf=30))
        tracemalloc.start()  # NumPy's arrays are traced, the decoder's few buffers are not
        take_in(film, out=tmp_path / f"ds{count}", device="p")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(4)  # what is imported and compiled on first use
    assert peak_bytes(60) < peak_bytes(12) + 640 * 480 * 3


def test_tracks_and_manifest_hold_plain_values(tmp_path):
    found = take_in(make_film(tmp_path / "a.mp4", pattern(1)), out=tmp_path / "ds", device="p")
    entry = json.loads((tmp_path / "ds/dataset.json").read_text())["provenance"]["captures"]["p_a"]
    assert (entry["frames"], entry["complete"], entry["clips"]) == (6, True, ["p_a_000"])
    with h5py.File(found.dataset.clips()[0].tracks_path) as tracks:
        assert tracks.attrs["sha256"] == entry["sha256"]
        assert set(tracks) == {"flags", "t_s"}
        assert tracks["flags/duplicate"].dtype == bool


def test_one_folder_or_film_that_cannot_be_read_leaves_the_others(tmp_path):
    captures = tmp_path / "captures"
    for name in ("broken", "twice", "__MACOSX", "whole"):
        write_clip(captures / name, pattern(1))
    (captures / "broken/00000009.png").symlink_to("nothing.png")
    write_clip(captures / "twice", pattern(1)[:1], ["00000000.bmp"])
    (captures / "whole/._00000000.png").write_bytes(b"\0\5\x16\7")
    make_film(captures / "film.mp4", pattern(2))
    result = take_in(captures, out=tmp_path / "out", fps=30.0)
    assert [row.partition(":")[0] for row in result.rows] == ["film.mp4", "whole"]
    assert sorted(frame_counts(result.dataset).values()) == [6, 6]
    (broken, twice) = sorted(result.failures)
    assert "00000009.png is a link to a file that is not there" in broken
    assert "contains 00000000.bmp and 00000000.png, which would be the same frame twice" in twice


def test_a_film_whose_name_is_no_utf8_is_refused_alone(tmp_path):
    make_film(tmp_path / "z.mp4", pattern(1))
    try:
        make_film(tmp_path / "src.mp4", pattern(2)).rename(tmp_path / os.fsdecode(b"a\xb2\xe2.mp4"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    result = take_in(tmp_path, out=tmp_path / "out")
    assert [row.partition(":")[0] for row in result.rows] == ["z.mp4"]
    (failure,) = result.failures
    assert r"a\xb2\xe2.mp4 has a name that is not UTF-8" in failure


def test_the_default_track_is_taken_in_and_the_others_are_said(shared, tmp_path):
    result = take_in(shared / "cases/inputs/two_tracks_default_second/two.mkv", out=tmp_path / "out")
    assert only_capture(result.dataset)["stored_size"] == "160x128"
    assert any("has 2 video tracks, of which number 2" in warning for warning in result.warnings)
