"""What lies beside a release's frames: exposures in names, gyroscopes, lenses, boxes, seven sharp frames for one."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from made_release import FRAMES, make_release

from hvdbench.dataset.importing import AdoptRequest, adopt
from hvdbench.dataset.pickled import read_pickled
from hvdbench.errors import InputError
from hvdbench.frames import read_frame, write_frame
from hvdbench.store import Dataset


def take(tmp_path: Path, name: str) -> Dataset:
    return adopt(AdoptRequest(tmp_path / "release", name, tmp_path / "out", incomplete=True)).dataset


def test_gyrovd_keeps_exposures_and_rates_on_one_clock(tmp_path: Path) -> None:
    make_release(tmp_path / "release", "gyrovd")
    clip = take(tmp_path, "gyrovd").clips("train")[0]
    # Each made exposure begins at 1 s + 33 ms times its number and ends 17 ms later; rates come every 5 ms from 1 s on.
    assert clip.track("exposure_s") == pytest.approx([0.017] * FRAMES)
    assert clip.track("t_s") == pytest.approx([0, 0.033, 0.066])
    assert int(clip.track("clock_zero_ns")) == 1_008_500_000
    assert clip.track("gyro/t_s") == pytest.approx(np.arange(9) * 0.005 - 0.0085)
    np.testing.assert_allclose(clip.track("gyro/rate_rad_s")[:, 2], np.arange(9) / 100)
    assert clip.track("intrinsics/focal_cy_cx_px") is None


def test_gyrovd_real_keeps_the_lens_of_every_frame(tmp_path: Path) -> None:
    make_release(tmp_path / "release", "gyrovd-real")
    clip = take(tmp_path, "gyrovd-real").clips()[0]
    np.testing.assert_array_equal(clip.track("intrinsics/focal_cy_cx_px")[:, 0], [3000, 3001, 3002])
    assert clip.track("intrinsics/focal_cy_cx_px")[0].tolist() == [3000, 2040, 1536]


def test_a_frame_that_states_no_exposure_and_a_table_without_numbers_are_refused(tmp_path: Path) -> None:
    clips = make_release(tmp_path / "release", "gyrovd")
    table = clips[0].blurry / "../meta_info/gyro.csv"
    good = table.read_text()
    table.write_text("a,b,c,d,e\n")
    with pytest.raises(InputError, match=r"gyro.csv is not a table of numbers"):
        take(tmp_path, "gyrovd")
    table.write_text(good)
    frame = sorted(clips[0].blurry.iterdir())[0]
    frame.rename(frame.with_name("000000_1_2_blur.png"))
    with pytest.raises(InputError, match=r"does not state its exposure|would be paired with"):
        take(tmp_path, "gyrovd")


def test_rb2v_keeps_seven_sharp_frames_the_middle_one_as_truth_and_the_order(tmp_path: Path) -> None:
    clips = make_release(tmp_path / "release", "rb2v")
    for number in range(1, 8):  # mark each of the seven by its top left pixel
        for file in clips[0].sharp.glob(f"*_{number}.png"):
            frame = read_frame(file)
            frame[0, 0] = number
            write_frame(file, frame)
    dataset = take(tmp_path, "rb2v")
    clip = dataset.clips("train")[0]
    assert clip.truth("mid")[:, 0, 0, 0].tolist() == [4, 4, 4]
    series = sorted((clip.folder / "sharp_series").iterdir())
    assert [path.name for path in series[:8]] == [f"00000000_{n}.png" for n in range(1, 8)] + ["00000001_1.png"]
    assert [int(read_frame(path)[0, 0, 0]) for path in series] == [1, 2, 3, 4, 5, 6, 7] * FRAMES
    assert clip.track("series/order").tolist() == [b"ignore"] * FRAMES
    series[0].unlink()
    assert any("differs from what was written" in fault for fault in dataset.verify())


def test_rb2v_is_divided_as_its_metadata_says(tmp_path: Path) -> None:
    make_release(tmp_path / "release", "rb2v")
    file = tmp_path / "release" / "metadata.json"
    content = json.loads(file.read_text())
    content["data"][0]["partition"] = "test"
    file.write_text(json.dumps(content))
    dataset = take(tmp_path, "rb2v")
    assert {f"{clip.split}/{clip.name}": len(clip.blurry()) for clip in dataset.clips()} == {
        "test/00000": 1,
        "test/00001": 3,
        "train/00000": 2,
    }


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[0].pop("partition"), r"entry 0 of 'data' has no text 'partition'"),
        (lambda data: data.pop(), r"metadata.json does not list .*0002.png"),
        (lambda data: data[0].update(blur_path="../../x.png"), r"lists .*x.png, which is not there"),
        (lambda data: data[0].update(blur_path=3), r"entry 0 of 'data' has no text 'blur_path'"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(tmp_path: Path, spoil, said: str) -> None:
    make_release(tmp_path / "release", "rb2v")
    file = tmp_path / "release" / "metadata.json"
    content = json.loads(file.read_text())
    spoil(content["data"])
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=said):
        take(tmp_path, "rb2v")


@pytest.mark.parametrize("text", ["[]", "{", '{"data": 3}', "[" * 100_000])
def test_metadata_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    make_release(tmp_path / "release", "rb2v")
    (tmp_path / "release" / "metadata.json").write_text(text)
    with pytest.raises(InputError, match=r"metadata\.json"):
        take(tmp_path, "rb2v")


def test_metadata_and_lists_that_are_missing_are_asked_for(tmp_path: Path) -> None:
    make_release(tmp_path / "release", "rb2v")
    (tmp_path / "release" / "metadata.json").unlink()
    with pytest.raises(InputError, match=r"metadata.json is not there: it says which frames are of which split"):
        take(tmp_path, "rb2v")
    make_release(tmp_path / "other", "realblur-r")
    (tmp_path / "other" / "RealBlur_R_test_list.txt").unlink()
    with pytest.raises(InputError, match=r"RealBlur_R_test_list.txt is not there"):
        adopt(AdoptRequest(tmp_path / "other", "realblur-r", tmp_path / "out", incomplete=True))


def test_b_aist_keeps_boxes_and_says_nothing_of_frames_without_one(tmp_path: Path) -> None:
    make_release(tmp_path / "release", "b-aist")
    clip = take(tmp_path, "b-aist").clips("train")[0]
    box = clip.track("box_px")
    assert box[:2].tolist() == [[1.5, 2, 30, 40]] * 2
    assert np.isnan(box[2]).all()


PLAIN = [
    {"bbox": np.array([1.5, 2, 3, 4, 0.9], np.float32), "more": [(1, 2), None, True, "text", b"bytes"]},
    {"bbox": [1.5, 2, 3, 4]},
    {"bbox": tuple(np.float64(value) for value in (1.5, 2, 3, 4))},
    {"bbox": np.array([[1.5, 2], [3, 4]], order="F")},
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", PLAIN)
def test_plain_pickles_of_every_protocol_are_read(tmp_path: Path, value: dict[str, object], protocol: int) -> None:
    (tmp_path / "box.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
    found = read_pickled(tmp_path / "box.pkl")
    np.testing.assert_allclose(np.asarray(found["bbox"], float).reshape(-1)[:4], [1.5, 2, 3, 4])


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('it was run')",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_names_code_is_refused_and_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "box.pkl").write_bytes(pickle.dumps({"bbox": Runs()}, protocol=protocol))
    with pytest.raises(InputError, match=r"is not a pickle of plain data: it asks for .*exec"):
        read_pickled(tmp_path / "box.pkl")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04N", b"\x80\x04]\x94h\x00a.", b"x" * (1 << 21)])
def test_a_damaged_pickle_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "box.pkl").write_bytes(content)
    with pytest.raises(InputError, match="is not a pickle of plain data"):
        read_pickled(tmp_path / "box.pkl")
