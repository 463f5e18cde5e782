"""The table of values of our own in ``recipes/README.md``; ``python tests/made_values.py`` writes it anew."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hvdbench.workspace.paths import home_folder

BEGIN, END = "<!-- values -->\n", "<!-- end of values -->\n"


def leaves(table: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Return the values of nested tables under dotted names."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def values_table() -> str:
    """Return a Markdown row for each setting that a method recipe's own file marks as ours."""
    lines = ["| recipe | setting | value | note |", "|---|---|---|---|"]
    for path in sorted((home_folder("recipes") / "methods").glob("*.toml")):
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
        values = dict(leaves(recipe.get("settings", {})))
        for name, source in recipe.get("provenance", {}).items():
            whose, _, note = source.partition(":")
            if whose == "ours":
                lines.append(f"| `{path.stem}` | `{name}` | {_worded(values[name])} | {note.strip()} |")
    return "\n".join(lines) + "\n"


def _worded(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def with_values(page: str) -> str:
    """Lay the table into the page, between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{values_table()}{END}{after}"


if __name__ == "__main__":
    readme = Path("recipes/README.md")
    readme.write_text(with_values(readme.read_text(encoding="utf-8")), encoding="utf-8")
