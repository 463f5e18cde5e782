"""Read recipes: TOML files that people write, checked by a pydantic model, with a digest of their values.

A recipe's name is its file's stem. ``name@tiny`` applies the file's ``[tiny]`` table over its values: the same recipe
at a size that a laptop runs in minutes. A file that begins with ``based_on = "other"`` contains only its differences
from hvdbench.workspace.parsing import read_toml
from that other recipe, which may be ``other@tiny``, or a file whose path is relative to this one. All is inherited but
``name``, the name that a dataset states for boards.

A file that names code to run must be trusted: see :mod:`hvdbench.recipe.trust`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from hvdbench.catalog import NamedPreset, unknown
from hvdbench.errors import RecipeError, UnknownNameError
from hvdbench.recipe.trust import TINY_TABLE, Layer, check_trust, part_keys
from hvdbench.workspace.parsing import read_toml
from hvdbench.workspace.paths import at_home, home_folder


class Settings(BaseModel):
    """The root of all settings models: frozen, and an unknown key or a number that is not finite is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


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
    layers = _read_layers(kind, name)
    values = _merge(_laid_over(layers), overrides or {})
    values.pop(TINY_TABLE, None)
    if not trust:
        check_trust(layers, model, values)
    if any(layer.is_tiny for layer in layers):
        read = dict(values)
        values = _merge(_laid_over(layers, lambda layer: part_keys(model, layer.table, read)), overrides or {})
        values.pop(TINY_TABLE, None)
    bare = layers[0].path.stem
    named = NamedPreset(bare, TINY_TABLE if layers[0].is_tiny else None)
    return Recipe(name=str(named), values=check(f"{bare}.toml", values, model))


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
        if not isinstance(base, str):
            raise RecipeError(f"{here.name}: 'based_on' must be the name or the file of a recipe, found {base!r}")
        try:
            below = _read_toml(kind, base, beside=here.parent)
        except UnknownNameError as error:
            raise RecipeError(f"{here.name}: 'based_on': {error}") from error
        chain = [layer.path.resolve() for layer in layers]
        if below.path.resolve() in chain:
            around = (*chain[chain.index(below.path.resolve()) :], below.path)
            raise RecipeError(
                f"{here.name}: 'based_on' leads back to itself ({' → '.join(path.stem for path in around)})"
            )
        below.table.pop("name", None)  # a dataset's name on boards is its own: two datasets never share one
        layers.append(below)
    return layers


def _laid_over(
    layers: Sequence[Layer], own_parts: Callable[[Layer], set[tuple[str, ...]]] | None = None
) -> dict[str, Any]:
    """Lay a recipe's files over one another; where one is taken at its tiny size, its ``[tiny]`` table is used up.

    Args:
        layers: the files, with the recipe's own first.
        own_parts: returns the keys under which a file names parts. A part that a file names itself is not replaced by
            the tiny one of a recipe below it, because a network of somebody's own would then be another one under the
            same name. None takes the tables as they are.
    """
    table: dict[str, Any] = {}
    for layer in reversed(layers):
        below = table.get(TINY_TABLE)
        if own_parts is not None and isinstance(below, Mapping):
            for keys in own_parts(layer):
                below = _without(below, keys)
            table = {**table, TINY_TABLE: below}
        table = _merge(table, layer.table)
        if layer.is_tiny:
            variants = table.pop(TINY_TABLE, None)
            if variants is None:
                stem = layer.path.stem
                raise RecipeError(f"{layer.path.name} has no [tiny] table, so there is no '{stem}@{TINY_TABLE}'")
            if not isinstance(variants, Mapping):
                raise RecipeError(f"{layer.path.name}: 'tiny' is a table of values, found {variants!r}")
            table = _merge(table, variants)
    return table


def _without(table: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    key, *rest = keys
    if key not in table:
        return dict(table)
    if rest and isinstance(table[key], Mapping):
        return {**table, key: _without(table[key], tuple(rest))}
    return {other: value for other, value in table.items() if other != key}


def _read_toml(kind: str, name: str, *, beside: Path | None = None) -> Layer:
    """Read a recipe's file.

    Args:
        kind: ``datasets``, ``methods`` or ``boards``.
        name: the recipe's name, or the path of a ``.toml`` file; either may end in ``@tiny``.
        beside: the folder of the file that names it: paths are relative to this folder, and a name that no recipe of
            this installation has may be that of a file here.
    """
    folder = beside or Path()
    asked = NamedPreset.parse(name) if not (folder / at_home(name)).is_file() else NamedPreset(name)
    if asked.name.endswith(".toml"):
        path = folder / at_home(asked.name)
    else:
        path = home_folder("recipes") / kind / f"{asked.name}.toml"
        if beside is not None and not path.is_file():
            neighbour = beside / f"{asked.name}.toml"
            path = neighbour if neighbour.is_file() else path
    if not path.is_file():
        where = f"; there is no file {path}" if asked.name.endswith(".toml") else ""
        raise UnknownNameError(unknown(kind.rstrip("s") + " recipe", asked.name, recipe_names(kind)) + where)
    if asked.preset is not None and not asked.is_tiny:
        raise UnknownNameError(f"recipe '{path.stem}' has no preset '{asked.preset}' (known: {TINY_TABLE})")
    try:
        return Layer(path, read_toml(path), is_tiny=asked.is_tiny)
    except ValueError as error:
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
        entry = ""
        if fault["loc"] and isinstance(fault["loc"][-1], int):  # a value of a list: its key is the list's
            entry = f", entry {fault['loc'][-1] + 1}"
            *parents, key = parents
        place = f"{where}: [{'.'.join(parents)}]" if parents else where
        if fault["type"] == "extra_forbidden":
            fields = _model_at(model, parents).model_fields
            known = ", ".join(sorted(field.alias or name for name, field in fields.items()))
            raise RecipeError(f"{place}: unknown key '{key}' (known: {known})") from error
        if fault["type"] == "missing":
            raise RecipeError(f"{place}: key '{key}' is missing") from error
        message = fault["msg"].removeprefix("Value error, ")
        if isinstance(fault["input"], Mapping):  # a rule over several keys, which says itself what was found
            inside = ".".join(map(str, fault["loc"]))
            raise RecipeError(f"{where}: [{inside}]: {message}" if inside else f"{where}: {message}") from error
        raise RecipeError(f"{place}: '{key}'{entry}: {message} (found {fault['input']!r})") from error


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
