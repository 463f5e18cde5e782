"""A person's own clip: what is written and where, what is refused, and what a stopped run leaves."""

import base64
import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_clip import CONTROL, FIT, shaken
from made_video import make_sound

from hvdbench.cli.main import main
from hvdbench.errors import InputError, UnknownNameError
from hvdbench.frames import read_clip, write_clip
from hvdbench.labels.clues import choose_clues
from hvdbench.labels.sharpness import label_paper, select_sharp
from hvdbench.labels.temporal_sharpness import map_picture, sharpness_maps
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.video.reader import read_video
from hvdbench.video.writer import write_video
from hvdbench.workflows.deblur import deblur_clip
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult
from hvdbench.workflows.deblur.self_check import Change, advice
from hvdbench.workspace.workspace import Workspace

NOT_A_CLIP = [
    "almost_empty_13_bytes.flv",
    "audio_only.mp4",
    "broken_moov.mp4",
    "invalid_bitstream_vp9.webm",
    "jpeg_named_tiff.tiff",
    "moov_only_1kb.mov",
    "text_named_mp4.mp4",
    "zero_bytes.mov",
]
TOO_SMALL = ["one_pixel_yuv444p.mp4", "rgb_gbrp_2x2.mp4"]


@pytest.fixture
def method(tmp_path) -> str:
    (tmp_path / "fit.toml").write_text(FIT)
    return str(tmp_path / "fit.toml")


@pytest.fixture
def control(tmp_path) -> str:
    (tmp_path / "control.toml").write_text(CONTROL)
    return str(tmp_path / "control.toml")


@pytest.fixture
def source(tmp_path) -> Path:
    names = [f"IMG_{index}.jpg" for index in range(7, 15)]  # 10 comes after 9
    write_clip(tmp_path / "clip", shaken(), names)
    return tmp_path / "clip"


@pytest.fixture
def out(tmp_path) -> Path:
    """A name in an empty folder, so that a test sees everything that is written."""
    return tmp_path / "written" / "restored"


def deblur(
    source: Path, output: Path, method: str, *, overwrite: bool = False, seed: int = 0, **options
) -> DeblurResult:
    request, budget = DeblurRequest(source, output, method=method, **options), Budget(seed=seed)
    return deblur_clip(request, workspace=Workspace(overwrite=overwrite), budget=budget)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def manifest(output: Path) -> dict:
    return json.loads(output.with_suffix(".json").read_text())


