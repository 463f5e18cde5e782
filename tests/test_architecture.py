"""The plan of the house: its rooms and its import contract, in docs/architecture.md, in setup.cfg and in the tree."""

import configparser
import re
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hvdbench"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MOST_NAMES, MOST_MODULES, MOST_LAYERS = 32, 18, 15
EMPTY_NAMES = {"core", "common", "util", "utils", "helper", "helpers", "misc", "shared", "lib", "base"}


def rooms() -> set[str]:
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    return files | {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}


def contract_layers() -> list[set[str]]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    section = config["importlinter:contract:stages"]
    assert section["exhaustive"] == "true"
    assert not any(
        key.startswith("ignore")
        for name in config.sections()
        if name.startswith("importlinter")
        for key in config[name]
    )
    return [{room.strip() for room in line.split("|")} for line in section["layers"].split("\n") if line.strip()]


def table_rows(heading: str) -> list[tuple[str, str]]:
    table = PAGE[PAGE.index(heading) :].split("\n\n", 1)[0]
    return re.findall(r"^\| ([^|]+) \| (.+) \|$", table, re.MULTILINE)[1:]


def test_the_page_lists_the_rooms_that_are_there():
    listed = [re.findall(r"`(\w+)`", name)[0] for name, _ in table_rows("| room | what it is for |")]
    assert listed == sorted(rooms())


def test_the_page_shows_the_contract_that_is_checked():
    shown = [set(re.findall(r"`(\w+)`", names)) for _, names in table_rows("| layer | rooms |")]
    assert shown == contract_layers()


def test_the_contract_names_every_room_once():
    named = [room for layer in contract_layers() for room in layer]
    assert sorted(named) == sorted(rooms())


def test_the_house_fits_into_a_head():
    assert len(rooms()) <= MOST_NAMES
    assert len(contract_layers()) <= MOST_LAYERS
    assert {path.stem for path in PACKAGE.rglob("*.py")} & EMPTY_NAMES == set()


def test_a_package_with_many_modules_has_packages_of_its_own():
    crowded = [
        str(package.relative_to(ROOT))
        for package in PACKAGE.rglob("*")
        if (package / "__init__.py").is_file()
        and len([path for path in package.glob("*.py") if path.stem != "__init__"]) > MOST_MODULES
        and not any((path / "__init__.py").is_file() for path in package.iterdir())
    ]
    assert crowded == []


def test_no_module_imports_itself_in_a_circle_not_even_inside_a_function():
    graph = grimp.build_graph("hvdbench", exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    left = dict(imports)
    while free := [module for module, below in left.items() if not below & left.keys()]:
        for module in free:
            del left[module]
    # What is left imports only what is left; drop what merely leads into a circle from above.
    while free := [module for module in left if not any(module in left[other] for other in left)]:
        for module in free:
            del left[module]
    assert sorted(left) == []
