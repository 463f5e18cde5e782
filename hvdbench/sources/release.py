"""Find the clips of others' releases by patterns such as ``{split}/{clip}/blur/*.png``."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hvdbench.errors import InputError
from hvdbench.frames import is_wanted_folder, list_folders, list_frames

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "test"
)
GOPRO_FPS = 240.0
AVERAGED = 11  # frames behind one blurry frame of GOPRO_Large, where the clip's name does not say
_VALIDATION = frozenset({"val", "valid", "validation"})
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# The second number counts averaged frames: frames 323 to 329 of GOPRO_Large_all are behind the first of GOPR0372_07_00
# (its author's answer in SeungjunNah/DeepDeblur_release).
_GOPRO_CLIP = re.compile(r"GOPR\d+_(\d\d)_\d\d")
_ASK = "as its authors say: not known here"


def averaged_frames(clip_name: str) -> int | None:
    """Read from a clip's name how many frames at 240 fps are behind one of GOPRO_Large: 11 of ``GOPR0384_11_00``."""
    named = _GOPRO_CLIP.fullmatch(clip_name)
    return int(named[1]) if named and int(named[1]) else None


@dataclass(frozen=True)
class Layout:
    """Where a release keeps its frames.

    Attributes:
        patterns: of blurry and of sharp frames (None: no truth), tried in this order.
        licence: of the frames.
        fps: of a clip, by its name; None: unknown.
        is_guess: whether the patterns are a guess.
    """

    patterns: tuple[tuple[str, str | None], ...]
    licence: str
    fps: Callable[[str], float | None]
    is_guess: bool = False


LAYOUTS: Mapping[str, Layout] = {
    "gopro": Layout(
        (("{split}/{clip}/blur/*.png", "{split}/{clip}/sharp/*.png"),),
        "CC BY 4.0 (GOPRO_Large)",
        lambda clip: GOPRO_FPS / (averaged_frames(clip) or AVERAGED),
    ),
    "reds": Layout(
        (
            ("{split}/{split}_blur/{clip}/*.png", "{split}/{split}_sharp/{clip}/*.png"),
            ("{split}_blur/{clip}/*.png", "{split}_sharp/{clip}/*.png"),
        ),
        "CC BY 4.0 (REDS; the licence tag of its author's data card snah/REDS)",
        lambda clip: 24.0,
    ),
    "goproshake-official": Layout(
        (
            ("{split}/blur/{clip}/*.png", "{split}/sharp/{clip}/*.png"),
            ("{split}/blur/{clip}/*.png", "{split}/GT/{clip}/*.png"),
            ("{split}_blur/{clip}/*.png", "{split}_sharp/{clip}/*.png"),
            ("{split}/{clip}/blur/*.png", "{split}/{clip}/sharp/*.png"),
        ),
        _ASK,
        lambda clip: None,
        is_guess=True,
    ),
    "hvd-official": Layout(
        tuple((f"{folders}/*", None) for folders in ("{split}/blur/{clip}", "{split}_blur/{clip}", "{split}/{clip}")),
        _ASK,
        lambda clip: None,
        is_guess=True,
    ),
}


@dataclass(frozen=True)
class ReleaseClip:
    """A clip of the release: its split there, its folder, its pictures in the order a person counts."""

    name: str
    their_split: str
    folder: Path
    files: tuple[Path, ...] = field(repr=False)

    @property
    def split(self) -> str:
        return SPLITS[self.their_split]

    @property
    def key(self) -> str:
        return f"{self.split}/{self.our_name}"

    @property
    def our_name(self) -> str:
        """The name that tells the clip from one of the test set: REDS numbers each of its parts from 000."""
        return f"{self.their_split}_{self.name}" if self.their_split in _VALIDATION else self.name


