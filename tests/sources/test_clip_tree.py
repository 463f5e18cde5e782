"""Sources made of files: GoPro's and REDS's layouts, folders and films of one's own, and what is refused."""

import logging
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from hvdbench.errors import InputError, UnknownNameError, VideoError
from hvdbench.frames import write_frame
from hvdbench.sources.clip_tree import choose, clips_below
from hvdbench.sources.folder import FolderSource
from hvdbench.sources.gopro import GoProSource
from hvdbench.sources.high_speed import VideoScene
from hvdbench.sources.layout import load_layout
from hvdbench.sources.reds import RedsSource
from hvdbench.sources.scene import SourceOptions
from hvdbench.video.writer import write_video


def write_frames(folder: Path, count: int = 2, *, size: tuple[int, int] = (96, 72), name: str = "{:06d}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        write_frame(folder / name.format(index + 1), np.full((size[1], size[0], 3), 20 * index, np.uint8))
    return folder


def write_film(path: Path, fps: int = 30, count: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, np.stack([np.full((72, 96, 3), 40 * index, np.uint8) for index in range(count)]), fps=fps)
    return path


def scenes(source: type, root: Path, *names: str, fps: float | None = None) -> list[VideoScene]:
    return source(SourceOptions(root=root, names=names, fps=fps)).scenes()  # type: ignore[arg-type, no-any-return]


def told(found: list[VideoScene]) -> list[tuple[str, str, float]]:
    return [(scene.split, scene.name, scene.fps) for scene in found]


def whole_gopro(root: Path) -> Path:
    write_frames(root / "train" / "GOPR0372_07_00", 3)
    write_frames(root / "test" / "GOPR0384_11_00", 3)
    return root


def paired_gopro(root: Path) -> Path:
    for clip in ("train/GOPR0372_07_00", "test/GOPR0384_11_00", "test/GOPR0410_13_00"):
        for kind in ("blur", "blur_gamma", "sharp"):
            write_frames(root / clip / kind)
    return root


BOTH = [("train", "GOPR0372_07_00", 240.0), ("test", "GOPR0384_11_00", 240.0)]


def test_gopro_clips_keep_their_split_and_their_rate(tmp_path: Path) -> None:
    (whole_gopro(tmp_path) / "test" / "empty").mkdir()
    found = scenes(GoProSource, tmp_path)
    assert told(found) == BOTH
    assert found[0].size == (80, 56)  # 96x72 less 5 % of the width a side, down to multiples of 8
    assert found[0].provenance == "GOPRO_Large_all train/GOPR0372_07_00, 240 fps"
    assert found[0].licence == "CC BY 4.0 (GOPRO_Large_all)"
    (slow, _) = scenes(GoProSource, tmp_path, fps=30.0)
    assert slow.fps == 30.0
    assert slow.provenance.endswith("30 fps as the user states; 30 fps footage stands in for high-speed frames")


def test_the_folder_above_gopro_and_one_split_of_it_will_do(tmp_path: Path) -> None:
    root = whole_gopro(tmp_path / "data" / "GOPRO_Large_all")
    assert told(scenes(GoProSource, root.parent)) == BOTH
    assert told(scenes(GoProSource, root / "train")) == BOTH[:1]
    assert told(scenes(GoProSource, root / "test")) == BOTH[1:]


def test_of_both_gopro_data_sets_in_one_folder_the_high_speed_one_is_taken(tmp_path: Path) -> None:
    paired_gopro(tmp_path / "GOPRO_Large")
    whole_gopro(tmp_path / "GOPRO_Large_all")
    assert told(scenes(GoProSource, tmp_path)) == BOTH
    (tmp_path / "GOPRO_Large_all").rename(tmp_path / "gopro240")
    with pytest.raises(InputError, match=r"contains several folders of GoPro clips \(GOPRO_Large, gopro240\)"):
        scenes(GoProSource, tmp_path)


def test_gopro_pairs_give_their_sharp_frames_at_the_rate_that_their_names_tell(tmp_path: Path) -> None:
    found = scenes(GoProSource, paired_gopro(tmp_path))
    assert [(scene.split, scene.name) for scene in found] == [
        ("train", "GOPR0372_07_00"),
        ("test", "GOPR0384_11_00"),
        ("test", "GOPR0410_13_00"),
    ]
    assert [scene.fps for scene in found] == pytest.approx([240 / 7, 240 / 11, 240 / 13])
    for scene, rate in zip(found, ("240/7 fps", "240/11 fps", "240/13 fps"), strict=True):
        assert f"sharp frames, about {rate}: no high-speed source" in scene.provenance
        assert scene.licence == "CC BY 4.0 (GOPRO_Large)"


def test_a_rate_that_is_given_holds_for_gopro_pairs(tmp_path: Path) -> None:
    found = scenes(GoProSource, paired_gopro(tmp_path), "GOPR0384_11_00", fps=24.0)
    assert found[0].fps == 24.0
    assert "read at 24 fps as asked" in found[0].provenance


def test_a_flat_gopro_folder_is_test(tmp_path: Path) -> None:
    write_frames(tmp_path / "GOPR1")
    assert told(scenes(GoProSource, tmp_path)) == [("test", "GOPR1", 240.0)]


def test_a_clips_name_says_how_many_frames_gopro_averaged() -> None:
    # Its author's answer in SeungjunNah/DeepDeblur_release: 000323 ... 000329 are behind the first of GOPR0372_07_00.
    layout = load_layout("gopro")[1]
    assert layout.fps_of("GOPR0372_07_00") == 240 / len(range(323, 330))
    assert layout.fps_of("GOPR0384_11_05") == 240 / 11
    assert layout.fps_of("000") is None


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("train/train_orig", "val/val_orig"),
        ("train_orig", "val_orig"),
        ("REDS_120fps/train/train_orig", "REDS_120fps/val/val_orig"),
        ("train", "val"),
    ],
)
def test_reds_is_found_in_each_of_its_layouts_and_validation_is_test(tmp_path: Path, train: str, val: str) -> None:
    for part in (train, val):
        write_frames(tmp_path / part / "000", name="{:08d}.png")
    found = scenes(RedsSource, tmp_path)
    assert told(found) == [("train", "000", 120.0), ("test", "val_000", 120.0)]
    assert found[1].provenance == "REDS 120 fps, validation clip 000, here in the split test"
    assert scenes(RedsSource, tmp_path, "val_000")[0].split == "test"


