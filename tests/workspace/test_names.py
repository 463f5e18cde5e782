"""Names that could lead out of a folder, hide, or read as another name are refused in one sentence."""

import pytest

from hvdbench.errors import DatasetError, InputError
from hvdbench.workspace.names import (
    checked_key,
    checked_name,
    fitted_name,
    kept_name,
    name_fault,
    stored_name,
)

LEGAL = (
    "a",
    "GOPR0384_11_00",
    "selfhvd_basicvsrpp@tiny",
    "a+b=c",
    "clip 01",
    "été",
    "手持",
    "x..y",
    "a.b.",
    "a'b,c%d",
    "z" * 100,
)
PATHS = ("..", ".", "../x", "a/b", "/etc", "a\\b", "C:x", "a:b", ".hidden", "", "a\0b", "a\nb", "a\x7fb", "\u202egnp.a")


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_a_name_stays_as_it_is(name):
    assert checked_name(name, "the clip") == name


@pytest.mark.parametrize("name", [*PATHS, " a", "a ", "a*", "what?", "a|b", 'a"b', "<a>", "\ud800", None, 3, ["a"]])
def test_what_could_be_a_path_or_hide_is_refused(name):
    with pytest.raises(InputError, match="the clip "):
        checked_name(name, "the clip")


def test_length_is_counted_in_bytes_not_letters():
    assert name_fault("é" * 50) is None
    assert name_fault("é" * 50 + "a") == "is 101 bytes long"


def test_a_refusal_tells_file_field_what_was_found_and_what_is_allowed():
    with pytest.raises(DatasetError) as told:
        checked_name("../../victim", "name", where="ds/dataset.json", error=DatasetError)
    assert str(told.value) == (
        "ds/dataset.json: name '../../victim' contains the separator /: a name has 1 to 100 bytes, no separator, none "
        'of : * ? " < > |, no control characters, and neither a dot in front nor a space at an end'
    )


def test_a_refusal_shows_no_control_characters_and_no_endless_text():
    with pytest.raises(InputError) as told:
        checked_name("\x1b[2J" + "a" * 5000, "name")
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 300


def test_a_papers_method_may_hold_a_colon_where_that_is_asked_for():
    assert name_fault("BasicVSR++: 1 update", also=":") is None
    assert name_fault("../x:", also=":") is not None


@pytest.mark.parametrize("key", ["test/a", "train/GOPR0384_11_00"])
def test_a_clips_key_is_split_and_clip(key):
    assert checked_key(key, "clips") == key


@pytest.mark.parametrize("key", ["a", "a/b/c", "/a", "a/", "../a", "a/..", "a//b", "test/.x", "test/a\\b", "", None, 7])
def test_anything_else_is_no_key(key):
    with pytest.raises(InputError, match="clips "):
        checked_key(key, "clips")


def test_a_name_that_is_too_long_is_cut_and_kept_apart_from_its_like():
    one, other = (fitted_name("手" * 60 + end) for end in "ab")
    assert one != other
    assert name_fault(one) is None
    assert fitted_name("short") == "short"


@pytest.mark.parametrize("name", [*PATHS, " a", "a ", "a*", "\udcb2\udce2", "z" * 240, "测试", "🎉", "-"])
def test_whatever_a_user_calls_a_thing_gets_a_name_of_its_own(name):
    for stored in (stored_name(name), kept_name(name)):
        assert name_fault(stored) is None
    assert stored_name(name).isascii()


@pytest.mark.parametrize("name", LEGAL)
def test_the_name_of_a_clip_that_can_be_one_is_kept(name):
    assert kept_name(name) == name


@pytest.mark.parametrize("names", [("测试", "视频"), ("z" * 240, "z" * 239), ("🎉", "🎂")])
def test_names_that_lose_what_they_differ_in_get_digits(names):
    one, other = map(stored_name, names)
    assert one != other
    assert all(len(name.rpartition("-")[2]) == 8 for name in (one, other))


def test_accents_and_wide_letters_are_no_loss():
    assert stored_name("Café au lait") == stored_name("Cafe\u0301 au lait") == "Cafe-au-lait"
    assert stored_name("ＶＩＤ＿１") == "VID_1"