def refused(monkeypatch, capsys, *arguments: object) -> str:
    """Run the command line, which must end with code 1 and one line; give that line."""
    monkeypatch.setattr(sys, "argv", ["hvdbench", "deblur", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    *_, line = said.err.strip().splitlines()  # what is going to be done may be announced before
    assert line.startswith("Error: ")
    assert ". " not in line.replace("e.g. ", "")
    return line


def test_a_folder_comes_out_under_the_same_names_with_page_and_manifest_beside(source, out, method):
    result = deblur(source, out, method)
    assert {path.name for path in out.iterdir()} == {f"{path.stem}.png" for path in source.iterdir()}
    assert result.lines[
        0
    ] == "note: frames of clip are JPEG, which loses: restored frames are written as PNG, which " + ("does not")
    assert {path.name for path in out.parent.iterdir()} == {"restored", "restored.html", "restored.json"}
    assert (result.output, result.page, result.manifest) == (out, out.with_suffix(".html"), out.with_suffix(".json"))
    restored = read_clip(out)
    assert restored.shape == (8, 48, 64, 3)
    assert not np.array_equal(restored, read_clip(source))

    facts = manifest(out)
    assert facts["state"] == "done"
    assert facts["frames"] == [f"IMG_{index}.png" for index in range(7, 15)]
    assert facts["selected"] == label_paper(read_clip(source)).selected.tolist()
    assert (facts["input"], facts["kind"], facts["size"], facts["crop"]) == ("clip", "folder", [64, 48], None)
    assert facts["recipe"]["settings"]["fit"]["stage1_steps"] == 2
    assert str(source.parent) not in json.dumps(facts)  # no path of this machine

    page = out.with_suffix(".html").read_text()
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", page)
    assert str(source.parent) not in page


def shown_maps(page: str) -> dict[int, np.ndarray]:
    """Return the maps that a page embeds, (H, W) uint8 by the numbers of their frames."""
    found = re.search(r'<script type="application/json" class="clip-data">(.+?)</script>', page, re.DOTALL)
    assert found
    pictures = {}
    for frame in json.loads(found[1])["frames"]:
        data = base64.b64decode(frame["pictures"]["temporal_sharpness"].partition(",")[2])
        pictures[frame["index"]] = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return pictures


def test_the_page_shows_where_the_neighbours_of_each_shown_frame_agree_with_it(tmp_path, out, control):
    write_clip(tmp_path / "clip", shaken())
    deblur(tmp_path / "clip", out, control)
    expected = [map_picture(found) for found in sharpness_maps(shaken())]
    pictures = shown_maps(out.with_suffix(".html").read_text())
    assert {0, len(shaken()) - 1} <= set(pictures)
    for index, picture in pictures.items():
        change = picture.astype(float) - expected[index]
        assert np.abs(change).mean() < 4, index  # the page's pictures are compressed
        assert np.corrcoef(picture.ravel(), expected[index].ravel())[0, 1] > 0.95, index


def test_frames_of_the_control_are_those_of_the_method(tmp_path, out, control):
    write_clip(tmp_path / "clip", shaken())  # PNG: what is written is what was restored
    deblur(tmp_path / "clip", out, control)
    restored = read_clip(out)
    selected = label_paper(shaken()).selected
    np.testing.assert_array_equal(restored[selected], shaken()[selected])


def test_a_video_comes_out_as_a_video_with_its_times(tmp_path, out, method):
    t_s = np.cumsum([0, 0.033, 0.04, 0.1, 0.033, 0.05, 0.02, 0.033])
    write_video(tmp_path / "clip.mp4", shaken(), fps=25, t_s=t_s)
    deblur(tmp_path / "clip.mp4", out.with_suffix(".mov"), method)
    assert {path.name for path in out.parent.iterdir()} == {"restored.mov", "restored.html", "restored.json"}
    video = read_video(out.with_suffix(".mov"))
    assert video.frames.shape == (8, 48, 64, 3)
    np.testing.assert_allclose(video.t_s, t_s, atol=1e-4)


def test_a_video_goes_to_a_folder_as_numbered_pictures(tmp_path, out, control):
    write_video(tmp_path / "clip.mp4", shaken(), fps=25)
    deblur(tmp_path / "clip.mp4", out, control)
    assert sorted(path.name for path in out.iterdir()) == [f"{index:08d}.png" for index in range(8)]


def test_sound_that_does_not_fit_is_told(tmp_path, out, control):
    make_sound(tmp_path / "sound.wav", "pcm_s16le")
    write_video(tmp_path / "clip.mkv", shaken(), fps=25, audio_from=tmp_path / "sound.wav")
    result = deblur(tmp_path / "clip.mkv", out.with_suffix(".mp4"), control)
    told = "restored.mp4: the sound of clip.mkv (pcm_s16le) does not fit .mp4 and was left out"
    assert f"note: {told}" in result.lines
    assert told in manifest(out)["warnings"]
    assert not read_video(out.with_suffix(".mp4")).facts.has_audio


def test_sound_that_fits_is_kept(tmp_path, out, control):
    make_sound(tmp_path / "sound.m4a", "aac")
    write_video(tmp_path / "clip.mp4", shaken(), fps=25, audio_from=tmp_path / "sound.m4a")
    deblur(tmp_path / "clip.mp4", out.with_suffix(".mp4"), control)
    assert read_video(out.with_suffix(".mp4")).facts.has_audio
    assert manifest(out)["warnings"] == []


def test_crop_and_size_come_before_everything_else(source, out, control, tmp_path):
    deblur(source, out, control, crop=(8, 4, 40, 40), size=(20, 20))
    assert read_clip(out).shape == (8, 20, 20, 3)
    assert manifest(out)["size"] == [20, 20]
    assert manifest(out)["crop"] == [8, 4, 40, 40]
    with pytest.raises(InputError, match=r"crop 40:0:40:40 .* does not lie inside"):
        deblur(source, tmp_path / "other", control, crop=(40, 0, 40, 40))


def test_a_clip_of_two_frames_is_restored(tmp_path, out, method):
    write_clip(tmp_path / "clip", shaken(2))
    deblur(tmp_path / "clip", out, method)
    assert read_clip(out).shape == (2, 48, 64, 3)


def test_the_same_command_again_leaves_everything_as_it_is(source, out, method):
    deblur(source, out, method)
    before = files(out.parent)
    result = deblur(source, out, method)
    assert result.lines == (f"{out}: already restored by the same command, left as it is",)
    assert files(out.parent) == before
    deblur(source, out, method, overwrite=True)
    frames = {name: data for name, data in files(out.parent).items() if name.endswith(".png")}
    assert frames.items() <= before.items()


def test_what_a_system_puts_beside_frames_does_not_make_a_finished_run_another(source, out, control):
    deblur(source, out, control)
    for name in (".DS_Store", "._IMG_7.png", "Thumbs.db"):
        (source / name).write_bytes(b"system")
        (out / name).write_bytes(b"system")
    assert "already restored by the same command" in deblur(source, out, control).lines[0]
    deblur(source, out, control, crop=(0, 0, 32, 32), overwrite=True)
    assert read_clip(out).shape == (8, 32, 32, 3)


@pytest.mark.parametrize("stop_at", ["label", "fit", "restore"])
def test_a_stopped_run_goes_on_and_ends_like_an_unbroken_one(source, out, method, tmp_path, stop_at):
    def stop(done: int, total: int, what: str) -> None:
        if what == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deblur_clip(DeblurRequest(source, out, method=method), budget=Budget(progress=stop))
    assert {path.name for path in out.parent.iterdir()} == {"restored.json"}
    assert manifest(out)["state"] == "running"
    half_written = out.parent / ".partial-999999999-restored"  # what a process leaves that was killed as it wrote
    half_written.mkdir()
    (half_written / "IMG_7.jpg").write_bytes(b"half")

    deblur(source, out, method)
    assert {path.name for path in out.parent.iterdir()} == {"restored", "restored.html", "restored.json"}
    assert manifest(out)["state"] == "done"
    deblur(source, tmp_path / "unbroken/restored", method)
    assert files(out) == files(tmp_path / "unbroken/restored")


def test_a_run_that_was_killed_between_frames_and_page_is_finished(source, out, method):
    deblur(source, out, method)
    unbroken = files(out)
    out.with_suffix(".json").write_text(json.dumps({"state": "running", "digest": manifest(out)["digest"]}))
    out.with_suffix(".html").unlink()
    deblur(source, out, method)
    assert out.with_suffix(".html").is_file()
    assert files(out) == unbroken


@pytest.mark.parametrize("what", ["a folder with a file", "another run's output", "another run's manifest"])
def test_what_came_from_something_else_is_not_touched(source, out, control, what):
    out.parent.mkdir()
    if what == "a folder with a file":
        out.mkdir()
        (out / "holiday.jpg").write_bytes(b"mine")
    else:
        deblur(source, out, control, crop=(0, 0, 32, 32))
    if what == "another run's manifest":
        for path in (*out.iterdir(), out.with_suffix(".html")):
            path.unlink()
    before = files(out.parent)
    with pytest.raises(
        InputError, match=r"already exists and came from something else: choose another output, or use --ov"
    ):
        deblur(source, out, control)
    assert files(out.parent) == before


def test_overwriting_replaces_another_run(source, out, control):
    deblur(source, out, control, crop=(0, 0, 32, 32))
    deblur(source, out, control, overwrite=True)
    assert read_clip(out).shape == (8, 48, 64, 3)
    assert {path.name for path in out.iterdir()} == {f"{path.stem}.png" for path in source.iterdir()}


def test_overwriting_never_deletes_the_input(tmp_path, control):
    clip = tmp_path / "work/clip"
    write_clip(clip, shaken())
    with pytest.raises(InputError):
        deblur(clip, tmp_path / "work", control, overwrite=True)
    assert len(list(clip.iterdir())) == 8


def test_the_output_must_be_another_than_the_input(source, control):
    with pytest.raises(InputError, match="is the input itself"):
        deblur(source, source, control, overwrite=True)
    assert len(list(source.iterdir())) == 8


def test_a_folder_of_frames_has_no_rate_to_make_a_video_with(source, out, control):
    with pytest.raises(InputError, match="has no frame rate: name a folder"):
        deblur(source, out.with_suffix(".mp4"), control)
    assert not out.parent.exists()


def test_one_picture_is_no_output_for_a_clip(source, out, control):
    with pytest.raises(InputError, match="is one file: name a folder, or a video"):
        deblur(source, out.with_suffix(".png"), control)


def test_a_method_that_learns_from_a_truth_is_refused(source, out):
    with pytest.raises(InputError, match="learns from a truth, and this clip has none"):
        deblur(source, out, "supervised_basicvsrpp")
    with pytest.raises(UnknownNameError, match="did you mean 'selfhvd_fusion'"):
        deblur(source, out, "selfhvd_fusio")
    assert not out.parent.exists()


def test_steps_keep_the_shares_of_both_stages(method, control):
    longer = load_method(method).with_fit_steps(300)
    fit = longer.scheme.settings.fit
    assert fit.stage1_steps == fit.stage2_steps == 150
    assert longer.recipe.values.settings["fit"]["stage1_steps"] == fit.stage1_steps
    assert longer.digest != load_method(method).digest
    assert load_method(method).with_fit_steps(None).digest == load_method(method).digest
    with pytest.raises(InputError, match="has no steps that --minutes or --steps could set"):
        load_method(control).with_fit_steps(1)


def test_a_clip_in_which_no_frame_is_sharper_is_told_what_to_expect(tmp_path):
    (told,) = advice(Path("clip.mp4"), select_sharp(np.array([100.0, 101, 99, 108])))
    assert told.startswith("no frame of clip.mp4 is sharper than the rest (the sharpest has 1.07 times")
    assert advice(Path("clip.mp4"), select_sharp(np.array([100.0, 101, 99, 300]))) == []


def test_blur_extents_that_hardly_differ_have_nothing_to_lend():
    (told,) = advice(Path("clip.mp4"), choose_clues(np.array([8.0, 8.1, 7.0, 8.2]), 320))
    assert told.startswith("no frame of clip.mp4 is sharper than the rest (the sharpest has 1.15 times")
    assert advice(Path("clip.mp4"), choose_clues(np.array([8.0, 8.1, 5.0, 8.2]), 320)) == []


def test_change_is_the_ratio_of_sharpness_and_the_median_shift():
    wide, change = shaken(width=160), Change()
    for frame in wide:
        change.add(frame[:, :158], frame[:, 2:])
    found = change.measured
    assert found["sharpness_ratio"] == pytest.approx(1.0, abs=0.1)
    assert found["shift_px_median"] == pytest.approx(2.0, abs=0.2)


def test_a_clip_of_one_colour_is_restored_without_a_measure(tmp_path, out, control):
    write_clip(
        tmp_path / "clip", np.full((3, 32, 32, 3), 10, np.uint8) * np.arange(1, 4, dtype=np.uint8).reshape(3, 1, 1, 1)
    )
    deblur(tmp_path / "clip", out, control)
    assert manifest(out)["measured"]["shift_px_median"] is None


def test_wrong_inputs_get_one_sentence_and_nothing_is_written(tmp_path, out, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    write_clip(tmp_path / "one", shaken(1))
    write_clip(tmp_path / "mixed", shaken(2))
    write_clip(tmp_path / "mixed", shaken(1, 80, 64), ["00000002.png"])
    write_clip(tmp_path / "clip", shaken(2))
    for name, words in {
        "missing": "does not exist",
        "empty": "contains no frames",
        "one": "has 1 frame: at least 2 are needed",
        "mixed": r"00000002.png is 80x64, and the frames before it are 64x48",
    }.items():
        assert words in refused(monkeypatch, capsys, tmp_path / name, "-o", out)
    for options, words in {
        ("--crop", "1:2:3"): "is not x:y:w:h",
        ("--size", "big"): "is not WxH",
        ("--device", "abacus"): "device 'abacus' cannot be used here",
        ("--method", "nothing"): "no method 'nothing'",
        ("--minutes", "1", "--method", "warp_average"): "has no steps that --minutes could set",
    }.items():
        assert words in refused(monkeypatch, capsys, tmp_path / "clip", "-o", out, *options)
    assert not out.parent.exists()


@pytest.mark.parametrize("output", [".", "notes.txt/restored"])
def test_an_output_that_cannot_be_is_answered_with_one_sentence(source, tmp_path, monkeypatch, capsys, output):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("mine")
    refused(monkeypatch, capsys, source, "-o", output, "--method", "blurry")


@pytest.mark.parametrize("suffix", [".avi", ".webm"])
def test_a_kind_of_video_that_cannot_be_written_is_refused(source, out, control, suffix):
    with pytest.raises(InputError, match=r"\.mkv, \.mov, \.mp4"):
        deblur(source, out.with_suffix(suffix), control)


@pytest.mark.parametrize("name", [*NOT_A_CLIP, *TOO_SMALL])
def test_a_hostile_file_without_a_clip_gets_one_sentence(shared, name, out, monkeypatch, capsys):
    line = refused(monkeypatch, capsys, shared / "data/hostile" / name, "-o", out)
    assert name in line
    assert not out.parent.exists()


@pytest.mark.parametrize(
    ("name", "count", "size", "warning"),
    [
        ("invalid_nalu_30pkts.mp4", 26, (96, 64), "decoding broke after 26 of 30 frames; those 26 were used"),
        ("truncated_midstream.mp4", 28, (96, 54), "decoding broke after 28 of 50 frames; those 28 were used"),
        ("odd_size_161x121_vp9.webm", 30, None, None),
        ("rot90_568x320_3f.mov", 3, (32, 56), None),
        ("rot180_568x320_3f.mov", 3, (57, 33), None),
        ("rot270_568x320_3f.mov", 3, (32, 56), None),
        ("ten_bit_h264_200x200.mp4", 30, (64, 64), None),
        ("unordered_pts_50x50.mov", 4, None, None),
        pytest.param("vfr_3026x1386.mp4", 63, (96, 44), None, marks=pytest.mark.slow),
    ],
)
def test_a_hostile_file_is_restored_as_far_as_it_decodes(shared, name, count, size, warning, out, method):
    result = deblur(shared / "data/hostile" / name, out, method, size=size)
    frames = read_clip(out)
    assert len(frames) == count
    assert frames.shape[2:0:-1] == (size or {"odd": (161, 121), "uno": (50, 50)}[name[:3]])
    if warning:
        assert any(line.startswith(f"note: {name}: {warning}") for line in result.lines)
        assert any(line.startswith(f"{name}: {warning}") for line in manifest(out)["warnings"])
    else:
        assert not any("decoding" in line for line in result.lines)


def test_a_hostile_file_of_odd_size_comes_out_as_a_video_of_that_size(shared, out, control):
    deblur(shared / "data/hostile/odd_size_161x121_vp9.webm", out.with_suffix(".mp4"), control)
    assert read_video(out.with_suffix(".mp4")).frames.shape == (30, 121, 161, 3)
