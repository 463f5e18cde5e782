"""The door for JSON and TOML of others: what no honest file holds ends in a ValueError with a few words."""

import ast
import json
import time
from pathlib import Path

import pytest

from hvdbench.workspace.parsing import MOST_LEVELS, parse_json, parse_toml, read_json, read_toml

PACKAGE = Path(__file__).parents[2] / "hvdbench"


def nested(levels: int, opened: str, closed: str) -> str:
    return opened * levels + "1" + closed * levels


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_json_has_at_most_a_hundred_levels(opened: str, closed: str) -> None:
    whole = parse_json(nested(MOST_LEVELS, opened, closed))
    assert json.dumps(whole, separators=(",", ":")) == nested(MOST_LEVELS, opened, closed)
    for levels in (MOST_LEVELS + 1, 900, 100_000):
        with pytest.raises(ValueError, match="nested more than 100 levels deep"):
            parse_json(nested(levels, opened, closed))


def test_toml_has_at_most_a_hundred_levels() -> None:
    assert parse_toml(f"a = {nested(MOST_LEVELS - 1, '[', ']')}")
    assert parse_toml(".".join(["a"] * MOST_LEVELS) + " = 1")
    for text in (f"a = {nested(MOST_LEVELS, '[', ']')}", f"a = {nested(100_000, '[', ']')}"):
        with pytest.raises(ValueError, match="nested more than 100 levels deep"):
            parse_toml(text)


@pytest.mark.parametrize(
    "text", ["{key} = 1", "[{key}]", "x = {{ {key} = 1 }}", '"a" = 1\n{key} = 1', "x = 1\n[[ {key} ]]"]
)
@pytest.mark.parametrize("part", ["a.", "a . ", "'a'.", '"a b".', "a\t.\t", r'"a\"b".'])
def test_a_key_of_toml_of_many_parts_is_refused_at_once(text: str, part: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="more than 100"):
        parse_toml(text.format(key=part * 5_000 + "a"))
    assert time.process_time() - began < 5


def test_the_search_for_long_keys_takes_time_in_proportion_to_the_text() -> None:
    began = time.process_time()
    for text in ("a" * 1_000_000, "a." * 99 + "b" + " " * 1_000_000, '"' * 500_000, "a " * 500_000):
        with pytest.raises(ValueError, match=r"at (line|end)"):
            parse_toml(text)
    assert parse_toml("x = '" + "One. Two. " * 10 + "'")
    assert time.process_time() - began < 5


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**400])
def test_whole_numbers_have_64_bits(number: int) -> None:
    assert parse_json(f"[{2**64 - 1}, {-(2**63)}, true, 1e300]") == [2**64 - 1, -(2**63), True, 1e300]
    with pytest.raises(ValueError, match="64 bits"):
        parse_json(f'{{"a": [{number}]}}')
    with pytest.raises(ValueError, match="64 bits"):
        parse_toml(f"a = {{ b = {number} }}")
    with pytest.raises(ValueError, match="digits"):
        parse_json("9" * 5000)


def test_a_key_that_stands_twice_in_json_is_refused() -> None:
    assert parse_json('{"a": {"a": 1}, "b": 2}') == {"a": {"a": 1}, "b": 2}
    with pytest.raises(ValueError, match="the key 'b' occurs twice"):
        parse_json('{"a": 1, "b": 1, "b": 1, "a": 2}')


def test_half_of_a_pair_of_surrogates_is_refused() -> None:
    assert parse_json(r'["\ud83d\ude00"]') == ["\U0001f600"]
    for text in (r'["\ud83d"]', r'{"\uDE00": 1}', rb'"\ud800"'):
        with pytest.raises(ValueError, match="surrogates not allowed"):
            parse_json(text)


def test_files_are_read_in_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('"é"', encoding="utf-8")
    assert read_json(tmp_path / "a") == "é"
    (tmp_path / "a").write_text('a = "é"', encoding="utf-8")
    assert read_toml(tmp_path / "a") == {"a": "é"}
    (tmp_path / "a").write_bytes(b'"\xe9"')
    for read in (read_json, read_toml):
        with pytest.raises(ValueError, match="utf-8"):
            read(tmp_path / "a")


def test_nothing_in_hvdbench_goes_around_the_door() -> None:
    around = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "workspace" / "parsing.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr)
        in {("json", "loads"), ("json", "load"), ("tomllib", "loads"), ("tomllib", "load")}
    }
    assert not around
