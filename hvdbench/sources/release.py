"""Find the clips of others' releases by the patterns of a layout, and the split and the truth of each."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from hvdbench.errors import InputError
from hvdbench.frames import is_wanted_folder, list_folders, list_frames
from hvdbench.sources.layout import Layout, is_pool, pattern_expression, split_pattern
from hvdbench.sources.release_lists import FrameFacts, read_lists, read_metadata
from hvdbench.workspace.names import kept_name

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "test"
)
_VALIDATION = frozenset({"val", "valid", "validation"})
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class ReleaseClip:
    """A clip of the release: its split there and here, its folder, its pictures in natural order.

    Attributes:
        series: of sharp frames that show an exposure in several: all of them, for each of ``files``, the middle ones.
        facts: of blurry frames, what the release's metadata states of each of ``files``.
    """

    name: str
    their_split: str
    split: str
    folder: Path
    files: tuple[Path, ...] = field(repr=False)
    series: tuple[tuple[Path, ...], ...] = field(default=(), repr=False)
    facts: tuple[FrameFacts, ...] = field(default=(), repr=False)

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
        blur, sharp: the patterns that were used, several with commas; ``sharp`` is None where there is no truth.
        blurry, truth: clips by the key ``<split>/<clip>`` that they get here. Of high-speed footage, which has no
            blurry clips, the sharp ones stand in their place.
    """

    root: Path
    blur: str
    sharp: str | None
    blurry: Mapping[str, ReleaseClip]
    truth: Mapping[str, ReleaseClip]


class NoReleaseError(InputError):
    """No release, or more than one, lies where a layout's patterns look."""


_Candidate = tuple[tuple[str, ...], str | None]
_SplitOf = Callable[[str], str | None]


def is_word(text: str) -> bool:
    """Return whether a text is a plain name and not a pattern."""
    return _WORD.fullmatch(text) is not None


def find_release(root: Path, layout: Layout, *, blur: str | None = None, sharp: str | None = None) -> Release:
    """Find a release's clips in a folder, else in the one folder below it that has any.

    The root may also be the first folder of a pattern, such as ``BSD_1ms8ms`` or the folder of one split.

    Args:
        root: the folder.
        layout: the layout whose patterns are searched for.
        blur, sharp: patterns in place of the layout's; a plain word replaces the folder ``blur`` or ``sharp`` in them.

    Raises:
        NoReleaseError: if there are no clips, or several releases.
        InputError: if there is no folder, a text is not a pattern, a file that says what belongs to which split is
            absent or names a clip twice, or sharp frames of an exposure are missing.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: name the folder of the release")
    candidates: list[_Candidate] = [
        (_replaced_places(pattern.places, blur), _replaced(pattern.sharp, "sharp", sharp))
        if pattern.places
        else ((pattern.sharp or "",), None)
        for pattern in layout.patterns
        if pattern.places or not layout.is_blurry
    ]
    splits = layout.splits or SPLITS
    roots = [root]
    for _ in range(2):
        found = [hit for folder in roots if (hit := _first_match(folder, candidates, splits, layout.split_of))]
        if len(found) > 1:
            raise NoReleaseError(
                f"{root} contains several releases ({', '.join(hit.root.name for hit in found)}): name one of them"
            )
        if found and sharp and not found[0].truth:
            raise InputError(f"{found[0].root} contains no sharp clips: looked for {sharp}")
        if found:
            return _completed(found[0], layout, splits)
        roots = list_folders(root)
    looked_for = ", ".join(dict.fromkeys(pattern for places, _ in candidates for pattern in places))
    what = "blurry clips" if layout.is_blurry else "clips"
    raise NoReleaseError(
        f"{root} contains no {what}: looked for {looked_for} with {{split}} one of {', '.join(splits)}; --blur "
        "and --sharp name other patterns"
    )


def _first_match(
    root: Path, candidates: Sequence[_Candidate], splits: Mapping[str, str], split_of: _SplitOf
) -> Release | None:
    """Take the first patterns that give pairs; failing that, the first that give blurry clips."""
    blurry_only = None
    for places, sharp in candidates:
        pool = sharp if sharp and is_pool(sharp) else None
        for start, top in _starts(root, places, sharp, splits):
            found = [find_clips(start, place, splits, top=top, split_of=split_of) for place in places]
            blurry = {key: clip for clips in found for key, clip in clips.items()}
            if pool:
                blurry = {
                    key: clip for key, clip in blurry.items() if clip.folder != start / PurePosixPath(pool).parent
                }
                truth = _from_pool(start, pool, blurry)
            else:
                truth = find_clips(start, sharp, splits, top=top, split_of=split_of) if sharp and blurry else {}
            shown = ", ".join(places)
            if blurry and (truth or not sharp):
                return Release(start, shown, sharp, blurry, truth)
            if blurry and not blurry_only:
                blurry_only = Release(start, shown, None, blurry, {})
    return blurry_only


def _starts(
    root: Path, places: Sequence[str], sharp: str | None, splits: Mapping[str, str]
) -> Iterator[tuple[Path, str | None]]:
    """Yield the folders that patterns may start from, and the folder below it that alone is looked at.

    The second is the folder above the root, where all patterns begin with one and the same folder, which says more than
    that anything may be there, and the root is called so.
    """
    yield root, None
    firsts = {PurePosixPath(place).parts[0] for place in (*places, *([sharp] if sharp else []))}
    first = next(iter(firsts))
    says_something = first == "{split}" or bool(re.sub(r"\{\w+\}|[*?]", "", first))
    here = root.resolve()
    if len(firsts) == 1 and says_something and pattern_expression(first, splits).fullmatch(here.name):
        yield here.parent, here.name


def _replaced_places(places: Sequence[str], given: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_replaced(place, "blur", given) or place for place in places))


def _replaced(pattern: str | None, folder: str, given: str | None) -> str | None:
    """Return the pattern in force: the layout's, with another folder where a mere word is given, or the one given."""
    if given is None:
        return pattern
    return pattern.replace(folder, given) if pattern and is_word(given) else given


