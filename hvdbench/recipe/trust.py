"""Check whether a file may name code: the import string of a part, or a program.

Using a stranger's recipe or results would run that code. So the file is refused before anything is imported, unless it
lies where the user trusts all files (:func:`hvdbench.workspace.paths.is_trusted`), or the user trusts it explicitly.
What the user typed needs no trust. A settings model marks with :class:`Part` which of its fields name parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from hvdbench.catalog import PROGRAM_SCHEMES, resolve
from hvdbench.errors import TrustError
from hvdbench.workspace.imports import is_import_string
from hvdbench.workspace.paths import config_path, is_trusted

TINY_TABLE = "tiny"
PROGRAM = "program"
"""The kind of a field that contains the command line of a program, not the name of a part."""


@dataclass(frozen=True)
class Part:
    """A mark on a field that names a part, ``network: Annotated[str, Part("network")]``, so that its trust is checked.

    Attributes:
        kind: kind of the part, as :func:`hvdbench.catalog.resolve` takes it, or :data:`PROGRAM`.
    """

    kind: str


@dataclass(frozen=True)
class SettingsOf:
    """A mark on a table with the settings of the scheme that another key of the same recipe names.

    Attributes:
        key: name of the other key.
    """

    key: str


@dataclass(frozen=True)
class Layer:
    """One file of a recipe, as it is written except for ``based_on``.

    Attributes:
        path: the file.
        table: what it contains.
        is_tiny: whether its ``[tiny]`` table is laid over the rest.
    """

    path: Path
    table: dict[str, Any]
    is_tiny: bool = False


@dataclass(frozen=True)
class _Named:
    """A value that names a part or a program, and the keys that lead to it: ``("settings", "network")``."""

    keys: tuple[str, ...]
    kind: str
    value: str

    @property
    def would(self) -> str | None:
        """The foreign code that opening it would run, as the rest of a sentence; None for none."""
        if self.kind == PROGRAM:
            return "run that program"
        if self.kind == "scheme" and self.value in PROGRAM_SCHEMES:
            return "run a program"
        return f"import the module {self.value.partition(':')[0]!r}" if is_import_string(self.value) else None


def check_trust(layers: Sequence[Layer], model: type[BaseModel], values: Mapping[str, Any]) -> None:
    """Refuse files that name code, before any of it is imported or run.

    Args:
        layers: files of the recipe, as they are written.
        model: settings model of the whole recipe.
        values: values of all files merged, which show which scheme the settings of a table belong to.

    Raises:
        TrustError: if a file that is not trusted names code.
    """
    strangers = [layer for layer in layers if not is_trusted(layer.path)]
    if not strangers:
        return
    for layer in strangers:  # checked first, because finding the model of a scheme's settings imports the scheme
        for named in _named_in(model, layer.table):
            if is_import_string(named.value):
                raise _refusal(layer.path, named)
    inner = _inner_models(model, values)
    for layer in strangers:
        found = [named for named in _named_in(model, layer.table, inner) if named.would]
        if found:
            raise _refusal(
                layer.path, min(found, key=lambda one: one.kind != PROGRAM)
            )  # a program's command line tells the user most


def part_keys(model: type[BaseModel], table: Mapping[str, Any], values: Mapping[str, Any]) -> set[tuple[str, ...]]:
    """Return the keys under which a recipe's file names parts, its ``[tiny]`` table left out.

    It imports the scheme, so the file must be trusted by then.

    Args:
        model: of the whole recipe.
        table: the file, as it is written.
        values: all files laid over one another.
    """
    return {named.keys for named in _walk_table(model, table, (), _inner_models(model, values))}


def _refusal(path: Path, named: _Named) -> TrustError:
    *tables, key = named.keys
    place = f"[{'.'.join(tables)}] {key}" if tables else key
    return TrustError(
        f"{path}: {place} = {named.value!r} would {named.would}, and this file is not trusted: if you know what it "
        f"does, use --trust (trust=True in Python), or list its folder under 'trusted' in {config_path()}"
    )


def _inner_models(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, type[BaseModel]]:
    """Find the models of the tables with a scheme's own settings, by their keys."""
    found = {}
    for name, field in model.model_fields.items():
        for mark in field.metadata:
            scheme = values.get(mark.key) if isinstance(mark, SettingsOf) else None
            if isinstance(scheme, str):
                found[name] = resolve("scheme", scheme).Settings
    return found


def _named_in(
    model: type[BaseModel], table: Mapping[str, Any], inner: Mapping[str, type[BaseModel]] | None = None
) -> list[_Named]:
    """List the parts and programs that a recipe's file names, including its ``[tiny]`` table."""
    found = list(_walk_table(model, table, (), inner or {}))
    variants = table.get(TINY_TABLE)
    if isinstance(variants, Mapping):
        found += _walk_table(model, variants, (TINY_TABLE,), inner or {})
    return found


def _walk_table(
    model: type[BaseModel], table: Mapping[str, Any], keys: tuple[str, ...], inner: Mapping[str, type[BaseModel]]
) -> Iterator[_Named]:
    for name, field in model.model_fields.items():
        if name in table:
            annotation: Any = inner.get(name, field.annotation)
            for mark in field.metadata:
                annotation = Annotated[annotation, mark]
            yield from _walk(annotation, table[name], (*keys, name))


def _walk(annotation: Any, value: Any, keys: tuple[str, ...]) -> Iterator[_Named]:
    """Walk through a value together with its annotation, which marks the texts that name parts."""
    arguments, origin = get_args(annotation), get_origin(annotation)
    if origin is Annotated:
        kinds = [mark.kind for mark in arguments[1:] if isinstance(mark, Part)]
        yield from (_Named(keys, kind, text) for kind in kinds for text in _texts(value))
        yield from _walk(arguments[0], value, keys)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if isinstance(value, Mapping):
            yield from _walk_table(annotation, value, keys, {})
    elif isinstance(value, list) and origin in (list, tuple):
        for argument in arguments:
            for entry in value:
                yield from _walk(argument, entry, keys)
    elif isinstance(value, Mapping) and origin in (dict, Mapping):
        for key, entry in value.items():
            yield from _walk(arguments[0], key, keys)
            yield from _walk(arguments[1], entry, (*keys, str(key)))
    else:  # a union: any of its members may have marks
        for argument in arguments:
            yield from _walk(argument, value, keys)


def _texts(value: Any) -> list[str]:
    """List all texts in a value, since a mark on a list or a table applies to everything in it."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for entry in (*value, *value.values()) for text in _texts(entry)]
    return [text for entry in value for text in _texts(entry)] if isinstance(value, list) else []
