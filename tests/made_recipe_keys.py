"""The page of all recipe keys, ``docs/recipes.md``, made of the settings models; ``python tests/made_recipe_keys.py``
writes it anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hvdbench.boards.settings import BoardSettings
from hvdbench.camera.index import TrajectorySet
from hvdbench.catalog import SCHEMES, resolve
from hvdbench.methods.recipe import MethodSettings
from hvdbench.sources.layout import Layout
from hvdbench.synth.settings import DatasetSettings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "recipes.md"
UNITS = {
    "_s": "s",
    "_hz": "Hz",
    "_deg": "degrees",
    "_deg_s": "degrees/s",
    "_px": "px",
    "_m": "m",
    "_m_s": "m/s",
    "_mdps": "mdps/√Hz",
    "fps": "frames/s",
    "_share": "share",
    "size": "px",
}
HEAD = """# All keys of recipes

What each TOML file in `recipes/` may hold, and a file of your own too. [recipes/README.md](../recipes/README.md)
explains how recipes work: `based_on`, `@tiny`, digests, trust. An unknown key, or a value outside its range, is an
error of one sentence that names the file and the key.

This page is made of the settings models; `python tests/made_recipe_keys.py` writes it anew. "required" in the column
"default" means that the key must be there, and "none" that it may be left out. The range is that of each number where
there are several. A key with a dot, such as `ois.kind`, stands in a table of its own:

```toml
readout_s = 0.012       # rolling shutter

[ois]
kind = "sensor_shift"
```

Recipes of datasets, methods and boards also take these:

| key | type | what it is |
|---|---|---|
| `based_on` | text | Recipe that contains what this file leaves out: its name, `name@tiny`, or a path from here. |
| `tiny` | table | Values that are laid over the others where the recipe is asked for as `name@tiny`. |
"""


def page() -> str:
    """Return the whole page."""
    parts = [
        HEAD,
        _section("Datasets", "`recipes/datasets/<name>.toml`, for `hvdbench synth --recipe`.", DatasetSettings),
        _section("Methods", "`recipes/methods/<name>.toml`, for `--method` and `hvdbench train`.", MethodSettings),
    ]
    for scheme in SCHEMES:
        about = f'`[settings]` of a method with `scheme = "{scheme}"`.'
        parts.append(_section(f"Scheme `{scheme}`", about, resolve("scheme", scheme).Settings, level=3))
    parts += [
        _section("Boards", "`recipes/boards/<name>.toml`, for the board of that name.", BoardSettings),
        _section("Layouts", "`recipes/layouts/<name>.toml`, for `hvdbench dataset import --layout`.", Layout),
        _section("Sets of camera paths", "`trajectories/index.toml`: a table a set, by its name.", TrajectorySet),
    ]
    return "\n".join(parts)


def _section(title: str, about: str, model: type[BaseModel], *, level: int = 2) -> str:
    lines = [f"{'#' * level} {title}", "", about, ""]
    rows = list(_rows(model))
    if not rows:
        return "\n".join([*lines, "It has no keys.", ""])
    lines += ["| key | type | default | range | unit | what it is |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


def _rows(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        key, text = (
            f"{before}{field.alias or name}",
            " ".join((field.description or "").split()).replace("``", "`").replace("|", "\\|"),
        )
        unit = "" if "Literal" in str(field.annotation) else _unit(name)
        inner = _model_in(field.annotation)
        default = _default(field) if inner is None else _table_default(field)
        yield f"`{key}`", _kind(field.annotation), default, _range(field), unit, text
        if inner is not None:
            yield from _rows(inner, f"{key}.")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _kind(annotation: Any) -> str:
    """Return a type in the words of TOML."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_kind(one) for one in arguments if one is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"{len(arguments)} × {_kind(arguments[0])}"
    if origin in (tuple, list):
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        return f"table of {_kind(arguments[1])}, keys: {_kind(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}.get(annotation, "any")


def _table_default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    return "required" if field.is_required() else "none" if default in (None, ()) else "as below"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default in (None, "", (), {}, []):
        return "none"
    return f"`{default:.6g}`" if isinstance(default, float) else f"`{json.dumps(default)}`"


def _range(field: FieldInfo) -> str:
    """Return the bounds of a value, or of each value of a list."""
    found = [*field.metadata, *_marks(field.annotation)]
    signs = ((Gt, "gt", ">"), (Ge, "ge", "≥"), (Lt, "lt", "<"), (Le, "le", "≤"))
    bounds = [
        f"{sign} {_number(getattr(one, name))}" for kind, name, sign in signs for one in found if isinstance(one, kind)
    ]
    few = [f"{one.min_length} or more entries" for one in found if isinstance(one, MinLen)]
    return ", ".join(dict.fromkeys([*bounds, *few]))


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) and abs(value) >= 10_000 else f"{value:g}"


def _marks(annotation: Any) -> Iterator[Any]:
    """List what is annotated inside a type: the bounds of a list's values."""
    for argument in get_args(annotation):
        if isinstance(argument, FieldInfo):
            yield from argument.metadata
        elif isinstance(argument, Gt | Ge | Lt | Le):
            yield argument
        yield from _marks(argument)


def _unit(name: str) -> str:
    fitting = [ending for ending in UNITS if name.endswith(ending)]
    return UNITS[max(fitting, key=len)] if fitting else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
