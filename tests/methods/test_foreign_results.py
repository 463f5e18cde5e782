"""Results that come as frames: folders in three layouts, and commands that write them."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made_model import made_clip, restore

from hvdbench.errors import InputError
from hvdbench.frames import list_frames, write_clip, write_frame
from hvdbench.labels.sharpness import label_paper
from hvdbench.methods.foreign.command import fill, split_command
from hvdbench.methods.opening import open_method
from hvdbench.methods.restoration import Budget
from hvdbench.metrics.protocols.known import find_protocol
from hvdbench.scoring.result_files import ResultFiles, find_results
from hvdbench.video.writer import write_video

SCRIPT = """
import shutil, sys
from pathlib import Path

given, made = Path(sys.argv[1]), Path(sys.argv[2])
for number, path in enumerate(sorted(given.glob("*.png"))):
    shutil.copy(path, made / f"out_{number}.png")
"""


@pytest.fixture
def script(tmp_path) -> Path:
    path = tmp_path / "their program.py"
    path.write_text(SCRIPT)
    return path


def command(script: Path, rest: str = "", **settings):
    return open_method(f"command:'{sys.executable}' '{script}' {{input}} {{output}} {rest}", settings=settings)


@pytest.mark.parametrize("layout", ["test/a", "a", "."])
def test_result_frames_are_found_in_each_layout(tmp_path, layout):
    clip = made_clip(12)
    write_clip(tmp_path / "results" / layout, clip, [f"{number}.png" for number in range(12)])
    method = open_method(f"folder:{tmp_path / 'results'}")
    np.testing.assert_array_equal(restore(method, clip[::-1], clip="test/a"), clip)  # 2.png before 10.png


def test_a_clip_s_own_split_comes_first(tmp_path):
    for number, place in enumerate(("test/a", "a", "train/a")):
        write_clip(tmp_path / place, made_clip(2, seed=number))
    for key, place in (("test/a", "test/a"), ("train/a", "train/a"), ("other/a", "a")):
        found = find_results(tmp_path, key)
        assert found == ResultFiles(tmp_path / place, tuple(list_frames(tmp_path / place)))
    assert find_results(tmp_path, "other/b") is None
    assert find_results(tmp_path, None) is None


def test_results_that_do_not_match_the_clip_are_refused(tmp_path):
    clip = made_clip(5, 20, 30)
    write_clip(tmp_path / "results" / "short", clip[2:])
    write_clip(tmp_path / "results" / "small", clip[:, 1:])
    write_clip(tmp_path / "results" / "damaged", clip)
    (tmp_path / "results" / "damaged" / "00000003.png").write_bytes(b"junk")
    method = open_method(str(tmp_path / "results"))
    for name, words in {
        "short": "short has 3 frames, and the clip has 5: each frame of the clip needs one result",
        "small": "small has frames of 30x19 px, but those of the clip are 30x20 px: results must keep the size",
        "damaged": r"00000003\.png is not a picture",
        "missing": "has no frames for the clip test/missing: put them in <split>/<clip>/",
    }.items():
        with pytest.raises(InputError, match=words):
            restore(method, clip, clip=f"test/{name}")


def test_a_dataset_is_compared_with_the_folder_before_anything_is_read(tmp_path):
    clip = made_clip(3)
    write_clip(tmp_path / "results" / "a", clip)
    write_clip(tmp_path / "results" / "test" / "b", clip)
    check = open_method(str(tmp_path / "results")).scheme.check_clips
    three, four = ([f"{index:08d}" for index in range(count)] for count in (3, 4))
    check({"test/a": three, "test/b": three})
    with pytest.raises(InputError, match=r"has no frames for 2 of 3 clips \(test/c, test/d\)"):
        check({"test/a": three, "test/c": three, "test/d": three})
    with pytest.raises(InputError, match=r"contains the frames of one clip, but 2 clips \(test/a, train/a\)"):
        check({"test/a": three, "train/a": three})
    with pytest.raises(InputError, match="a has 3 frames, and the clip has 4"):
        check({"test/a": four})
    write_clip(tmp_path / "flat", clip)
    flat = open_method(str(tmp_path / "flat")).scheme.check_clips
    flat({"test/a": three})
    with pytest.raises(InputError, match="but 2 clips"):
        flat({"test/a": three, "test/b": three})


def test_the_digest_of_a_folder_follows_its_frames_and_not_its_place(tmp_path):
    for name in ("one", "two"):
        write_clip(tmp_path / name / "test" / "a", made_clip(2))
    digest = open_method(str(tmp_path / "one")).digest
    assert open_method(str(tmp_path / "two")).digest == digest
    (tmp_path / "one" / "notes.txt").write_text("a word")
    assert open_method(str(tmp_path / "one")).digest == digest
    write_frame(tmp_path / "one" / "test" / "a" / "00000001.png", made_clip(1, seed=1)[0])
    assert open_method(str(tmp_path / "one")).digest != digest


def test_a_folder_without_frames_is_refused(tmp_path):
    with pytest.raises(
        InputError,
        match=r"contains no frames: put them in <split>/<clip>/ or <clip>/, as <clip>_<frame>.png, or as <clip>.mp4",
    ):
        open_method(f"folder:{tmp_path}")
    with pytest.raises(InputError, match="is not a folder: name the folder that contains the result frames"):
        open_method(f"folder:{tmp_path / 'missing'}")


def test_a_command_s_frames_are_taken_in_natural_order_and_its_folders_are_gone(tmp_path, script, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    clip = made_clip(12)
    method = command(script)
    assert method.name == "their_program"
    np.testing.assert_array_equal(restore(method, clip), clip)
    script.write_text("raise SystemExit('no luck')")
    with pytest.raises(InputError, match="ended with exit code 1: no luck"):
        restore(method, clip)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_placeholders_reach_the_program(tmp_path, script):
    (tmp_path / "w.pth").write_bytes(b"weights")
    script.write_text(f"import sys; open({str(tmp_path / 'seen')!r}, 'w').write(' '.join(sys.argv[3:]))\n{SCRIPT}")
    template = f"command:'{sys.executable}' '{script}' {{input}} {{output}} --on={{device}} {{fps}} {{weights}}"
    method = open_method(template, weights=tmp_path / "w.pth", settings={"fps": 59.94})
    assert method.name == "their_program-w"
    restore(method, made_clip(1), device="cuda:1")
    assert (tmp_path / "seen").read_text() == f"--on=cuda:1 59.94 {tmp_path / 'w.pth'}"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; print('first', file=sys.stderr); sys.exit('last words')", "exit code 1: last words$"),
        ("print('only said'); raise SystemExit(3)", "exit code 3: only said$"),
        ("raise SystemExit(4)", "exit code 4: it printed nothing$"),
        ("import os; os.kill(os.getpid(), 11)", "was ended by signal 11"),
        ("pass", "has 0 frames, and the clip has 5: each frame of the clip needs one result$"),
        (
            "import os, sys; os.mkdir(sys.argv[2] + '/deep')",
            "it contains the folder deep, but frames must not lie in a folder below",
        ),
        (f"{SCRIPT}\n(made / 'out_0.png').unlink()", "has 4 frames, and the clip has 5"),
        (f"{SCRIPT}\n(made / 'out_0.png').write_bytes(b'x')", r"out_0\.png is not a picture"),
        (
            f"{SCRIPT}\nimport cv2\nfor p in made.iterdir(): cv2.imwrite(str(p), cv2.imread(str(p))[::2, ::2])",
            "has frames of 27x19 px, but those of the clip are 53x37 px",
        ),
    ],
)
def test_a_command_that_fails_is_one_sentence(script, program, words):
    script.write_text(program)
    with pytest.raises(InputError, match=words) as caught:
        restore(command(script), made_clip())
    assert "\n" not in str(caught.value)


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path, script):
    script.write_text(
        "import subprocess, time\n"
        f"subprocess.Popen(['sh', '-c', 'sleep 3; touch {tmp_path / 'late'}'])\n"
        "time.sleep(60)\n"
    )
    started = time.monotonic()
    with pytest.raises(InputError, match=r"did not end within 1 s: set a longer timeout_s"):
        restore(command(script, timeout_s=1), made_clip(1))
    assert time.monotonic() - started < 3
    time.sleep(max(0.0, 4 - (time.monotonic() - started)))
    assert not (tmp_path / "late").exists()


def test_clips_of_more_than_eight_bits_are_refused(tmp_path, script):
    write_clip(tmp_path / "results", made_clip(2))
    deep = made_clip(2).astype(np.uint16)
    for method in (command(script), open_method(str(tmp_path / "results"))):
        with pytest.raises(InputError, match="returns 8-bit frames, but the clip is uint16"):
            method.scheme.restore(deep, label_paper(made_clip(2)), Budget())


def test_no_shell_reads_the_command(tmp_path, script):
    method = command(script, f"'; touch {tmp_path / 'ran'}' $HOME > {tmp_path / 'ran'}")
    restore(method, made_clip(1))
    assert not (tmp_path / "ran").exists()


def test_what_a_value_holds_is_not_filled_in_again():
    words = split_command("x {input}/a {output} '{fps}'")
    values = {"input": "/tmp/{output}", "output": "o p", "fps": "30"}
    assert fill(words, values) == ["x", "/tmp/{output}/a", "o p", "30"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("run {output}", r"lacks \{input\}"),
        ("run {input}", r"lacks \{output\}"),
        ("run '{input} {output}", "cannot be split into words: No closing quotation"),
        ("run {input} {output} {clip}", r"unknown \{clip\} \(known: \{input\}, \{output\}, \{device\}"),
        ("run {input} {output} {weights}", r"contains \{weights\}, but no weights are given"),
        ("", r"lacks \{input\}"),
    ],
)
def test_a_template_that_cannot_be_used_is_answered(template, words):
    with pytest.raises(InputError, match=words):
        open_method(f"command:{template}")


def test_a_program_that_is_not_there_and_weights_without_a_place_are_answered(tmp_path):
    with pytest.raises(InputError, match="'no-such-program' cannot be started: No such file"):
        restore(open_method("command:no-such-program {input} {output}"), made_clip(1))
    with pytest.raises(InputError, match=r"does not contain \{weights\}, so w\.pth would not reach it"):
        open_method("command:run {input} {output}", weights=Path("w.pth"))
    with pytest.raises(InputError, match=r"the weights w\.pth are not a file"):
        open_method("command:run {input} {output} {weights}", weights=Path("w.pth"))


def test_the_digest_of_a_command_follows_words_and_files(tmp_path, script):
    digest = command(script).digest
    assert command(script, timeout_s=5).digest == digest
    assert command(script, "--more").digest != digest
    script.write_text(SCRIPT + "\n# more\n")
    assert command(script).digest != digest
    open_method("command:sh -c '" + "true;" * 200 + "' {input} {output}")  # a word longer than a name may be


def test_pictures_that_begin_with_their_clip_s_name_may_share_a_folder(tmp_path, caplog):
    clips = {key: made_clip(3, seed=number) for number, key in enumerate(("test/a", "test/a1", "train/b"))}
    for key, clip in clips.items():
        split, _, name = key.partition("/")
        front = f"{split}_{name}" if name == "b" else name
        write_clip(tmp_path / "flat", clip, [f"{front}_{index:08d}_x4.png" for index in range(3)])
    write_frame(tmp_path / "flat" / "overview.png", made_clip(1)[0])
    method = open_method(str(tmp_path / "flat"))
    names = tuple(f"{index:08d}" for index in range(3))
    method.scheme.check_clips(dict.fromkeys(clips, names))
    assert "overview.png belong to no clip and were left out" in caplog.text
    for key, clip in clips.items():
        np.testing.assert_array_equal(restore(method, clip, clip=key, frame_names=names), clip)
    with pytest.raises(InputError, match=r"has no frames for 1 of 4 clips \(test/c\)"):
        method.scheme.check_clips(dict.fromkeys([*clips, "test/c"], names))


@pytest.mark.parametrize("behind", ["_500", "_ours", ""])
def test_each_picture_may_lie_in_a_folder_of_its_frame_s_name(tmp_path, behind):
    clip = made_clip(3)
    names = tuple(f"{index:08d}" for index in range(3))
    for name, frame in zip(names, clip, strict=True):
        (tmp_path / "basicsr" / "a" / name).mkdir(parents=True)
        write_frame(tmp_path / "basicsr" / "a" / name / f"{name}{behind}.png", frame)
    method = open_method(str(tmp_path / "basicsr"))
    method.scheme.check_clips({"test/a": names})
    np.testing.assert_array_equal(restore(method, clip, clip="test/a", frame_names=names), clip)
    digest = method.digest
    write_frame(tmp_path / "basicsr" / "a" / names[1] / f"{names[1]}_1000.png", clip[0])
    method = open_method(str(tmp_path / "basicsr"))
    assert method.digest != digest
    with pytest.raises(InputError, match="basicsr/a"):
        method.scheme.check_clips({"test/a": names})


@pytest.mark.parametrize("place", ["test/a.mkv", "a.mkv", "a_restored.mkv", "a/anything.mkv"])
def test_a_film_for_each_clip_is_taken_whole(tmp_path, place):
    clip = np.stack([np.full((48, 64, 3), level, np.uint8) for level in (40, 90, 140, 200)])
    (tmp_path / "films" / place).parent.mkdir(parents=True)
    write_video(tmp_path / "films" / place, clip, fps=25)
    method = open_method(str(tmp_path / "films"))
    names = tuple(f"{index:08d}" for index in range(4))
    method.scheme.check_clips({"test/a": names})
    found = restore(method, clip, clip="test/a", frame_names=names)
    np.testing.assert_allclose(found, clip, atol=3)  # a film is lossy
    with pytest.raises(InputError, match="has 4 frames, the clip has 3"):
        restore(method, clip[:3], clip="test/a", frame_names=names[:3])
    alone = open_method(str(tmp_path / "films" / place))
    np.testing.assert_array_equal(restore(alone, clip, clip="test/a", frame_names=names), found)


def test_two_films_of_a_clip_are_refused_unless_one_is_its_input(tmp_path):
    clip = made_clip(3, 48, 64)
    for name in ("a_ours", "a_input"):
        write_video(tmp_path / f"{name}.mkv", clip, fps=25)
    found = find_results(tmp_path, "test/a")
    assert found == ResultFiles(tmp_path / "a_ours.mkv")
    write_video(tmp_path / "a_theirs.mkv", clip, fps=25)
    with pytest.raises(InputError, match=r"has 2 videos for one clip \(a_ours.mkv, a_theirs.mkv\)"):
        find_results(tmp_path, "test/a")


def test_a_protocol_that_does_not_count_the_missing_frames_is_named(tmp_path):
    names = [f"{index:08d}" for index in range(6)]
    write_clip(tmp_path / "a", made_clip(2), [f"{name}.png" for name in names[2:4]])
    check = open_method(str(tmp_path)).scheme.check_clips
    with pytest.raises(InputError, match=r"4 missing: .*; --protocol estrnn-2020 does not count the frames"):
        check({"test/a": names})
    check({"test/a": names}, find_protocol("estrnn-2020"))


def test_films_of_several_clips_lie_beside_each_other(tmp_path):
    frames = np.stack([np.full((48, 64, 3), level, np.uint8) for level in (40, 90, 140)])
    keys = ("test/a", "test/b", "train/c")
    for number, name in enumerate("abc"):
        write_video(tmp_path / f"{name}.mkv", frames + 20 * number, fps=25)
    names = tuple(f"{index:08d}" for index in range(3))
    method = open_method(str(tmp_path))
    method.scheme.check_clips(dict.fromkeys(keys, names))
    for number, key in enumerate(keys):
        found = restore(method, frames, clip=key, frame_names=names)
        np.testing.assert_allclose(found, frames + 20 * number, atol=3)
    with pytest.raises(InputError, match=r"has no frames for 1 of 4 clips \(test/d\)"):
        method.scheme.check_clips(dict.fromkeys([*keys, "test/d"], names))
