"""Read the manifest of a dataset, ``dataset.json``, and the journal that may lie beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hvdbench.errors import DatasetError
from hvdbench.store.journal import Journal
from hvdbench.workspace.names import checked_keys, checked_name
from hvdbench.workspace.parsing import read_json

SCHEMA = 1
MANIFEST = "dataset.json"
ORIGINS = ("demo", "simulated", "measured")


def read_whole(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder, and lay the clips of its journal over it.

    Raises:
        DatasetError: as :func:`read_manifest`, and if the journal is damaged.
    """
    # the journal comes first: a writer that ends in between has laid it over the manifest before it removes it
    journal = Journal(folder).read()
    manifest = read_manifest(folder / MANIFEST)
    added = journal.get(str(manifest.get("recipe_digest")), {})
    return manifest | {"clips": manifest["clips"] | added} if added else manifest


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest and check what everything relies on: its fields' types, and names that become folders.

    Raises:
        DatasetError: if it cannot be read, has another schema, lacks a field, or a name could be a path.
    """
    try:
        manifest = read_json(path)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON ({error}): make the dataset again") from error
    if not isinstance(manifest, dict) or "clips" not in manifest:
        raise DatasetError(f"{path} is not the manifest of a dataset: make the dataset again")
    if manifest.get("schema") != SCHEMA:
        raise DatasetError(f"{path} has schema {manifest.get('schema')}, and this version reads {SCHEMA}")
    checked_name(manifest.get("name"), "name", where=path, error=DatasetError)
    if manifest.get("origin") not in ORIGINS:
        raise DatasetError(
            f"{path}: origin is {str(manifest.get('origin'))[:40]!r}, expected one of {', '.join(ORIGINS)}: make the "
            "dataset again"
        )
    clips = manifest["clips"]
    if not isinstance(clips, dict) or not all(isinstance(digest, str) for digest in clips.values()):
        raise DatasetError(f"{path}: clips is not a table of keys and digests: make the dataset again")
    checked_keys(clips, "clips", where=path, error=DatasetError)
    for name, kind in (("recipe_digest", str), ("recipe", dict), ("provenance", dict)):
        if not isinstance(manifest.get(name, kind()), kind):
            raise DatasetError(
                f"{path}: {name} is of the wrong type, {type(manifest[name]).__name__}: make the dataset again"
            )
    return manifest


def laid_over(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the tables of the new provenance into those of the old; a new value replaces any other."""
    return {
        key: {**old[key], **value} if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
    }
