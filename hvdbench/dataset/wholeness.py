"""Check that what was found is a layout's release, the whole of it, and not another that lies alike."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hvdbench.dataset.release_pairs import join_pairs
from hvdbench.dataset.swapped import refuse_swapped
from hvdbench.errors import InputError
from hvdbench.sources.blurry_folders import truth_beside
from hvdbench.sources.layout import Layout, Part, layout_names, load_layout
from hvdbench.sources.release import NoReleaseError, Release, ReleaseClip, find_release

_MOST_NAMED = 3


def find_own(root: Path, name: str, layout: Layout, *, blur: str | None = None, sharp: str | None = None) -> Release:
    """Find a layout's clips by its own patterns, and refuse those of another release.

    Args:
        root: the folder.
        name, layout: the layout and its name.
        blur, sharp: words in place of the folders ``blur`` and ``sharp`` of its patterns.

    Raises:
        InputError: as :func:`find_release`, and if the clips are not the layout's, are half of its pairs, or lie as
            another release does.
    """
    try:
        release = find_release(root, layout, blur=blur, sharp=sharp)
    except NoReleaseError as error:
        other = resembling(root, name)
        if other is None:
            raise
        raise InputError(_is_another(root, layout.title, other)) from error
    _refuse_half(layout, release)
    _refuse_truth_left_out(root, layout, release)
    _refuse_stranger(root, name, layout, release)
    return release


def resembling(root: Path, but: str) -> tuple[str, Layout] | None:
    """Find a layout whose patterns fit a folder, and whose clips or first folder are called as those there.

    Args:
        root: the folder.
        but: the name of the layout that is not looked at.

    Returns:
        The layout and its name; None where none fits.
    """
    for name in layout_names():
        layout = load_layout(name)[1]
        if name != but and (layout.names_are_known or layout.has_own_folder) and _fits(root, layout):
            return name, layout
    return None


def lacking(root: Path, layout: Layout, release: Release) -> list[str]:
    """List what the release has less of than the layout states, split by split.

    A split of which nothing is there is not missed here, since releases come in parts: :func:`absent_splits`.

    Raises:
        InputError: if there is more than the layout states.
    """
    by_split: dict[str, list[ReleaseClip]] = {}
    for clip in release.blurry.values():
        by_split.setdefault(clip.their_split, []).append(clip)
    return [
        text
        for split, clips in by_split.items()
        if split in layout.parts
        for text in _lacking_of(root, layout, split, layout.parts[split], clips)
    ]


def check_release(root: Path, layout_name: str, *, incomplete: bool = False) -> list[str]:
    """Check that a folder is a layout's release, the whole of it, without writing anything.

    Args:
        root: the folder.
        layout_name: a layout's name, or the path of a ``.toml`` file with one.
        incomplete: whether clips and frames may be missing.

    Returns:
        What was found, in sentences.

    Raises:
        UnknownNameError: if there is no such layout.
        RecipeError: if the layout's file is not valid.
        InputError: if the release is another, is not whole, or is damaged.
    """
    name, layout = load_layout(layout_name)
    release = find_own(root, name, layout)
    lacks = lacking(root, layout, release)
    if lacks and not incomplete:
        raise InputError(f"{root}: {lacks[0]}; download the rest, or look at what is there with --incomplete")
    pairs = join_pairs(release)
    refuse_swapped(pairs)
    found = []
    for split in dict.fromkeys(clip.their_split for clip, _ in pairs):
        clips = [(clip, truth) for clip, truth in pairs if clip.their_split == split]
        frames = sum(len(clip.files) for clip, _ in clips)
        kind = "sharp" if not layout.is_blurry else "paired" if clips[0][1] else "blurry"
        found.append(f"{split}: {len(clips)} clips, {frames} {kind} frames")
    absent = [f"nothing of {split} was found" for split in absent_splits(layout, release)]
    return [f"{root} is {layout.title}", *found, *lacks, *absent]


def absent_splits(layout: Layout, release: Release) -> list[str]:
    """List the splits of the layout of which nothing is there."""
    return sorted(set(layout.parts) - {clip.their_split for clip in release.blurry.values()})


def _refuse_stranger(root: Path, name: str, layout: Layout, release: Release) -> None:
    """Refuse clips that are not called as the layout's, or that are of another split there.

    Raises:
        InputError: if there is one.
    """
    for clip in release.blurry.values():
        listed = layout.parts[clip.their_split].clips if clip.their_split in layout.parts else ()
        if clip.name in listed or (not listed and layout.names_fit([clip.name])):
            continue
        theirs = layout.split_of(clip.name)
        if theirs is not None:
            raise InputError(
                f"clip '{clip.name}' in {clip.folder} is of the split {theirs} of {layout.title}, and it was found in "
                f"{clip.their_split}"
            )
        raise InputError(
            f"clip '{clip.name}' in {clip.folder} is not one of {layout.title}, {clip.their_split}: restore its name, "
            "or import clips of your own with a layout of your own or with --blur and --sharp"
        )
    is_own = name not in layout_names()  # a file of the user's is taken at its word
    if is_own or (layout.names_are_known and not _are_numbers(release)):
        return
    other = resembling(root, name)
    if other is not None and not _is_whole(layout, release):
        raise InputError(_is_another(root, layout.title, other))


def _refuse_half(layout: Layout, release: Release) -> None:
    """Refuse blurry frames alone where the layout has sharp ones.

    A split that the layout counts nothing of may be without truth, as test sets are whose truth is kept back.

    Raises:
        InputError: if no sharp frames were found, and should have been.
    """
    if release.truth or not layout.is_blurry or not all(pattern.sharp for pattern in layout.patterns):
        return
    splits = {clip.their_split for clip in release.blurry.values()}
    if not layout.parts or splits & set(layout.parts):
        looked_for = ", ".join(pattern.sharp for pattern in layout.patterns if pattern.sharp)
        raise InputError(
            f"{release.root} contains blurry frames of {layout.title}, and {looked_for} finds no sharp frames: "
            "download them too"
        )


def _refuse_truth_left_out(root: Path, layout: Layout, release: Release) -> None:
    """Refuse to take blurry frames without truth where a folder beside them is named as truth is.

    Raises:
        InputError: if the layout has no truth, and such a folder is there.
    """
    if any(pattern.sharp for pattern in layout.patterns):
        return
    for clip in release.blurry.values():
        beside = truth_beside(clip.folder, root)
        if beside is not None:
            raise InputError(
                f"{layout.title} has no sharp frames, and {beside} is named as if it contained the sharp frames of "
                f"{clip.folder}: import it with the layout of its own release"
            )


def _lacking_of(root: Path, layout: Layout, split: str, part: Part, clips: Sequence[ReleaseClip]) -> Iterator[str]:
    names, title = {clip.name for clip in clips}, f"{layout.title}, {split}"
    missing = [name for name in part.clips if name not in names]
    expected = part.clip_count
    if expected is not None and len(clips) > expected:
        raise InputError(f"{root} has {len(clips)} clips of {title}, which has {expected}")
    if missing:
        yield f"{len(missing)} of the {expected} clips of {title} are missing ({_named(missing)})"
    elif expected is not None and len(clips) < expected:
        yield f"{len(clips)} of the {expected} clips of {title} are there"
    short = []
    for clip in clips:
        frames, found = part.frames_of(clip.name), len(clip.files)
        if frames is not None and found > frames:
            raise InputError(f"{clip.folder} contains {found} frames, and clip {clip.name} of {title} has {frames}")
        if frames is not None and found < frames:
            short.append(f"{clip.name} has {found} of {frames}")
    if short:
        yield f"frames of {title} are missing ({_named(short)})"
    total = sum(len(clip.files) for clip in clips)
    if part.total is not None and total > part.total:
        raise InputError(f"{root} contains {total} blurry frames of {title}, which has {part.total}")
    if part.total is not None and total < part.total and not missing and not short:
        yield f"{total} of the {part.total} blurry frames of {title} are there"


def _named(things: Sequence[str]) -> str:
    return ", ".join(things[:_MOST_NAMED]) + (", …" if len(things) > _MOST_NAMED else "")


def _are_numbers(release: Release) -> bool:
    """Return whether all clips are called by plain numbers, as anybody's may be."""
    return all(clip.name.isdecimal() for clip in release.blurry.values())


def _is_whole(layout: Layout, release: Release) -> bool:
    return bool(layout.parts) and not lacking(release.root, layout, release)


def _fits(root: Path, layout: Layout) -> bool:
    """Return whether the clips of a folder are a layout's by their place and their names.

    Clips that are called by numbers must lie in a folder that is named by the layout, since numbers say nothing.
    """
    try:
        release = find_release(root, layout)
    except InputError:
        return False
    names = [clip.name for clip in release.blurry.values()]
    is_named = bool(re.sub(r"\{\w+\}|\W", "", release.blur.rpartition("/")[0]))
    is_paired = release.truth or not layout.is_blurry or not any(pattern.sharp for pattern in layout.patterns)
    return bool(is_paired) and layout.names_fit(names) and (is_named or not all(map(str.isdecimal, names)))


def _is_another(root: Path, title: str, other: tuple[str, Layout]) -> str:
    name, layout = other
    how = f"import it with --layout {name}" if layout.is_blurry else "it has no blurry frames"
    return (
        f"{root} is laid out as {layout.title} is, and not as {title}: {how}; if it is {title} all the same, say where "
        "its frames lie with --blur and --sharp"
    )
