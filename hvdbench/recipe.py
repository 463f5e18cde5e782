"""Recipes: TOML that a person writes, checked by a pydantic model, with a digest that names its values.

A recipe's name is its file's stem. ``name@tiny`` lays the file's ``[tiny]`` table over its values: the same recipe at a
size that a laptop runs in minutes. A file that begins with ``based_on = "other"`` holds only what differs from that
one.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from hvdbench.catalog import unknown
from hvdbench.errors import RecipeError, UnknownNameError
from hvdbench.workspace.paths import home_folder


class Settings(BaseModel):
    """Root of all settings models: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Recipe(Generic[S]):
    """A named set of values.

    ``digest`` is the first 16 hex digits of the SHA-256 of the values as canonical JSON: equal values have equal
    digests, whatever file they came from.
    """

    name: str
    values: S

    @property
    def digest(self) -> str:
        return digest_of(self.values.model_dump(mode="json"))


def digest_of(values: object) -> str:
    """Hash JSON-able values: 16 hex digits, independent of key order."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def recipe_names(kind: str) -> list[str]:
    """List the recipes of a kind (``datasets``, ``methods``, ``boards``) by name.

    A file whose name begins with ``_`` serves others as a base and is none.
    """
    files = (home_folder("recipes") / kind).glob("*.toml")
    return sorted(path.stem for path in files if not path.stem.startswith("_"))


def load_recipe(kind: str, name: str, model: type[S], *, overrides: Mapping[str, Any] | None = None) -> Recipe[S]:
    """Read ``recipes/<kind>/<name>.toml``, or the file that ``name`` is a path to, and check it against ``model``.

    Args:
        kind: ``datasets``, ``methods`` or ``boards``.
        name: the recipe's name, ``name@tiny``, or the path of a ``.toml`` file (``@tiny`` allowed too).
        model: the settings that the file must fit.
        overrides: values laid over the file's, nested tables merged.

    Raises:
        UnknownNameError: no such recipe.
        RecipeError: not TOML, an unknown key, or a value out of range.
    """
    table, bare = read_recipe_table(kind, name)
    variants = table.pop("tiny", None)
    if name.endswith("@tiny"):
        if variants is None:
            raise RecipeError(f"{bare}.toml has no [tiny] table, so there is no '{name}'")
        table = _merge(table, variants)
    return Recipe(
        name=f"{bare}@tiny" if name.endswith("@tiny") else bare,
        values=check(f"{bare}.toml", _merge(table, overrides or {}), model),
    )


def read_recipe_table(kind: str, name: str) -> tuple[dict[str, Any], str]:
    """Read a recipe's TOML, laid over the one that it is based on, with its bare name.

    Raises:
        UnknownNameError, RecipeError: as :func:`load_recipe`.
    """
    bare = name.removesuffix("@tiny")
    table, path = _read_toml(kind, bare)
    return _with_base(kind, table, [path]), path.stem


def _with_base(kind: str, table: dict[str, Any], chain: list[Path]) -> dict[str, Any]:
    """Lay a table over those that it is based on; ``chain`` is the files read so far, the nearest last."""
    base = table.pop("based_on", None)
    if base is None:
        return table
    if not isinstance(base, str) or base.endswith("@tiny"):
        raise RecipeError(f"{chain[-1].name}: 'based_on' is the name of a recipe or its file, found {base!r}")
    try:
        below, path = _read_toml(kind, base)
    except UnknownNameError as error:
        raise RecipeError(f"{chain[-1].name}: 'based_on': {error}") from error
    if path in chain:
        around = " → ".join(p.stem for p in (*chain[chain.index(path) :], path))
        raise RecipeError(f"{chain[-1].name}: 'based_on' leads back to itself ({around})")
    return _merge(_with_base(kind, below, [*chain, path]), table)


def _read_toml(kind: str, name: str) -> tuple[dict[str, Any], Path]:
    path = Path(name) if name.endswith(".toml") else home_folder("recipes") / kind / f"{name}.toml"
    if not path.is_file():
        raise UnknownNameError(unknown(kind.rstrip("s") + " recipe", name, recipe_names(kind)))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), path
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error


def check(where: str, table: Mapping[str, Any], model: type[S]) -> S:
    """Validate values, wording the first fault as one sentence.

    Raises:
        RecipeError: an unknown key (with the known ones), a missing key, or a value out of range.
    """
    try:
        return model.model_validate(dict(table))
    except ValidationError as error:
        fault = error.errors()[0]
        *parents, key = [str(part) for part in fault["loc"]] or ["?"]
        place = f"{where}: [{'.'.join(parents)}]" if parents else where
        if fault["type"] == "extra_forbidden":
            known = ", ".join(sorted(_model_at(model, parents).model_fields))
            raise RecipeError(f"{place}: unknown key '{key}' (known: {known})") from error
        if fault["type"] == "missing":
            raise RecipeError(f"{place}: key '{key}' is missing") from error
        raise RecipeError(f"{place}: '{key}': {fault['msg']} (found {fault['input']!r})") from error


def _model_at(model: type[BaseModel], parents: list[str]) -> type[BaseModel]:
    for parent in parents:
        field = model.model_fields.get(parent)
        model = (_model_in(field.annotation) if field else None) or model
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Find the settings in ``X``, ``X | None``, ``tuple[X, ...]`` or ``dict[str, X]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _merge(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(table)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