def test_reds_unpacked_zip_by_zip_is_one_data_set(tmp_path: Path) -> None:
    write_frames(tmp_path / "train_orig_part0" / "train" / "train_orig" / "000")
    write_frames(tmp_path / "train_orig_part1" / "train" / "train_orig" / "015")
    assert [scene.name for scene in scenes(RedsSource, tmp_path)] == ["000", "015"]


@pytest.mark.parametrize(("part", "name"), [("train_orig", "000"), ("val_orig", "val_000"), ("val", "val_000")])
def test_one_part_of_reds_may_be_the_root(tmp_path: Path, part: str, name: str) -> None:
    write_frames(tmp_path / part / "000")
    assert [scene.name for scene in scenes(RedsSource, tmp_path / part)] == [name]


@pytest.mark.parametrize("where", ["train_sharp", "train/train_sharp"])
def test_reds_at_24_fps_is_refused_with_the_reason(tmp_path: Path, where: str) -> None:
    write_frames(tmp_path / where / "000")
    with pytest.raises(
        InputError, match=r"contains REDS at 24 fps \(train_sharp\): the source 'reds' needs the frames at"
    ):
        scenes(RedsSource, tmp_path)


def test_a_folder_of_clip_folders_and_films_is_as_many_clips(tmp_path: Path) -> None:
    write_frames(tmp_path / "b")
    write_frames(tmp_path / "one_frame", 1)
    write_film(tmp_path / "a.mp4", fps=50)
    for name in ("notes.txt", ".hidden.mp4", "a_Proxy.mp4", "GL010001.LRV"):
        (tmp_path / name).touch()
    found = scenes(FolderSource, tmp_path)
    assert told(found) == [("test", "a", 50.0), ("test", "b", 240.0)]
    assert found[0].provenance.startswith("film 'a.mp4' at 50 fps")
    assert found[1].provenance == "folder of frames 'b' at 240 fps"