@dataclass(frozen=True)
class Release:
    """What was found of a release.

    Attributes:
        root: the folder that the patterns start from.
        blur, sharp: the patterns in force; ``sharp`` is None where there is no truth.
        blurry, truth: clips by the key ``<split>/<clip>`` that they get here.
    """

    root: Path
    blur: str
    sharp: str | None
    blurry: Mapping[str, ReleaseClip]
    truth: Mapping[str, ReleaseClip]


def is_word(text: str) -> bool:
    """Return whether a text is a mere name and no pattern."""
    return _WORD.fullmatch(text) is not None


def find_release(root: Path, layout: Layout, *, blur: str | None = None, sharp: str | None = None) -> Release:
    """Find a release's clips in a folder, else in the one folder below it that has any.

    Args:
        root: the folder.
        layout: whose patterns are looked for.
        blur, sharp: patterns in place of the layout's; a mere word stands for the folder ``blur`` or ``sharp`` in them.

    Raises:
        InputError: no folder, no clips, several releases, or a text that is no pattern.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: name the one of the release")
    candidates = [(_replaced(b, "blur", blur) or b, _replaced(s, "sharp", sharp)) for b, s in layout.patterns]
    roots = [root]
    for _ in range(2):
        found = [hit for folder in roots if (hit := _first_match(folder, candidates))]
        if len(found) > 1:
            raise InputError(f"{root} holds several releases ({', '.join(hit.root.name for hit in found)}): name one")
        if found:
            return found[0]
        roots = list_folders(root)
    looked_for = ", ".join(dict.fromkeys(pattern for pattern, _ in candidates))
    raise InputError(
        f"{root} holds no blurry clips: looked for {looked_for} with {{split}} one of {', '.join(SPLITS)}; --blur and "
        "--sharp name other patterns"
    )


def _first_match(root: Path, candidates: Sequence[tuple[str, str | None]]) -> Release | None:
    """Take the first patterns that find pairs; failing that, the first that find blurry clips."""
    blurry_only = None
    for blur, sharp in candidates:
        blurry = find_clips(root, blur)
        truth = find_clips(root, sharp) if sharp and blurry else {}
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


def find_clips(root: Path, pattern: str) -> dict[str, ReleaseClip]:
    """List the clips that match a pattern, by the key ``<split>/<clip>`` they get here.

    Raises:
        InputError: the text is no pattern, or two folders would be one clip.
    """
    folders, files = _parsed(pattern)
    expression = _expression(folders)
    clips: dict[str, ReleaseClip] = {}
    for folder in sorted(root.glob(re.sub(r"\{\w+\}", "*", folders))):
        match = expression.fullmatch(folder.relative_to(root).as_posix())
        if not match or not is_wanted_folder(folder) or match["clip"].startswith("."):
            continue
        pictures = tuple(list_frames(folder, files))
        if pictures:
            clip = ReleaseClip(match["clip"], match.groupdict().get("split") or "test", folder, pictures)
            if clip.key in clips:
                raise InputError(f"{clips[clip.key].folder} and {folder} would both be the clip {clip.key}: rename one")
            clips[clip.key] = clip
    return clips


def _parsed(pattern: str) -> tuple[str, str]:
    """Part a pattern into folders and files.

    Raises:
        InputError: it is not relative, knows another placeholder, or does not say where the clip's name stands.
    """
    path = PurePosixPath(pattern)
    others = set(re.findall(r"\{(\w*)\}", pattern)) - {"split", "clip"}
    if path.is_absolute() or ".." in path.parts or others or "{clip}" not in path.parent.as_posix() or "{" in path.name:
        raise InputError(
            f"'{pattern}' is no pattern of frames: expected one like {{split}}/{{clip}}/blur/*.png, relative to the "
            "release, with {clip} and if need be {split} among its folders"
        )
    return path.parent.as_posix(), path.name


def _expression(folders: str) -> re.Pattern[str]:
    known = {"{split}": "|".join(sorted(SPLITS, key=len, reverse=True)), "{clip}": "[^/]+", "*": "[^/]*", "?": "[^/]"}
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