def find_clips(
    root: Path,
    pattern: str,
    splits: Mapping[str, str] = SPLITS,
    *,
    top: str | None = None,
    split_of: _SplitOf = lambda clip: None,
) -> dict[str, ReleaseClip]:
    """List the clips that match a pattern, by the key ``<split>/<clip>`` they get here.

    Args:
        root: the folder that the pattern starts from.
        pattern: with ``{clip}``, ``{split}`` where it names one, and ``{group}`` where the folder above the clips has a
            name that becomes part of theirs.
        splits: the release's splits and what they are here.
        top: the only folder below the root to look into; None: all that fit the pattern.
        split_of: the release's split of a clip by name, where the pattern has no ``{split}``; a clip of none is a test
            clip.

    Raises:
        InputError: if the text is not a pattern, or two folders would be one clip.
    """
    folders, files = split_pattern(pattern)
    expression = pattern_expression(folders, splits)
    wanted = PurePosixPath(re.sub(r"\{\w+\}", "*", folders))
    looked_for = wanted if top is None else PurePosixPath(_literal(top), *wanted.parts[1:])
    clips: dict[str, ReleaseClip] = {}
    for folder in sorted(root.glob(looked_for.as_posix())):
        match = expression.fullmatch(folder.relative_to(root).as_posix())
        if not match or not all(map(is_wanted_folder, _down_to(folder, root))):
            continue
        pictures = tuple(list_frames(folder, files))
        if pictures:
            named = match.groupdict()
            name = "_".join(named[part] for part in ("group", "clip") if part in named)
            theirs = named.get("split") or split_of(name) or "test"
            clip = ReleaseClip(name, theirs, splits.get(theirs, "test"), folder, pictures)
            if clip.key in clips:
                raise InputError(f"{clips[clip.key].folder} and {folder} would both be the clip {clip.key}: rename one")
            clips[clip.key] = clip
    return clips


def _literal(name: str) -> str:
    """Return a glob pattern that matches exactly this name."""
    return re.sub(r"([*?[])", r"[\1]", name)


def _from_pool(root: Path, pool: str, blurry: Mapping[str, ReleaseClip]) -> dict[str, ReleaseClip]:
    """Return the truth of each blurry clip out of one folder of all truth, by name.

    Raises:
        InputError: if a blurry frame has none.
    """
    path = PurePosixPath(pool)
    folder = root / path.parent
    if not folder.is_dir() or not blurry:
        return {}
    there = {file.name: file for file in list_frames(folder, path.name)}
    truth = {}
    for key, clip in blurry.items():
        alone = next((file for file in clip.files if file.name not in there), None)
        if alone:
            raise InputError(f"{alone} has no truth: {folder} contains no {alone.name}")
        files = tuple(there[file.name] for file in clip.files)
        truth[key] = replace(clip, folder=folder, files=files)
    return truth