def test_train_and_test_of_ones_own_are_kept(tmp_path: Path) -> None:
    write_frames(tmp_path / "train" / "a")
    write_film(tmp_path / "test" / "b.mov", fps=120)
    write_frames(tmp_path / "c")
    assert told(scenes(FolderSource, tmp_path)) == [("train", "a", 240.0), ("test", "b", 120.0), ("test", "c", 240.0)]


def test_a_film_is_one_clip_that_can_be_sent_to_a_worker(tmp_path: Path) -> None:
    (scene,) = scenes(FolderSource, write_film(tmp_path / "walk.mp4", fps=100))
    assert told([scene]) == [("test", "walk", 100.0)]
    copy = pickle.loads(pickle.dumps(scene))
    assert copy.duration_s == pytest.approx(0.04)
    first, last = (copy.layers(t_s)[0].texture.mean() for t_s in (0.005, 0.035))
    assert first < 0.01 < 0.1 < last


def test_a_rate_that_is_given_wins_over_a_films_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_film(tmp_path / "slow.mp4", fps=30)
    with caplog.at_level(logging.WARNING, "hvdbench"):
        (given,) = scenes(FolderSource, path, fps=240.0)
    assert given.fps == 240.0
    assert given.provenance == "film 'slow.mp4', which states 30 fps, read at 240 fps as asked"
    assert caplog.messages == ["slow.mp4 states 30 fps and is read at 240 fps, as the recipe says"]
    caplog.clear()
    (near,) = scenes(FolderSource, path, fps=29.97)
    assert near.fps == 30.0
    assert caplog.messages == []


def test_depth_maps_are_taken_where_each_frame_has_one(tmp_path: Path) -> None:
    for clip, folder in (("beside", ""), ("below", "depth")):
        write_frames(tmp_path / clip)
        (tmp_path / clip / folder).mkdir(exist_ok=True)
        for index in (1, 2):
            np.save(tmp_path / clip / folder / f"{index:06d}.npy", np.full((36, 48), 2.0, np.float32))
    write_frames(tmp_path / "flat")
    below, beside, flat = scenes(FolderSource, tmp_path)
    assert below.has_depth
    assert beside.has_depth
    assert not flat.has_depth
    assert beside.provenance == "folder of frames 'beside' at 240 fps, with a depth map each"
    (tmp_path / "beside" / "000002.npy").unlink()
    with pytest.raises(InputError, match="there must be one for each frame, or none"):
        scenes(FolderSource, tmp_path)


def test_monst3rs_output_is_a_clip_with_depth_and_its_masks_are_no_frames(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "walk", 3, name="frame_{:04d}.png")
    write_frames(folder, 3, name="dynamic_mask_{}.png")
    for index in (1, 2, 3):
        np.save(folder / f"frame_{index:04d}.npy", np.full((36, 48), 2.0, np.float32))
    (folder / "pred_traj.txt").touch()
    (scene,) = scenes(FolderSource, tmp_path)
    assert scene.has_depth
    assert len(scene.frames) == 3


def test_a_frame_of_another_size_is_told_when_it_is_read(tmp_path: Path) -> None:
    write_frames(tmp_path / "clip", 3)
    write_frames(tmp_path / "clip", 1, size=(98, 72), name="000003.png")
    (scene,) = scenes(FolderSource, tmp_path)
    with pytest.raises(
        InputError, match=r"000003.png is 98x72, and the first frame is 96x72: all frames of a clip must have one size"
    ):
        scene.layers(2.5 / 240)


@pytest.mark.parametrize("source", [GoProSource, RedsSource, FolderSource])
def test_a_name_that_is_not_there_gets_a_hint(tmp_path: Path, source: type) -> None:
    for name in ("harbour", "station"):
        write_frames(tmp_path / "train" / name)
    with pytest.raises(UnknownNameError, match=r"clip named 'harbuor'; did you mean 'harbour'\? \(known: harbour, st"):
        scenes(source, tmp_path, "harbuor")


def test_clips_come_in_the_order_in_which_they_are_asked_for(tmp_path: Path) -> None:
    for name in "abc":
        write_frames(tmp_path / name)
    assert [scene.name for scene in scenes(FolderSource, tmp_path, "c", "a")] == ["c", "a"]


def test_two_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    write_frames(tmp_path / "walk")
    write_film(tmp_path / "walk.mp4")
    with pytest.raises(InputError, match=r"walk and .*walk.mp4 would both be the same clip: rename one of them"):
        scenes(FolderSource, tmp_path)


