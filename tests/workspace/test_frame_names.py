"""Files of results are paired with frames by name; what names leave open, or say otherwise, is refused."""

from pathlib import Path

import pytest

from hvdbench.errors import InputError
from hvdbench.workspace.frame_names import match_names

NAMES = [f"{index:08d}" for index in range(6)]
LACKING = frozenset({0, 1, 4, 5})


def match(stems, names=NAMES, suffix=".png", **more):
    return match_names([Path(f"{stem}{suffix}") for stem in stems], names, whose="theirs/one", **more)


@pytest.mark.parametrize(
    "stems",
    [
        NAMES,
        [f"{name}_out" for name in NAMES],
        [f"clip0_{name}_x4" for name in NAMES],
        [str(index) for index in range(6)],
        [f"frame{index + 7}" for index in range(6)],
        [f"{index:05d}" for index in range(1, 7)],
        [f"{index}_500" for index in range(6)],
    ],
    ids=["own names", "a word behind", "words around", "unpadded", "from 7", "another width from 1", "iterations"],
)
def test_files_of_every_frame_are_taken_in_order(stems):
    found = match(stems)
    assert found.files == (0, 1, 2, 3, 4, 5)
    assert found.absent == []


def test_names_that_are_no_numbers_are_paired_by_name():
    names = ["1403636579.763", "1403636579.813", "1403636579.863"]
    assert match(names[::-1], names).files == (2, 1, 0)
    assert match([f"{name}_deblurred" for name in names], names).files == (0, 1, 2)
    assert match(["dawn", "noon"], ["noon", "dawn"]).files == (1, 0)


def test_other_words_beside_the_clip_s_own_numbers_are_paired_by_number():
    names = ["000_blur", "003_blur", "010_blur"]
    assert match(["010_sharp", "000_sharp", "003_sharp"], names).files == (1, 2, 0)
    with pytest.raises(InputError, match="numbered with a gap"):
        match(["000_sharp", "004_sharp", "010_sharp"], names)


@pytest.mark.parametrize(
    ("stems", "words"),
    [
        ([*NAMES[:3], *NAMES[4:], "comparison"], r"1 missing: 00000003; 1 that no frame .*: comparison"),
        (
            [f"{index:08d}" for index in range(1, 7)],
            r"1 missing: 00000000; 1 that no frame .*: 00000006; each number is \+1 off",
        ),
        ([f"out_{index:08d}" for index in range(1, 7)], r"1 missing: 00000000"),
        (
            NAMES[:3],
            r"has 3 frames, and the clip has 6: each frame of the clip needs one result under its name \(3 missing: "
            r"00000003, 00000004",
        ),
        ([*NAMES, "00000006"], r"1 that no frame of the clip is called: 00000006"),
        (["0", "1", "2", "4", "5", "6"], "numbered with a gap, from 2 to 4"),
        (["1", "2", "3"], "has 3 frames, and the clip has 6"),
        (["a", "b", "c", "d", "e", "f"], "do not show which frame each one is"),
        ([f"{i}_{i % 2}" for i in range(6)], "do not show which frame each one is"),
        ([f"{n}_{k}" for n in NAMES[:3] for k in ("input", "gt")], r"2 kinds of names \(#_gt, #_input"),
        ([f"{n}_{k}" for n in NAMES[:3] for k in ("ours", "theirs")], r"2 kinds of names \(#_ours, #_theirs"),
    ],
)
def test_other_files_are_refused_in_a_sentence(stems, words):
    with pytest.raises(InputError, match=f"theirs/one .*{words}"):
        match(stems)


def test_inputs_and_truths_beside_results_are_left_out_and_never_fill_a_gap():
    stems = [f"{name}_{word}" for name in NAMES for word in ("input", "gt", "estrnn")]
    found = match(stems)
    assert [stems[index] for index in found.files] == [f"{name}_estrnn" for name in NAMES]
    assert found.left_out == ("#_gt", "#_input")
    with pytest.raises(InputError, match="1 missing: 00000002"):
        match([stem for stem in stems if stem != "00000002_estrnn"])
    found = match([*NAMES, *(f"{name}_gt" for name in NAMES)])
    assert found.files == (0, 1, 2, 3, 4, 5)


def test_a_frame_twice_is_refused():
    files = [Path(f"{name}{suffix}") for name in NAMES for suffix in (".jpg", ".png")]
    with pytest.raises(InputError, match="contains the frame 00000000 twice"):
        match_names(files, NAMES, whose="theirs/one")


def test_exactly_the_frames_that_do_not_count_may_lack():
    for stems in (["00000002", "00000003"], ["00000002_estrnn", "00000003_estrnn"], ["002_x", "003_x"]):
        found = match(stems, may_lack=LACKING)
        assert found.files == (None, None, 0, 1, None, None)
        assert found.absent == [0, 1, 4, 5]
    assert match(NAMES, may_lack=LACKING).absent == []
    for stems in (["00000001", "00000002", "00000003"], ["00000003", "00000004"], ["00000002"], ["2", "3", "4"]):
        with pytest.raises(InputError):
            match(stems, may_lack=LACKING)
