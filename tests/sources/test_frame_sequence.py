"""Frames of a clip, one at a time: picture files with depth maps, and films."""

import pickle
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_film import HLG, PQ, Film, grey10, make_film, pattern
from made_video import made_clip

from hvdbench.errors import InputError, VideoError
from hvdbench.frames import write_clip
from hvdbench.sources.folder import FolderSource
from hvdbench.sources.frame_sequence import FileFrames, Recent, find_depth_files, read_depth
from hvdbench.sources.movie import MovieFrames, open_movie
from hvdbench.sources.scene import SourceOptions
from hvdbench.video.input import read_input
from hvdbench.video.reader import read_video
from hvdbench.video.writer import write_video


def written(folder: Path, count: int = 4) -> tuple[Path, ...]:
    write_clip(folder, made_clip(count), [f"frame_{index:04d}.png" for index in range(count)])
    return tuple(sorted(folder.glob("*.png")))


def film(path: Path, count: int = 30) -> Path:
    write_video(path, made_clip(count), fps=Fraction(240))
    return path


def test_files_give_their_frames_and_size(tmp_path: Path) -> None:
    frames = FileFrames(written(tmp_path))
    assert (len(frames), frames.size, frames.depth(0)) == (4, (64, 48), None)
    np.testing.assert_array_equal(frames.read(2), made_clip(4)[2])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames)).read(3), made_clip(4)[3])


def test_a_frame_of_another_size_is_refused_when_it_is_read(tmp_path: Path) -> None:
    files = written(tmp_path)
    write_clip(tmp_path, made_clip(1, 32, 24), ["frame_0002.png"])
    with pytest.raises(InputError, match=r"frame_0002.png is 32x24, and the first frame is 64x48"):
        FileFrames(files).read(2)


def test_a_clip_needs_frames_and_as_many_depth_maps(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames"):
        FileFrames(())
    with pytest.raises(InputError, match="contains 1 depth maps for 4 frames"):
        FileFrames(written(tmp_path), (tmp_path / "one.npy",))


@pytest.mark.parametrize("folder", [".", "depth"])
def test_depth_maps_are_found_beside_the_frames_and_in_a_folder(tmp_path: Path, folder: str) -> None:
    files = written(tmp_path)
    (tmp_path / folder).mkdir(exist_ok=True)
    assert find_depth_files(files) == ()
    for file in files:
        np.save(tmp_path / folder / f"{file.stem}.npy", np.full((24, 32), 2.0, np.float64))
    maps = find_depth_files(files)
    assert [path.name for path in maps] == [f"{file.stem}.npy" for file in files]
    depth = FileFrames(files, maps).depth(1)
    assert depth is not None
    assert (depth.shape, depth.dtype) == ((24, 32), np.float32)
    maps[3].unlink()
    with pytest.raises(InputError, match=r"frame_0003.npy is missing, as are 1 of 4"):
        find_depth_files(files)


def test_what_is_no_depth_map_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "map.npy"
    with pytest.raises(InputError, match="is missing: there must be a depth map for each frame"):
        read_depth(path)
    path.write_text("far away")
    with pytest.raises(InputError, match="cannot be read as a NumPy array"):
        read_depth(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read as a NumPy array"):
        read_depth(path)
    np.save(path, np.ones((4, 5, 3)))
    with pytest.raises(InputError, match=r"found float64 of shape \(4, 5, 3\), expected one number a pixel"):
        read_depth(path)
    for wrong in (np.nan, np.inf, 0.0, -1.0):
        depth = np.ones((4, 5))
        depth[1, 1:3] = wrong
        np.save(path, depth)
        with pytest.raises(InputError, match="2 of 20 depths are not finite and above 0"):
            read_depth(path)


def test_a_pickle_in_a_depth_file_is_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "map.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be read as a NumPy array"):
        read_depth(tmp_path / "map.npy")


def test_a_film_gives_the_frames_that_a_whole_reading_gives_in_any_order(tmp_path: Path) -> None:
    whole = read_video(film(tmp_path / "a.mp4"))
    frames, fps = open_movie(tmp_path / "a.mp4")
    assert fps == 240.0
    assert (len(frames), frames.size) == (30, (64, 48))
    for index in (12, 3, 4, 29, 0, 17):
        np.testing.assert_array_equal(frames.read(index), whole.frames[index])


def test_going_far_back_in_a_film_opens_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hvdbench.sources.movie.KEPT_FRAMES", 4)
    frames, _ = open_movie(film(tmp_path / "a.mp4"))
    last = frames.read(29)
    first = frames.read(0)
    assert first.mean() < last.mean()
    np.testing.assert_array_equal(frames.read(29), last)


def test_a_film_travels_to_another_process_without_its_open_file(tmp_path: Path) -> None:
    frames, _ = open_movie(film(tmp_path / "a.mp4"))
    tenth = frames.read(10)
    there = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(there.read(10), tenth)
    assert len(there) == 30


def test_asking_past_the_end_of_a_film_says_how_long_it_is(tmp_path: Path) -> None:
    frames, _ = open_movie(film(tmp_path / "a.mp4"))
    with pytest.raises(VideoError, match="frame 30 was asked for, and only 30 frames can be decoded"):
        frames.read(30)
    assert frames.read(29).shape == (48, 64, 3)


def test_files_that_are_no_film_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="does not exist"):
        open_movie(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match="cannot be opened as a video"):
        open_movie(tmp_path / "text.mp4")