def test_a_clip_lies_in_a_folder_with_two_frames_or_more(tmp_path: Path) -> None:
    write_frames(tmp_path / "a" / "sharp")
    write_frames(tmp_path / "b", 1)
    write_frames(tmp_path / ".c")
    assert clips_below(tmp_path, "test") == []
    assert [clip.name for clip in clips_below(tmp_path, "test", inside="sharp", prefix="x_")] == ["x_a"]
    assert clips_below(tmp_path / "gone", "test") == []
    assert choose([], SourceOptions(), "clip") == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            GoProSource,
            r"contains no GoPro clips: expected empty/train/<clip>/000001.png \(GOPRO_Large_all at 240 fps\), emp",
        ),
        (
            RedsSource,
            r"contains no REDS clips: expected empty/train/train_orig/<clip>/00000000.png, empty/train",
        ),
        (FolderSource, "contains neither frames, nor clip folders of at least two frames, nor videos"),
    ],
)
def test_a_root_without_clips_is_refused_with_what_was_expected(tmp_path: Path, source: type, said: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=said):
        scenes(source, tmp_path / "empty")


@pytest.mark.parametrize("source", ["gopro", "reds", "folder"])
def test_a_root_that_is_missing_is_asked_for_with_all_its_places(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HVDBENCH_CONFIG", str(tmp_path / "my.toml"))
    made = {"gopro": GoProSource, "reds": RedsSource, "folder": FolderSource}[source]
    places = rf"name it with --root, HVDBENCH_{source.upper()}_ROOT, or \[roots\] {source} in .*my.toml"
    with pytest.raises(InputError, match=f"the source '{source}' needs .*: {places}"):
        made(SourceOptions())
    with pytest.raises(InputError, match=f"nowhere is not a folder: the source '{source}' needs"):
        made(SourceOptions(root=tmp_path / "nowhere"))


@pytest.mark.parametrize("source", [GoProSource, RedsSource])
def test_a_file_is_no_root_of_a_data_set(tmp_path: Path, source: type) -> None:
    with pytest.raises(InputError, match="is not a folder: the source"):
        source(SourceOptions(root=write_film(tmp_path / "film.mp4")))


def test_a_gopro_clip_folder_named_as_root_is_told_from_a_data_set(tmp_path: Path) -> None:
    write_frames(tmp_path / "GOPR1", 3)
    with pytest.raises(
        InputError, match="contains frames but no clip folders: name the folder above it, or use the source"
    ):
        scenes(GoProSource, tmp_path / "GOPR1")


@pytest.mark.parametrize("file", ["text_named_mp4.mp4", "zero_bytes.mov", "audio_only.mp4", "broken_moov.mp4"])
def test_a_film_that_is_none_is_refused_in_one_sentence(tmp_path: Path, shared: Path, file: str) -> None:
    shutil.copyfile(shared / "data" / "hostile" / file, tmp_path / file)
    with pytest.raises(VideoError, match=file):
        scenes(FolderSource, tmp_path)


def test_slow_motion_of_a_phone_is_read_at_the_rate_of_its_capture(shared: Path) -> None:
    path = shared / "data" / "phone" / "samsung_sef_slow_motion_240p.mp4"
    (own,), (given,) = scenes(FolderSource, path), scenes(FolderSource, path, fps=240.0)
    assert own.fps == pytest.approx(30.47, abs=0.1)
    assert given.fps == 240.0
    assert given.size == (288, 208)
    assert len(given.frames) == 63


def test_real_sharp_frames_are_a_clip(shared: Path) -> None:
    (scene,) = scenes(FolderSource, shared / "data" / "paired" / "reds_027_x4_f000-039" / "sharp", fps=24.0)
    assert told([scene]) == [("test", "sharp", 24.0)]
    assert scene.size == (288, 144)


@pytest.mark.parametrize("source", [GoProSource, RedsSource, FolderSource])
@pytest.mark.parametrize(("blurry", "sharp"), [("blur", "sharp"), ("input", "target"), ("Blurry", "GT")])
def test_blurry_frames_are_never_taken_for_sharp_ones(tmp_path: Path, source: type, blurry: str, sharp: str) -> None:
    for split in ("train", "test"):
        for kind in (blurry, sharp):
            write_frames(tmp_path / split / kind)
    with pytest.raises(
        InputError, match=rf"contains blurry frames \({blurry}\), which cannot be a sharp source"
    ) as caught:
        scenes(source, tmp_path)
    assert "'hvdbench dataset import'" in str(caught.value)


@pytest.mark.parametrize("source", [GoProSource, FolderSource])
def test_one_clip_of_gopros_pairs_is_no_data_set_of_three_clips(tmp_path: Path, source: type) -> None:
    clip = paired_gopro(tmp_path) / "test" / "GOPR0384_11_00"
    with pytest.raises(InputError, match=r"contains blurry frames \(blur\)"):
        scenes(source, clip)


@pytest.mark.parametrize("source", [GoProSource, FolderSource])
@pytest.mark.parametrize(
    ("blurry", "sharp"),
    [
        ("blur", "sharp"),
        ("blurry", "gt"),
        ("input", "GT"),
        ("input", "target"),
        ("input_crops", "target_crops"),
        ("blur_crops", "sharp_crops"),
        ("lq", "gt"),
        ("LQ", "HQ"),
        ("source", "target"),
        ("train_blur", "train_sharp"),
        ("test_blur_gamma", "test_sharp"),
    ],
)
def test_clips_below_a_folder_of_blurry_frames_are_refused_at_every_root(
    tmp_path: Path, source: type, blurry: str, sharp: str
) -> None:
    for kind in (blurry, sharp):
        for clip in ("GOPR0372_07_00", "GOPR0384_11_00"):
            write_frames(tmp_path / "set" / kind / clip)
            write_frames(tmp_path / "by_split" / kind / "train" / clip)
    roots = (tmp_path / "set" / blurry, tmp_path / "by_split" / blurry, tmp_path / "by_split" / blurry / "train")
    for root in roots:
        with pytest.raises(InputError, match=rf"contains blurry frames \({blurry}\), which cannot be a sharp source"):
            scenes(source, root)
    if source is FolderSource:
        with pytest.raises(InputError, match=rf"contains blurry frames \({blurry}\)"):
            scenes(source, tmp_path / "set" / blurry / "GOPR0372_07_00")


@pytest.mark.parametrize(
    ("source", "clip"), [(GoProSource, "GOPR0372_07_00"), (RedsSource, "000"), (FolderSource, "a")]
)
def test_a_split_of_a_folder_of_blurry_frames_is_refused_without_the_sharp_one(
    tmp_path: Path, source: type, clip: str
) -> None:
    write_frames(tmp_path / "blur" / "train" / clip)
    with pytest.raises(InputError, match=r"contains blurry frames \(blur\)"):
        scenes(source, tmp_path / "blur" / "train")
    write_frames(tmp_path / "deblurring" / "blur" / "own" / clip)  # a project's name says nothing of its frames
    assert len(scenes(FolderSource, tmp_path / "deblurring" / "blur" / "own", fps=60.0)) == 1


@pytest.mark.parametrize("sharp", ["sharp", "gt", "target", "train_sharp"])
@pytest.mark.parametrize("below", ["", "train"])
def test_the_sharp_half_of_gopros_pairs_keeps_the_rate_and_licence_of_pairs(
    tmp_path: Path, sharp: str, below: str
) -> None:
    blurry = {"train_sharp": "train_blur", "sharp": "blur"}.get(sharp, "input")
    for kind in (sharp, blurry):
        write_frames(tmp_path / kind / below / "GOPR0372_07_00")
    (scene,) = scenes(GoProSource, tmp_path / sharp / below)
    assert scene.fps == pytest.approx(240 / 7)
    assert scene.licence == "CC BY 4.0 (GOPRO_Large)"
    assert "no high-speed source" in scene.provenance


@pytest.mark.parametrize("letters", [("A", "B"), ("trainA", "trainB"), ("fold_A", "fold_B")])
def test_of_a_and_b_nobody_knows_which_is_blurry(tmp_path: Path, letters: tuple[str, str]) -> None:
    for letter in letters:
        write_frames(tmp_path / letter / "GOPR0372_07_00")
    for letter in letters:
        with pytest.raises(InputError, match=f"contains {letter}, one of A and B: perhaps blurry, which cannot"):
            scenes(GoProSource, tmp_path / letter)
        assert len(scenes(FolderSource, tmp_path / letter, fps=30.0)) == 1  # its owner says so
    for letter in letters:
        write_frames(tmp_path / "flat" / letter)
    with pytest.raises(InputError, match="one of A and B: perhaps blurry"):
        scenes(FolderSource, tmp_path / "flat", fps=30.0)


def test_clips_that_are_called_a_and_b_are_clips_where_they_are_no_pair(tmp_path: Path) -> None:
    for count, letter in ((3, "A"), (4, "B")):
        write_frames(tmp_path / "other_frames" / letter, count)
        write_frames(tmp_path / "small_letters" / f"train_{letter.lower()}")
    assert [scene.name for scene in scenes(FolderSource, tmp_path / "other_frames")] == ["A", "B"]
    assert [scene.name for scene in scenes(FolderSource, tmp_path / "small_letters")] == ["train_a", "train_b"]


def test_sharp_frames_of_pairs_get_no_rate_that_nobody_gave(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for kind in ("blur", "sharp"):
        write_frames(tmp_path / "train" / kind)
    with pytest.raises(InputError, match=r"contains the sharp frames of pairs and states no rate: give it"):
        scenes(FolderSource, tmp_path / "train" / "sharp")
    assert told(scenes(FolderSource, tmp_path / "train" / "sharp", fps=34.0)) == [("test", "sharp", 34.0)]
    write_frames(tmp_path / "own")
    with caplog.at_level(logging.WARNING, "hvdbench"):
        scenes(FolderSource, tmp_path / "own")
    assert caplog.messages == [f"{tmp_path / 'own'} states no rate and is taken at 240 fps: give it with --source-fps"]


def test_photos_beside_a_film_are_no_sharp_source(tmp_path: Path) -> None:
    write_frames(tmp_path)
    write_film(tmp_path / "walk.mp4", fps=50)
    with pytest.raises(InputError, match=r"contains 2 pictures beside the video walk\.mp4, which may be"):
        scenes(FolderSource, tmp_path)
    assert told(scenes(FolderSource, tmp_path / "walk.mp4")) == [("test", "walk", 50.0)]


def test_clips_of_ones_own_may_have_any_name_and_the_provenance_keeps_it(tmp_path: Path) -> None:
    write_frames(tmp_path / "12:30")
    write_film(tmp_path / "z.mp4", fps=50).rename(tmp_path / "what?.mp4")
    write_frames(tmp_path / "视频")
    first, second, third = scenes(FolderSource, tmp_path)
    assert first.name.startswith("12-30-")
    assert first.provenance.startswith("folder of frames '12:30' at")
    assert second.name.startswith("what-")
    assert third.name == "视频"
    assert [scene.name for scene in scenes(FolderSource, tmp_path, "12:30")] == [first.name]


def test_a_folder_of_blurry_frames_is_refused_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"contains blurry frames \(blur_gamma\)"):
        scenes(FolderSource, write_frames(tmp_path / "a" / "blur_gamma"))
    assert told(scenes(FolderSource, write_frames(tmp_path / "a" / "sharp"), fps=60)) == [("test", "sharp", 60.0)]
    assert told(scenes(FolderSource, write_frames(tmp_path / "input"), fps=60)) == [("test", "input", 60.0)]


@pytest.mark.parametrize(("source", "title"), [(GoProSource, "GOPRO_Large_all"), (RedsSource, "REDS at 120 fps")])
def test_clips_of_other_names_are_not_taken_for_a_release(tmp_path: Path, source: type, title: str) -> None:
    write_frames(tmp_path / "train" / "harbour")
    with pytest.raises(InputError, match=f"clip 'harbour' is not named like the clips of {title} .* use --src folder"):
        scenes(source, tmp_path)


def test_pairs_of_other_names_have_no_rate_to_be_read_at(tmp_path: Path) -> None:
    write_frames(tmp_path / "test" / "mine" / "sharp")
    with pytest.raises(InputError, match=r"clip 'mine' is not named like the clips of GOPRO_Large \(GOPR0372_07_00\)"):
        scenes(GoProSource, tmp_path, fps=24.0)
