"""Read the files by which a release itself says which of its clips and frames belong to which split."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from hvdbench.errors import InputError
from hvdbench.sources.layout import Metadata
from hvdbench.workspace.parsing import parse_json


@dataclass(frozen=True)
class FrameFacts:
    """What a release's metadata states of one blurry frame: its split, and words by field of ``tracks.h5``."""

    split: str
    words: Mapping[str, str] = field(default_factory=dict)


def read_lists(root: Path, lists: Mapping[str, str], clips: Sequence[str]) -> dict[str, str]:
    """Find the split of each clip in text files whose lines hold paths of frames or clips.

    Args:
        root: the folder that the release's patterns start from.
        lists: the file of each split, relative to the root.
        clips: the names of the clips that were found.

    Returns:
        The release's split of each clip.

    Raises:
        InputError: if a file is absent or not text, or if a clip is in none of the files or in several.
    """
    found: dict[str, str] = {}
    wanted = set(clips)
    for split, name in lists.items():
        file = root / name
        words = _text(file, "it says which clips are of which split, so put it there").split()
        for part in {name for word in words for name in _names_in(word)} & wanted:
            if part in found:
                raise InputError(f"{file} lists clip '{part}', and so does {root / lists[found[part]]}: remove one")
            found[part] = split
    alone = sorted(wanted - set(found))
    if alone:
        raise InputError(f"clip '{alone[0]}' of {root} is in none of {', '.join(lists.values())}")
    return found


def _names_in(path: str) -> list[str]:
    """Return the names that a clip on the path may have: a folder's, or those of two folders joined as a group's."""
    parts = path.split("/")
    return [*parts, *(f"{one}_{other}" for one, other in pairwise(parts))]


def read_metadata(root: Path, metadata: Metadata, files: Iterable[Path]) -> dict[Path, FrameFacts]:
    """Read what a JSON file states of each blurry frame.

    Args:
        root: the folder that the release's patterns start from.
        metadata: where the file is, and its keys.
        files: the blurry frames that were found.

    Raises:
        InputError: if the file is absent, is not JSON or lacks a key, if it lists a frame that is not there, or if a
            frame that is there is not listed.
    """
    file = root / metadata.file
    text = _text(file, "it says which frames are of which split, so put it there")
    try:
        content = parse_json(text)
    except ValueError as error:
        raise InputError(f"{file} is not JSON ({error}): download it again") from error
    rows = content.get("data") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise InputError(f"{file} has no list 'data': download it again")
    there = set(files)
    found: dict[Path, FrameFacts] = {}
    for index, row in enumerate(rows):
        frame = root / _word(row, metadata.blurry, file, index)
        if frame not in there:
            raise InputError(f"{file} lists {frame}, which is not there")
        words = {track: _word(row, key, file, index) for key, track in metadata.tracks.items()}
        found[frame] = FrameFacts(_word(row, metadata.split, file, index), words)
    alone = sorted(there - set(found))
    if alone:
        raise InputError(f"{file} does not list {alone[0]}")
    return found


def _word(row: Any, key: str, file: Path, index: int) -> str:
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, str):
        raise InputError(f"{file}: entry {index} of 'data' has no text '{key}'")
    return value


def _text(file: Path, why: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{file} is not there: {why}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not a text that can be read ({error})") from error
