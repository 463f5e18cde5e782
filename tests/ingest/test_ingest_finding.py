"""What ingest finds in a camera's folders: each film under a name of its own, nothing twice, a word for the rest."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made_film import make_film, pattern
from PIL import Image

from hvdbench.cli.data.ingest import ingest as command
from hvdbench.frames import write_clip
from hvdbench.ingest import dataset
from hvdbench.ingest.dataset import Ingested, IngestRequest, ingest
from hvdbench.ingest.finding import find_captures
from hvdbench.video.companions import PREVIEW

FILM = pattern(1, 2, 32, 32)


def film(path: Path, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return make_film(path, pattern(seed, 2, 32, 32))


def photo(path: Path, seed: int = 1, taken: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    Image.fromarray(pattern(seed, 1, 64, 48)[0]).save(path, exif=exif)
    return path


def take_in(*paths: Path, out: Path, **settings) -> Ingested:
    return ingest(IngestRequest(tuple(paths), out, device="p", split="train", **settings))


def files_of(found: Ingested) -> dict[str, str]:
    """The manifest's captures: key to the file's own name."""
    return {key: entry["file"] for key, entry in found.dataset.manifest["provenance"]["captures"].items()}


def left_in(path: Path) -> tuple[list[str], list[str]]:
    found = find_captures([path])
    return [capture.below for capture in found.captures], found.left_out


def test_two_captures_of_one_name_in_two_folders_both_come_in_and_are_known_again(tmp_path):
    first, second = (film(tmp_path / f"DCIM/10{index}APPLE/IMG_0001.MOV", index) for index in (0, 1))
    found = take_in(tmp_path / "DCIM", out=tmp_path / "ds")
    assert found.failures == ()
    (plain, hashed) = sorted(files_of(found))
    assert plain == "p_IMG_0001"
    sha256 = found.dataset.manifest["provenance"]["captures"][hashed]["sha256"]
    assert hashed == f"p_IMG_0001-{sha256[:8]}"
    assert files_of(found) == {plain: "100APPLE/IMG_0001.MOV", hashed: "101APPLE/IMG_0001.MOV"}
    again = take_in(second, first, out=tmp_path / "ds")
    assert again.rows == (
        "101APPLE/IMG_0001.MOV: already in 'train', 1 clips",
        "100APPLE/IMG_0001.MOV: already in 'train', 1 clips",
    )
    assert again.dataset.digest == found.dataset.digest


def test_a_capture_of_a_name_that_is_taken_comes_in_later_too(tmp_path):
    take_in(film(tmp_path / "a.mp4", 1), out=tmp_path / "ds")
    found = take_in(film(tmp_path / "other/A.mov", 2), film(tmp_path / "other/a.mp4", 3), out=tmp_path / "ds")
    assert found.failures == ()
    names = [clip.name.lower() for clip in found.dataset.clips()]
    assert len(set(names)) == 3  # also where a file system knows no case of letters


def test_a_name_that_another_process_took_in_the_meantime_gets_digits(tmp_path, monkeypatch):
    real, taken = dataset.ClipSeries, []

    def series_after_another_process(*given):
        if not taken:
            taken.append(True)
            take_in(film(tmp_path / "other/a.mp4", 2), out=tmp_path / "ds")
        return real(*given)

    monkeypatch.setattr(dataset, "ClipSeries", series_after_another_process)
    found = take_in(film(tmp_path / "a.mp4", 1), out=tmp_path / "ds")
    assert found.failures == ()
    assert len(found.dataset.clips()) == 2


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("测试", r"p_unnamed-[0-9a-f]{8}"),
        ("视频 2", r"p_2-[0-9a-f]{8}"),
        ("café au lait", "p_cafe-au-lait"),
        ("2022-01-26T20:57:04Z", "p_2022-01-26T20-57-04Z"),
        ("-rf _.", "p_rf"),
        ("x" * 240, r"p_x{47}-[0-9a-f]{8}"),
    ],
)
def test_a_film_of_any_name_comes_in_and_its_own_name_is_kept(tmp_path, name, key):
    found = take_in(film(tmp_path / f"{name}.mp4"), out=tmp_path / "ds")
    ((found_key, file),) = files_of(found).items()
    assert re.fullmatch(key, found_key)
    assert file == f"{name}.mp4"
    assert [clip.name for clip in found.dataset.clips()] == [f"{found_key}_000"]


def test_names_without_latin_letters_stay_apart_and_do_not_hang_on_unicodes_spelling(tmp_path):
    found = take_in(film(tmp_path / "测试.mp4", 1), film(tmp_path / "视频.mp4", 2), out=tmp_path / "ds")
    assert len(files_of(found)) == 2
    composed, decomposed = "뷰", "\u1107\u1172"
    one = take_in(film(tmp_path / f"{composed}.mp4", 3), out=tmp_path / "one")
    other = take_in(film(tmp_path / f"{decomposed}.mp4", 3), out=tmp_path / "other")
    assert set(files_of(one)) == set(files_of(other))


def test_photos_beside_films_are_left_out_and_told(tmp_path):
    for index in (1, 4, 7):
        photo(tmp_path / f"DCIM/Camera/IMG_20240101_12000{index}.jpg", index)
    film(tmp_path / "DCIM/Camera/VID_20240101_120005.mp4")
    result = CliRunner().invoke(command, [str(tmp_path / "DCIM"), "-o", str(tmp_path / "ds"), "--split", "train"])
    assert result.exit_code == 0
    assert "1 clips" in result.stdout
    assert "Left out: " in result.stderr
    assert "Camera: 3 photos beside videos; frames of a clip belong in a folder of their own" in result.stderr


def test_what_a_pattern_of_the_shell_names_is_told_in_one_line_a_kind(tmp_path):
    names = ("IMG_1.jpg", "IMG_2.HEIC", "IMG_3.jpg", "GL010001.LRV", "GL010002.LRV")
    for name in names:
        (tmp_path / name).touch()
    found = take_in(*(tmp_path / name for name in names), film(tmp_path / "GX010001.MP4"), out=tmp_path / "ds")
    assert (len(found.rows), found.failures) == (1, ())
    pictures, previews = found.left_out
    assert pictures.endswith(
        "IMG_1.jpg and 2 more files: each is a picture and no video: name the folder of a clip's frames"
    )
    assert previews.endswith("GL010001.LRV and 1 more files: each is " + PREVIEW)


def test_photos_in_a_folder_of_their_own_are_no_clip(tmp_path):
    for index in range(3):  # of one scene, as people take several of it
        photo(tmp_path / f"roll/2024/IMG_{index}.jpg", 1, taken=f"2024:01:01 12:00:{10 * index:02d}")
    photo(tmp_path / "roll/lone/a.png")
    film(tmp_path / "roll/a.mp4")
    found = take_in(tmp_path / "roll", out=tmp_path / "ds")
    assert found.failures == ()
    assert list(files_of(found).values()) == ["a.mp4"]
    assert any("2024 has 3 frames, of which no two follow each other" in line for line in found.left_out)
    assert any("lone has 1 frame: at least 2 are needed" in line for line in found.left_out)
    named = take_in(tmp_path / "roll/2024", out=tmp_path / "named")
    assert (named.dataset, named.left_out) == (None, ())
    assert "they are photos" in named.failures[0]
    assert not (tmp_path / "named").exists()


def test_a_burst_of_one_second_is_a_clip(tmp_path):
    for index, frame in enumerate(pattern(1, 4, 64, 48)):
        (tmp_path / "burst").mkdir(exist_ok=True)
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:01:01 12:00:0{index // 2}"
        Image.fromarray(frame).save(tmp_path / f"burst/{index}.jpg", exif=exif)
    (clip,) = take_in(tmp_path / "burst", out=tmp_path / "ds").dataset.clips()
    assert len(clip.blurry()) == 4
    kept = (tmp_path / "ds/dataset.json").read_text() + str(clip.attributes())
    assert "2024" not in kept


@pytest.mark.parametrize(
    ("companion", "whose"),
    [
        ("100GOPRO/GL010001.LRV", "a preview"),
        ("100GOPRO/GL010001.MP4", "a preview"),
        ("100GOPRO/GX010001.THM", "a thumbnail"),
        ("100MEDIA/DJI_0001.LRF", "a preview"),
        ("Camera01/LRV_20240101_120000_01_001.mp4", "a preview"),
        ("M4ROOT/SUB/C0001S03.MP4", "a preview"),
        ("M4ROOT/THMBNL/C0001T01.JPG", "a thumbnail"),
        ("cut/Proxies/IMG_0001.mov", "a preview"),
        ("cut/IMG_0001_Proxy.mov", "a preview"),
        ("100APPLE/IMG_E0001.MOV", "an edited copy"),
    ],
)
def test_what_belongs_to_a_film_is_left_out_and_told(tmp_path, companion, whose):
    for name in ("100GOPRO/GX010001.MP4", "M4ROOT/CLIP/C0001.MP4", "100APPLE/IMG_0001.MOV"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    films = len(left_in(tmp_path)[0])
    (tmp_path / companion).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / companion).touch()
    captures, left_out = left_in(tmp_path)
    assert len(captures) == films == 3
    (sentence,) = left_out
    assert f": 1 x {whose}" in sentence
    named = find_captures([tmp_path / "100GOPRO/GX010001.MP4", tmp_path / companion])
    assert len(named.captures) == 1
    assert f"is {whose}" in named.left_out[0]


def test_other_files_of_such_names_are_no_previews(tmp_path):
    for name in ("list_proxy.txt", "Proxies/readme.txt", "Proxies/notes.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert left_in(tmp_path) == ([], [])


def test_a_film_that_is_named_beside_its_folder_is_one_capture(tmp_path):
    path = film(tmp_path / "in/a.mp4")
    (tmp_path / "in/link.mp4").symlink_to(path)
    found = find_captures([path, tmp_path / "in", tmp_path])
    assert ([capture.path for capture in found.captures], found.failures) == ([path], [])
    missing = take_in(tmp_path / "GL010001.LRV", tmp_path / "none.png", out=tmp_path / "ds")
    assert all("does not exist" in failure for failure in missing.failures)
    assert len(missing.failures) == 2


def test_an_edited_film_without_the_film_it_is_of_is_a_capture(tmp_path):
    (tmp_path / "IMG_E0001.MOV").touch()
    assert left_in(tmp_path) == (["IMG_E0001.MOV"], [])


def test_what_is_no_capture_is_left_out_with_a_word_and_what_a_system_hides_without(tmp_path):
    for name in (
        *("@eaDir/a.mp4", ".thumbnails/1.jpg", "$RECYCLE.BIN/b.mp4", ".trashed-1-c.mp4", "._d.mp4", "notes.txt"),
        *("e.mp4", "rare/f.insv", "heic/1.HEIC", "heic/2.heic", "pairs/sharp/1.png", "pairs/blur/1.png"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)  # a loop
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/dataset.json").touch()
    captures, left_out = left_in(tmp_path)
    assert captures == ["e.mp4", "pairs/blur"]
    said = [line.removeprefix(f"{tmp_path}/") for line in left_out]
    assert said == [
        "heic: 2 pictures of kinds that are not read (.heic)",
        "link is a link to a folder: name it itself to have it searched",
        "own is a dataset of hvdbench",
        "pairs/sharp contains the sharp frames of pairs: take pairs in with 'hvdbench dataset import'",
        "rare/f.insv is of a rare kind of video: name it itself to have it read",
    ]


def test_bad_captures_are_listed_at_the_end_and_nothing_of_them_is_left(tmp_path):
    film(tmp_path / "in/good.mp4")
    (tmp_path / "in/empty.mp4").touch()
    (tmp_path / "in/cut.mp4").write_bytes(film(tmp_path / "whole.mp4").read_bytes()[:200])
    (tmp_path / "in/lost.mp4").symlink_to("nothing.mp4")
    (tmp_path / "in/loop.mp4").symlink_to("loop.mp4")
    write_clip(tmp_path / "in/frames", FILM)
    (tmp_path / "in/frames/00000001.png").write_bytes(b"no picture")
    result = CliRunner().invoke(command, [str(tmp_path / "in"), "-o", str(tmp_path / "ds"), "--split", "train"])
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    for name, words in (
        ("empty.mp4", "is empty (0 bytes)"),
        ("cut.mp4", "it is damaged, or not a video"),
        ("lost.mp4", "is a link to a file that is not there"),
        ("loop.mp4", "is a link to a file that is not there"),
        ("frames", "is not a picture that can be decoded"),
    ):
        assert any(name in line and words in line for line in errors), (name, errors)
    assert len(errors) == 5
    assert result.stderr.splitlines()[-1] == "5 of 6 captures were not taken in"
    manifest = json.loads((tmp_path / "ds/dataset.json").read_text())
    assert list(manifest["clips"]) == ["train/unknown-device_good_000"]
    assert [path.name for path in (tmp_path / "ds/train").iterdir()] == ["unknown-device_good_000"]


def test_a_folder_that_may_not_be_read_does_not_end_the_search(tmp_path, monkeypatch):
    film(tmp_path / "a.mp4")
    (tmp_path / "closed").mkdir()
    real = Path.iterdir

    def guarded(self):
        if self.name == "closed":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "iterdir", guarded)
    found = take_in(tmp_path, out=tmp_path / "out/ds")
    assert len(found.dataset.clips()) == 1
    assert found.failures == (f"{tmp_path / 'closed'} cannot be read: Permission denied",)


def test_jpeg_frames_become_png_and_nothing_is_lost_twice(tmp_path):
    frames = pattern(1, 3, 64, 48)
    (tmp_path / "in").mkdir()
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"in/{index}.jpg")
    (clip,) = take_in(tmp_path / "in", out=tmp_path / "ds").dataset.clips()
    assert [path.name for path in sorted((clip.folder / "blur").iterdir())] == [
        f"{index:08d}.png" for index in range(3)
    ]
    decoded = np.stack([np.asarray(Image.open(tmp_path / f"in/{index}.jpg")) for index in range(3)])
    np.testing.assert_array_equal(clip.blurry(), decoded)