def _completed(release: Release, layout: Layout, splits: Mapping[str, str]) -> Release:
    """Add what the release's own lists and metadata say, and gather the sharp frames of each exposure."""
    blurry, truth = release.blurry, release.truth
    if layout.lists:
        listed = read_lists(release.root, layout.lists, [clip.name for clip in blurry.values()])
        blurry, truth = (_in_split(clips, listed, splits) for clips in (blurry, truth))
    if layout.sharp_per_blurry > 1:
        truth = {
            key: _in_series(clip, blurry[key], layout.sharp_per_blurry) if key in blurry else clip
            for key, clip in truth.items()
        }
    if layout.metadata:
        facts = read_metadata(release.root, layout.metadata, [file for clip in blurry.values() for file in clip.files])
        blurry, truth = _by_metadata(blurry, truth, facts, splits)
    return replace(release, blurry=blurry, truth=truth)


def _in_split(
    clips: Mapping[str, ReleaseClip], listed: Mapping[str, str], splits: Mapping[str, str]
) -> dict[str, ReleaseClip]:
    moved = [_moved(clip, listed.get(clip.name, clip.their_split), splits) for clip in clips.values()]
    return {clip.key: clip for clip in moved}


def _moved(clip: ReleaseClip, theirs: str, splits: Mapping[str, str]) -> ReleaseClip:
    """Return the clip in another split of the release."""
    return replace(clip, their_split=theirs, split=splits.get(theirs, "test"))


def _in_series(truth: ReleaseClip, blurry: ReleaseClip, count: int) -> ReleaseClip:
    """Gather the sharp frames ``<frame>_<number>`` of each blurry frame; the middle one is its truth.

    Raises:
        InputError: if a blurry frame has more or fewer, or sharp frames belong to none.
    """
    of_frame: dict[str, list[Path]] = {file.stem: [] for file in blurry.files}
    for file in truth.files:
        frame = file.stem.rpartition("_")[0]
        if frame not in of_frame:
            raise InputError(f"{file} belongs to no blurry frame: {blurry.folder} contains no {frame}{file.suffix}")
        of_frame[frame].append(file)
    for file in blurry.files:
        found = len(of_frame[file.stem])
        if found != count:
            raise InputError(
                f"{truth.folder} contains {found} sharp frames of {file.name}, and each blurry frame has {count}"
            )
    series = tuple(tuple(of_frame[file.stem]) for file in blurry.files)
    return replace(truth, files=tuple(frames[count // 2] for frames in series), series=series)


def _by_metadata(
    blurry: Mapping[str, ReleaseClip],
    truth: Mapping[str, ReleaseClip],
    facts: Mapping[Path, FrameFacts],
    splits: Mapping[str, str],
) -> tuple[dict[str, ReleaseClip], dict[str, ReleaseClip]]:
    """Divide clips by the split that the metadata states for each frame."""
    found: tuple[dict[str, ReleaseClip], dict[str, ReleaseClip]] = ({}, {})
    for key, clip in blurry.items():
        for theirs in dict.fromkeys(facts[file].split for file in clip.files):
            chosen = [index for index, file in enumerate(clip.files) if facts[file].split == theirs]
            part = replace(
                _moved(_picked(clip, chosen), theirs, splits), facts=tuple(facts[clip.files[index]] for index in chosen)
            )
            found[0][part.key] = part
            if key in truth:
                found[1][part.key] = _moved(_picked(truth[key], chosen), theirs, splits)
    return found


def _picked(clip: ReleaseClip, chosen: Sequence[int]) -> ReleaseClip:
    series = tuple(clip.series[index] for index in chosen) if clip.series else ()
    return replace(clip, files=tuple(clip.files[index] for index in chosen), series=series)


def _down_to(folder: Path, root: Path) -> list[Path]:
    """List a folder and those above it, without the root."""
    return [folder, *(place for place in folder.parents if root in place.parents)]
