"""GOPRO_Large made again: a made tree of three clips with windows of 7, 11 and 13, whole, wrong and half."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from hvdbench.cli.main import cli
from hvdbench.errors import HvdbenchError, InputError
from hvdbench.sources.layout import load_layout
from hvdbench.workflows.gopro_check import ClipWindows, check, read_record

RECORD = {
    "train/GOPR0372_07_00": ClipWindows(blurry=47, middle=326, window=7, frames=3),
    "train/GOPR0378_13_00": ClipWindows(blurry=41, middle=22527, window=13, frames=2),
    "test/GOPR0881_11_01": ClipWindows(blurry=201, middle=2205, window=11, frames=3, lost=1),
}
SIZE = (24, 16)


def write_release(folder: Path, record: dict[str, ClipWindows]) -> tuple[Path, Path]:
    """Write both releases: noise as the high-speed frames, and the means of the record's windows."""
    generator = np.random.default_rng(0)
    whole, release = folder / "GOPRO_Large_all", folder / "GOPRO_Large"
    for key, windows in record.items():
        (whole / key).mkdir(parents=True)
        (release / key / "blur").mkdir(parents=True)
        for index in range(windows.frames):
            first = windows.middle + index * windows.window - windows.window // 2
            frames = generator.integers(0, 256, (windows.window, SIZE[1], SIZE[0], 3), dtype=np.uint8)
            if index >= windows.lost:
                for step, frame in enumerate(frames):
                    cv2.imwrite(str(whole / key / f"{first + step:06d}.png"), frame)
            mean = np.rint(frames.astype(np.float64).mean(axis=0)).astype(np.uint8)
            cv2.imwrite(str(release / key / "blur" / f"{windows.blurry + index:06d}.png"), mean)
    return whole, release


def test_the_record_is_that_of_the_whole_release() -> None:
    record = read_record()
    for split, frames, lost in (("train", 2103, 11), ("test", 1111, 3)):
        clips = [clip for key, clip in record.items() if key.startswith(f"{split}/")]
        assert (sum(clip.frames for clip in clips), sum(clip.lost for clip in clips)) == (frames, lost)
    assert len(record) == 33
    layout = load_layout("gopro")[1]
    assert {clip.window for clip in record.values()} == {7, 11, 13}
    for key, clip in record.items():
        assert layout.names_fit([key.split("/")[1]])
        assert layout.fps_of(key.split("/")[1]) == 240 / clip.window
    # Its author's own answer: frames 323 to 329 are behind the first frame of this clip.
    names = record["train/GOPR0372_07_00"].source_names(0)
    assert (names[0], names[-1]) == ("000323", "000329")


def test_frames_are_made_again_and_those_that_cannot_be_are_named(tmp_path: Path) -> None:
    found = check(*write_release(tmp_path, RECORD), record=RECORD)
    assert [(clip.key, clip.equal, clip.different, clip.lost) for clip in found] == [
        ("train/GOPR0372_07_00", 3, (), ()),
        ("train/GOPR0378_13_00", 2, (), ()),
        ("test/GOPR0881_11_01", 2, (), ("test/GOPR0881_11_01/000201",)),
    ]


def test_a_window_off_by_one_is_not_equal(tmp_path: Path) -> None:
    whole, release = write_release(tmp_path, RECORD)
    key = "train/GOPR0372_07_00"
    cv2.imwrite(str(whole / key / "000344.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    later = RECORD | {key: ClipWindows(blurry=47, middle=327, window=7, frames=3)}
    assert check(whole, release, record=later)[0].equal == 0


def test_one_changed_level_is_found(tmp_path: Path) -> None:
    whole, release = write_release(tmp_path, RECORD)
    path = release / "train/GOPR0378_13_00/blur/000042.png"
    frame = cv2.imread(str(path))
    assert frame is not None
    frame[3, 4, 1] ^= 1
    cv2.imwrite(str(path), frame)
    found = check(tmp_path, tmp_path, record=RECORD)  # the folder above both will do
    assert found[1].different == ("train/GOPR0378_13_00/000042",)
    assert [clip.equal for clip in found] == [3, 1, 2]
    assert whole.is_dir()


def test_a_missing_or_half_tree_is_refused_before_any_frame_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, release = write_release(tmp_path, RECORD)
    monkeypatch.setattr("hvdbench.workflows.gopro_check._check_clip", lambda *_: pytest.fail("read a frame"))

    def refusal() -> str:
        with pytest.raises(InputError) as caught:
            check(whole, release, record=RECORD)
        return str(caught.value)

    blurry = release / "train/GOPR0372_07_00/blur"
    (blurry / "000048.png").rename(tmp_path / "kept.png")
    assert "blur has 2 of the 3 frames from 000047.png to 000049.png: 000048.png is missing" in refusal()
    (tmp_path / "kept.png").rename(blurry / "000050.png")
    assert "000048.png is missing" in refusal()
    (blurry / "000050.png").rename(blurry / "000048.png")
    cv2.imwrite(str(blurry / "000050.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    assert "000050.png is none of them" in refusal()
    (blurry / "000050.png").unlink()
    (whole / "test/GOPR0881_11_01/002222.png").unlink()
    assert "has 21 of the 22 frames from 002211.png to 002232.png: 002222.png is missing" in refusal()
    (whole / "test").rename(tmp_path / "elsewhere")
    assert "has 2 of 3 clips of GOPRO_Large_all" in refusal()


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    whole, release = write_release(tmp_path, RECORD)
    cv2.imwrite(str(release / "train/GOPR0372_07_00/blur/000047.png"), np.zeros((8, 12, 3), np.uint8))
    with pytest.raises(InputError, match="is 12x8, and the frames that it is made of are 24x16"):
        check(whole, release, record=RECORD)


def test_the_command_counts_by_split_and_ends_with_one_where_a_tree_is_no_whole_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hvdbench.workflows.gopro_check.read_record", lambda: RECORD)
    whole, release = write_release(tmp_path, RECORD)
    command = ["dataset", "check-gopro", str(whole), str(release), "--engine", "local:1"]
    answer = CliRunner().invoke(cli, command)
    assert answer.exit_code == 0, answer.output
    assert "train: 5 of 5 frames are equal to the rounded means of their windows" in answer.output
    assert "test: 2 of 3 frames are equal" in answer.output
    assert "begins before the release (1): test/GOPR0881_11_01/000201" in answer.output

    path = release / "test/GOPR0881_11_01/blur/000203.png"
    cv2.imwrite(str(path), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    changed = CliRunner().invoke(cli, command)
    assert changed.exit_code == 1
    assert "first test/GOPR0881_11_01/000203" in str(changed.exception)

    (whole / "test").rename(tmp_path / "elsewhere")
    half = CliRunner().invoke(cli, command)
    assert half.exit_code == 1
    assert isinstance(half.exception, HvdbenchError)
    assert "has 2 of 3 clips of GOPRO_Large_all in folders such as train/GOPR0372_07_00/*.png" in str(half.exception)
    some = CliRunner().invoke(cli, [*command, "--clip", "GOPR0372_07_00"])
    assert "train: 3 of 3 frames" in some.output
    assert "no clip of GOPRO_Large named" in str(CliRunner().invoke(cli, [*command, "--clip", "GOPR1"]).exception)
