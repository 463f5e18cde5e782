"""Find the clips of others' releases by the patterns of a layout."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hvdbench.errors import InputError
from hvdbench.frames import is_wanted_folder, list_folders, list_frames
from hvdbench.sources.layout import PATTERN_HELP, Layout, is_pattern
from hvdbench.workspace.names import kept_name

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "test"
)
_VALIDATION = frozenset({"val", "valid", "validation"})
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class ReleaseClip:
    """A clip of the release: its split there and here, its folder, its pictures in natural order."""

    name: str
    their_split: str
    split: str
    folder: Path
    files: tuple[Path, ...] = field(repr=False)

    @property
    def key(self) -> str:
        return f"{self.split}/{self.our_name}"

    @property
    def our_name(self) -> str:
        """The clip's name here: apart from one of the test set, since REDS numbers each of its parts from 000.

        A name that cannot be one here becomes a slug with digits of its hash.
        """
        return kept_name(f"{self.their_split}_{self.name}" if self.their_split in _VALIDATION else self.name)


@dataclass(frozen=True)
class Release:
    """The files that were found of a release.

    Attributes:
        root: the folder that the patterns start from.
        blur, sharp: the patterns that were used; ``sharp`` is None where there is no truth.
        blurry, truth: clips by the key ``<split>/<clip>`` that they get here.
    """

    root: Path
    blur: str
    sharp: str | None
    blurry: Mapping[str, ReleaseClip]
    truth: Mapping[str, ReleaseClip]


def is_word(text: str) -> bool:
    """Return whether a text is a plain name and not a pattern."""
    return _WORD.fullmatch(text) is not None


def find_release(root: Path, layout: Layout, *, blur: str | None = None, sharp: str | None = None) -> Release:
    """Find a release's clips in a folder, else in the one folder below it that has any.

    Args:
        root: the folder.
        layout: the layout whose patterns are searched for.
        blur, sharp: patterns in place of the layout's; a plain word replaces the folder ``blur`` or ``sharp`` in them.

    Raises:
        InputError: if there is no folder, there are no clips, there are several releases, or a text is not a pattern.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: name the folder of the release")
    candidates = [
        (_replaced(pattern.blurry, "blur", blur) or pattern.blurry, _replaced(pattern.sharp, "sharp", sharp))
        for pattern in layout.patterns
        if pattern.blurry is not None
    ]
    splits = layout.splits or SPLITS
    roots = [root]
    for _ in range(2):
        found = [hit for folder in roots if (hit := _first_match(folder, candidates, splits))]
        if len(found) > 1:
            raise InputError(
                f"{root} contains several releases ({', '.join(hit.root.name for hit in found)}): name one of them"
            )
        if found:
            return found[0]
        roots = list_folders(root)
    looked_for = ", ".join(dict.fromkeys(pattern for pattern, _ in candidates))
    raise InputError(
        f"{root} contains no blurry clips: looked for {looked_for} with {{split}} one of {', '.join(splits)}; --blur "
        "and --sharp name other patterns"
    )


def _first_match(root: Path, candidates: Sequence[tuple[str, str | None]], splits: Mapping[str, str]) -> Release | None:
    """Take the first patterns that give pairs; failing that, the first that give blurry clips."""
    blurry_only = None
    for blur, sharp in candidates:
        blurry = find_clips(root, blur, splits)
        truth = find_clips(root, sharp, splits) if sharp and blurry else {}
        if blurry and (truth or not sharp):
            return Release(root, blur, sharp, blurry, truth)
        if blurry and not blurry_only:
            blurry_only = Release(root, blur, None, blurry, {})
    return blurry_only


def _replaced(pattern: str | None, folder: str, given: str | None) -> str | None:
    """Return the pattern in force: the layout's, with another folder where a mere word is given, or the one given."""
    if given is None:
        return pattern
    return pattern.replace(folder, given) if pattern and is_word(given) else given


def find_clips(root: Path, pattern: str, splits: Mapping[str, str] = SPLITS) -> dict[str, ReleaseClip]:
    """List the clips that match a pattern, by the key ``<split>/<clip>`` they get here.

    Args:
        root: the folder that the pattern starts from.
        pattern: with ``{clip}``, and ``{split}`` where it names one; without, every clip is a test clip.
        splits: the release's splits and what they are here.

    Raises:
        InputError: if the text is not a pattern, or two folders would be one clip.
    """
    folders, files = _parsed(pattern)
    expression = _expression(folders, splits)
    clips: dict[str, ReleaseClip] = {}
    for folder in sorted(root.glob(re.sub(r"\{\w+\}", "*", folders))):
        match = expression.fullmatch(folder.relative_to(root).as_posix())
        if not match or not all(map(is_wanted_folder, _down_to(folder, root))):
            continue
        pictures = tuple(list_frames(folder, files))
        if pictures:
            theirs = match.groupdict().get("split") or "test"
            clip = ReleaseClip(match["clip"], theirs, splits.get(theirs, "test"), folder, pictures)
            if clip.key in clips:
                raise InputError(f"{clips[clip.key].folder} and {folder} would both be the clip {clip.key}: rename one")
            clips[clip.key] = clip
    return clips


def _down_to(folder: Path, root: Path) -> list[Path]:
    """List a folder and those above it, without the root."""
    return [folder, *(place for place in folder.parents if root in place.parents)]


def _parsed(pattern: str) -> tuple[str, str]:
    """Split a pattern into folders and files.

    Raises:
        InputError: if the pattern is not relative, has another placeholder, or does not contain the clip's name.
    """
    if not is_pattern(pattern):
        raise InputError(f"'{pattern}' is not a pattern of frames: {PATTERN_HELP}")
    path = PurePosixPath(pattern)
    return path.parent.as_posix(), path.name


def _expression(folders: str, splits: Mapping[str, str]) -> re.Pattern[str]:
    known = {
        "{split}": "|".join(map(re.escape, sorted(splits, key=len, reverse=True))),
        "{clip}": "[^/]+",
        "*": "[^/]*",
        "?": "[^/]",
    }
    parts, seen = [], set[str]()
    for part in re.split(r"(\{\w+\}|[*?])", folders):
        name = part.strip("{}")
        if part not in known:
            parts.append(re.escape(part))
        elif part in "*?":
            parts.append(known[part])
        else:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{known[part]})")
            seen.add(name)
    return re.compile("".join(parts))