def test_a_film_without_frames_is_refused(shared: Path) -> None:
    path = shared / "data/hostile/moov_only_1kb.mov"
    with pytest.raises(VideoError, match=r"moov_only_1kb\.mov"):
        open_movie(path)
    with pytest.raises(VideoError, match=r"moov_only_1kb\.mov"):
        len(MovieFrames(path))


def test_a_film_whose_picture_changes_its_size_is_refused(tmp_path: Path) -> None:
    data = b""
    for width, height in ((64, 48), (96, 64)):
        encoder = av.CodecContext.create("mpeg4", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
        for index, frame in enumerate(made_clip(3, width, height)):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p")
            picture.pts = index
            data += b"".join(bytes(packet) for packet in encoder.encode(picture))
        data += b"".join(bytes(packet) for packet in encoder.encode(None))
    (tmp_path / "a.m4v").write_bytes(data)
    frames, _ = open_movie(tmp_path / "a.m4v")
    with pytest.raises(VideoError, match=r"the picture changes from 64x48 to 96x64 at frame \d"):
        len(frames)


def test_a_film_that_breaks_midway_has_the_frames_before(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = shared / "data/hostile/truncated_midstream.mp4"
    frames, fps = open_movie(path)
    assert fps == 10.0
    whole = read_video(path).frames
    assert len(frames) == len(whole)
    np.testing.assert_array_equal(frames.read(len(whole) - 1), whole[-1])
    assert "decoding broke after" in caplog.text


def test_a_turned_film_stands_upright(shared: Path) -> None:
    path = shared / "data/phone/iphone_ios9_portrait_rot90.mov"
    frames, _ = open_movie(path)
    assert frames.size == (720, 1280)
    np.testing.assert_array_equal(frames.read(5), read_video(path, max_frames=6).frames[5])


def test_what_is_kept_is_bounded_by_count_and_by_bytes() -> None:
    kept: Recent[int, bytes] = Recent(len, most=3, most_bytes=10, least=1)
    made = []

    def value(key: int, size: int) -> bytes:
        return kept.get(key, lambda: made.append(key) or bytes(size))  # type: ignore[func-returns-value]

    for key in (1, 2, 3, 1, 4):
        value(key, 2)
    assert [key in kept for key in (1, 2, 3, 4)] == [True, False, True, True]
    value(5, 9)
    assert [key in kept for key in (1, 3, 4, 5)] == [False, False, False, True]
    value(6, 99)
    assert 6 in kept
    assert made == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", ["HLG", "PQ", "oblong pixels", "mirrored and turned"])
def test_synth_reads_a_film_as_deblur_does(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    films = {
        "HLG": (grey10([300, 500, 700, 900]), Film(transfer=HLG), "HDR (HLG) and was tone-mapped"),
        "PQ": (grey10([300, 400, 500, 600]), Film(transfer=PQ), "HDR (PQ) and was tone-mapped"),
        "oblong pixels": (pattern(1), Film(aspect=Fraction(4, 3)), "pixels of 4:3 were made square"),
        "mirrored and turned": (pattern(2), Film(rotation_deg=90, mirror=True), ""),
    }
    frames, how, words = films[kind]
    path = make_film(tmp_path / "a.mp4", frames, how)
    (scene,) = FolderSource(SourceOptions(root=path, size=(32, 24), margin_share=0.1)).scenes()
    expected = read_input(path).frames
    assert len(scene.frames) == len(expected)
    for index in reversed(range(len(expected))):
        np.testing.assert_array_equal(scene.frames.read(index), expected[index])
    assert words in caplog.text
    assert len(caplog.records) == bool(words)  # said once


def test_hlg_gray_comes_out_of_a_source_as_light_on_a_display(tmp_path: Path) -> None:
    half = round(64 + 876 * 128 / 255)  # the 10-bit code, of limited range, of a signal of 128 in 255
    frames, _ = open_movie(make_film(tmp_path / "a.mp4", grey10([half] * 3), Film(transfer=HLG)))
    assert np.abs(frames.read(1).astype(int) - 144).max() <= 1  # by BT.2390 to 203 nit; 128 where nothing was mapped
