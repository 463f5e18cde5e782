"""Append finished clips to a dataset's journal, so that entering one costs the same however many there are.

``dataset.json`` is the published form of a dataset's list of clips. Rewriting it for each clip would take hours for a
hundred thousand clips, so a writer appends lines to ``dataset.journal.jsonl`` beside it and lays them over the manifest
at its end. A line is forced to the disk before the clip counts as finished. A line that a killed process or a power
failure left incomplete is passed over, and removed before the next one is written.
"""

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

from hvdbench.errors import DatasetError
from hvdbench.workspace.atomic import force_to_disk, naming
from hvdbench.workspace.names import checked_key
from hvdbench.workspace.parsing import parse_json

JOURNAL = "dataset.journal.jsonl"
_LONGEST_LINE = 4096  # bytes: a key has at most two names of 255 bytes, and a digest 64 letters


class Journal:
    """The lines beside one manifest; whoever appends or removes holds the manifest's lock.

    Args:
        folder: the dataset's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL

    def read(self) -> dict[str, dict[str, str]]:
        """Return the digests of the clips that the journal lists, by the digest of the dataset's values and by key.

        Lines of a dataset that another one replaced stand under another digest than the manifest's.

        Raises:
            DatasetError: if the file cannot be read, a whole line is damaged, or a key could be a path.
        """
        found: dict[str, dict[str, str]] = {}
        for number, line in self._lines():
            try:
                entry = parse_json(line)
                key, digest, recipe = entry["clip"], entry["digest"], entry["recipe"]
                if not isinstance(digest, str) or not isinstance(recipe, str):
                    raise TypeError("a digest is not text")
            except (ValueError, KeyError, TypeError) as error:
                raise DatasetError(
                    f"{self.path}: line {number} is not the entry of a clip ({error}): remove this line, and run the "
                    "command that makes the dataset again"
                ) from error
            checked_key(key, "clip", where=self.path, error=DatasetError)
            found.setdefault(recipe, {})[key] = digest
        return found

    def append(self, key: str, digest: str, recipe_digest: str) -> None:
        """Append a clip, and force the line to the disk."""
        line = json.dumps({"clip": key, "digest": digest, "recipe": recipe_digest}) + "\n"
        is_new = not self.path.exists()
        with naming(self.path), self.path.open("ab+") as file:
            _cut_torn_line(file.fileno())
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            force_to_disk(self.path.parent)

    def remove(self) -> None:
        """Remove the journal, once the manifest holds what it lists."""
        self.path.unlink(missing_ok=True)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number and the content of each whole line."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise DatasetError(f"{self.path} cannot be read: {error.strerror}") from error
        with file:
            for number in itertools.count(1):
                line = file.readline(_LONGEST_LINE)
                if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                    raise DatasetError(f"{self.path}: line {number} is longer than any entry of a clip: remove it")
                if not line.endswith(b"\n"):
                    return
                yield number, line


def _cut_torn_line(handle: int) -> None:
    """Remove what a killed process wrote of a line without its end."""
    size = os.fstat(handle).st_size
    tail = os.pread(handle, _LONGEST_LINE, max(0, size - _LONGEST_LINE))
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(handle, size - len(tail) + tail.rfind(b"\n") + 1)
