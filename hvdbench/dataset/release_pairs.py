"""Join the blurry clips of a release and their truth, and check that they belong together frame by frame."""

import re
from collections.abc import Sequence
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.frames import read_frame
from hvdbench.sources.release import Release, ReleaseClip
from hvdbench.workspace.names import checked_key

Pair = tuple[ReleaseClip, ReleaseClip | None]

_PNG_START, _PNG_HEAD = b"\x89PNG\r\n\x1a\n", 26  # then chunk length, "IHDR", width, height, bits, colour type
_PNG_RGB8 = bytes((8, 2))


def join_pairs(release: Release) -> list[Pair]:
    """Join blurry clips and their truth; a split of the release without any truth is taken without it.

    Raises:
        InputError: if a clip lacks its other half, or counts, numbers or sizes differ.
    """
    alone = sorted(set(release.truth) - set(release.blurry))
    if alone:
        raise InputError(
            f"{release.truth[alone[0]].folder} contains sharp frames, and {release.blur} finds no blurry frames of "
            "that clip"
        )
    with_truth = {clip.their_split for clip in release.truth.values()}
    pairs = []
    for key, blur in release.blurry.items():
        checked_key(key, "the clip", where=blur.folder)
        truth = release.truth.get(key)
        if truth is None and blur.their_split in with_truth:
            raise InputError(
                f"{blur.folder} contains blurry frames, and {release.sharp} finds no sharp frames of that clip"
            )
        pairs.append((blur, truth))
        _check_pair(blur, truth)
    return pairs


def _check_pair(blur: ReleaseClip, truth: ReleaseClip | None) -> None:
    if truth and len(truth.files) != len(blur.files):
        found = f"{blur.folder} contains {len(blur.files)} frames, and {truth.folder} contains {len(truth.files)}"
        raise InputError(f"{found}: a pair must have as many of each")
    sizes: dict[tuple[int, int], Path] = {}
    for file in (*blur.files, *(truth.files if truth else ())):
        sizes.setdefault(_size_px(file), file)
    if len(sizes) > 1:
        (one, one_file), (other, other_file) = list(sizes.items())[:2]
        raise InputError(
            f"{one_file} is {one[0]}x{one[1]}, and {other_file} is {other[0]}x{other[1]}: a clip and its truth must "
            "have one size"
        )
    true_files = truth.files if truth and not truth.series else ()  # a series was gathered by its frames' names
    numbers = zip(_numbers(blur.files), _numbers(true_files), strict=False)
    for ours, theirs, (number, its) in zip(blur.files, true_files, numbers, strict=False):
        if number != its:
            raise InputError(
                f"{ours} would be paired with {theirs}: paired frames must have the same number, or the same name"
            )


def _numbers(files: Sequence[Path]) -> list[int | str]:
    """Return the number of each frame: the last in its name that is not the same in all; a name without numbers."""
    found = [[int(digits) for digits in re.findall(r"\d+", file.stem)] for file in files]
    count = min(map(len, found), default=0)
    changing = [place for place in range(-count, 0) if len({numbers[place] for numbers in found}) > 1]
    place = changing[-1] if changing else -1
    return [numbers[place] if numbers else file.stem for numbers, file in zip(found, files, strict=True)]


def _size_px(file: Path) -> tuple[int, int]:
    """Read width and height of a picture, for PNG from its head alone, otherwise by decoding it."""
    if file.suffix.lower() == ".png":
        head = _png_head(file)
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    height, width = read_frame(file).shape[:2]
    return width, height


def is_rgb_png(file: Path) -> bool:
    """Return whether a file is an 8-bit RGB PNG, the format of a dataset."""
    return file.suffix.lower() == ".png" and _png_head(file)[24:] == _PNG_RGB8


def _png_head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            head = stream.read(_PNG_HEAD)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    if len(head) < _PNG_HEAD or not head.startswith(_PNG_START):
        raise InputError(f"{file} is not a PNG, in spite of its name: the release is damaged, so download it again")
    return head
