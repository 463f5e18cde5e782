"""Read recipes: TOML files that people write, checked by a pydantic model, with a digest of their values.

A recipe's name is its file's stem. ``name@tiny`` applies the file's ``[tiny]`` table over its values: the same recipe
at a size that a laptop runs in minutes. A file that begins with ``based_on = "other"`` contains only its differences
from that other recipe.

A file that names code to run must be trusted: see :mod:`hvdbench.recipe.trust`.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from hvdbench.catalog import NamedPreset, unknown
from hvdbench.errors import RecipeError, UnknownNameError
from hvdbench.recipe.trust import TINY_TABLE, Layer, check_trust, part_keys
from hvdbench.workspace.paths import home_folder


class Settings(BaseModel):
    """The root of all settings models: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Recipe(Generic[S]):
    """A named set of values.

    ``digest`` is the first 16 hex digits of the SHA-256 of the values as canonical JSON; equal values have equal
    digests, whatever file they came from.
    """

    name: str
    values: S

    @property
    def digest(self) -> str:
        return digest_of(self.values.model_dump(mode="json"))


def digest_of(values: object) -> str:
    """Return a digest of JSON-able values: 16 hex digits, independent of key order."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def recipe_names(kind: str) -> list[str]:
    """List the recipes of a kind (``datasets``, ``methods``, ``boards``) by name.

    A file whose name begins with ``_`` only serves other recipes as a base and is not listed.
    """
    files = (home_folder("recipes") / kind).glob("*.toml")
    return sorted(path.stem for path in files if not path.stem.startswith("_"))


def load_recipe(
    kind: str, name: str, model: type[S], *, overrides: Mapping[str, Any] | None = None, trust: bool = False
) -> Recipe[S]:
    """Read ``recipes/<kind>/<name>.toml``, or the file at the path ``name``, and check it against ``model``.

    Args:
        kind: ``datasets``, ``methods`` or ``boards``.
        name: the recipe's name, ``name@tiny``, or the path of a ``.toml`` file (``@tiny`` is allowed too).
        model: the settings that the file must fit.
        overrides: values that replace those of the file, with nested tables merged. They come from the caller, so they
            may name code whatever ``trust`` is.
        trust: whether the file, and those that it is based on, may name code to run, wherever they lie.

    Raises:
        UnknownNameError: if there is no such recipe.
        RecipeError: if the file is not TOML, has an unknown key, or contains a value out of range.
        TrustError: if the file names code to run and is not trusted.
    """
    asked = NamedPreset.parse(name) if not Path(name).is_file() else NamedPreset(name)
    layers = _read_layers(kind, asked.name)
    bare = layers[0].path.stem
    table = _laid_over(layers)
    variants = table.pop(TINY_TABLE, None)
    if asked.preset is not None:
        if not asked.is_tiny:
            raise UnknownNameError(f"recipe '{bare}' has no preset '{asked.preset}' (known: {TINY_TABLE})")
        if variants is None:
            raise RecipeError(f"{bare}.toml has no [tiny] table, so there is no '{name}'")
        if not isinstance(variants, Mapping):
            raise RecipeError(f"{bare}.toml: 'tiny' is a table of values, found {variants!r}")
    values = _merge(_merge(table, variants or {}) if asked.is_tiny else table, overrides or {})
    if not trust:
        check_trust(layers, model, values)
    if asked.is_tiny:
        values = _merge(_merge(table, _variants(layers, model, values)), overrides or {})
    return Recipe(name=str(NamedPreset(bare, asked.preset)), values=check(f"{bare}.toml", values, model))


def read_recipe_table(kind: str, name: str) -> tuple[dict[str, Any], str]:
    """Read a recipe's TOML merged over the one that it is based on, with its bare name; nothing in it is run.

    Raises:
        UnknownNameError, RecipeError: under the conditions of :func:`load_recipe`.
    """
    layers = _read_layers(kind, NamedPreset.parse(name).name)
    return _laid_over(layers), layers[0].path.stem


def _read_layers(kind: str, name: str) -> list[Layer]:
    """Read a recipe's file and those that it is based on, with the recipe's own first."""
    layers = [_read_toml(kind, name)]
    while "based_on" in layers[-1].table:
        here, base = layers[-1].path, layers[-1].table.pop("based_on")
        if not isinstance(base, str) or NamedPreset.parse(base).preset is not None:
            raise RecipeError(f"{here.name}: 'based_on' must be the name or the file of a recipe, found {base!r}")
        try:
            below = _read_toml(kind, base)
        except UnknownNameError as error:
            raise RecipeError(f"{here.name}: 'based_on': {error}") from error
        chain = [layer.path for layer in layers]
        if below.path in chain:
            around = " → ".join(path.stem for path in (*chain[chain.index(below.path) :], below.path))
            raise RecipeError(f"{here.name}: 'based_on' leads back to itself ({around})")
        layers.append(below)
    return layers


def _laid_over(layers: Sequence[Layer]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for layer in reversed(layers):
        table = _merge(table, layer.table)
    return table


def _variants(layers: Sequence[Layer], model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the ``[tiny]`` tables of a recipe over one another, from the deepest base on.

    A part that a file names itself is not replaced by the tiny one of a recipe below it, because a network of
    somebody's own would then be another one under the same name.
    """
    variants: dict[str, Any] = {}
    for layer in reversed(layers):
        for keys in part_keys(model, layer.table, values):
            variants = _without(variants, keys)
        variants = _merge(variants, layer.table.get(TINY_TABLE, {}))
    return variants


def _without(table: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    key, *rest = keys
    if key not in table:
        return dict(table)
    if rest and isinstance(table[key], Mapping):
        return {**table, key: _without(table[key], tuple(rest))}
    return {other: value for other, value in table.items() if other != key}


def _read_toml(kind: str, name: str) -> Layer:
    path = Path(name) if name.endswith(".toml") else home_folder("recipes") / kind / f"{name}.toml"
    if not path.is_file():
        raise UnknownNameError(unknown(kind.rstrip("s") + " recipe", name, recipe_names(kind)))
    try:
        return Layer(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error


def check(where: str, table: Mapping[str, Any], model: type[S]) -> S:
    """Validate values, and turn the first fault into an error of one sentence.

    Raises:
        RecipeError: if a key is unknown (the error lists the known ones) or missing, or if a value is out of range.
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
    """Find the settings model in ``X``, ``X | None``, ``tuple[X, ...]`` or ``dict[str, X]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _merge(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(table)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
