"""Keep what a dataset's manifest tells of its captures: which are in, under which key, and in which split."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hvdbench.errors import DatasetError, HvdbenchError, InputError
from hvdbench.recipe import digest_of
from hvdbench.store import Dataset, DatasetWriter
from hvdbench.store.manifest import MANIFEST
from hvdbench.workspace.locks import locked
from hvdbench.workspace.names import LONGEST_BYTES, with_digits

LONGEST_KEY_BYTES = LONGEST_BYTES - len("_000000")  # a clip's number follows, which has at least three digits


class NameTakenError(HvdbenchError):
    """Another process has entered another capture under the name in the meantime."""


@dataclass
class Book:
    """Keep a dataset while captures are written into it, and what its manifest tells of each.

    Attributes:
        out: the dataset's folder; its name is the dataset's.
        recipe: what decides whether the dataset that is there is the same one.
        overwrite: replace another one.
        captures: the manifest's entries by key.
        writer: writes the dataset, once it is there.
    """

    out: Path
    recipe: dict[str, Any]
    overwrite: bool = False
    captures: dict[str, dict[str, Any]] = field(default_factory=dict)
    writer: DatasetWriter | None = None

    def __post_init__(self) -> None:
        if (self.out / MANIFEST).is_file():
            with locked(self.out / MANIFEST):  # what is read must not be written back after another process wrote
                if self._read() or not self.overwrite:
                    self.save()  # which says so where it is another dataset

    def _read(self) -> bool:
        """Read the captures that the manifest has now; return whether it is one of the same settings."""
        path = self.out / MANIFEST
        old = Dataset.open(self.out).manifest if path.is_file() else {}
        if old.get("recipe_digest") != digest_of(self.recipe):
            return False
        captures = old.get("provenance", {}).get("captures", {})
        if not isinstance(captures, dict) or not all(_is_entry(entry) for entry in captures.values()):
            raise DatasetError(f"{path}: provenance.captures is damaged: the dataset must be made again")
        self.captures = dict(captures)
        return True

    def enter(self, key: str, entry: dict[str, Any]) -> DatasetWriter:
        """Write the manifest with an entry of this capture, beside those that other processes wrote since.

        Raises:
            NameTakenError: another capture has got the name in the meantime.
        """
        with locked(self.out / MANIFEST):
            self._read()
            if self.key_for(key, entry["sha256"]) != key:
                raise NameTakenError(f"{entry['file']} would be called '{key}', as another capture: ingest it again")
            self.captures[key] = entry
            return self.save()

    def save(self) -> DatasetWriter:
        """Write the manifest with what is known of the captures; finished clips stay in it."""
        self.writer = DatasetWriter(
            self.out,
            name=self.out.resolve().name,
            origin="measured",
            recipe=self.recipe,
            provenance={"captures": self.captures},
            overwrite=self.overwrite,
        )
        return self.writer

    def dataset(self) -> Dataset | None:
        """Open the dataset as written so far; None where nothing has been taken in."""
        return self.writer.dataset() if self.writer and self.captures else None

    def key_for(self, name: str, sha256: str) -> str:
        """Return the key of a capture: its name, with 8 digits of its hash where another capture has the name.

        Names that differ in the case of letters count as one, since some file systems take them for one.
        """
        taken = {key.casefold(): entry["sha256"] for key, entry in self.captures.items()}
        return name if taken.get(name.casefold(), sha256) == sha256 else with_digits(name, sha256, LONGEST_KEY_BYTES)

    def check(self, path: Path, key: str, sha256: str, split: str) -> dict[str, Any] | None:
        """Return the manifest entry of a capture that was taken in completely, or None where something is left to do.

        Raises:
            InputError: the same capture has another name, or it is in the other split.
        """
        for other, entry in self.captures.items():
            if other != key and entry["sha256"] == sha256:
                raise InputError(f"{path} is the same capture as '{other}', which the dataset contains already")
        entry = self.captures.get(key, {})
        if entry and entry["split"] != split:
            raise InputError(
                f"{path} is in '{entry['split']}' already and would now go to '{split}': a capture must stay in one "
                f"split"
            )
        if not entry or not entry["complete"] or self.writer is None:
            return None
        return entry if all(self.writer.has(split, clip) for clip in entry["clips"]) else None


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and {"sha256", "split", "complete", "clips"} <= set(entry)
