"""Find out from the names in a folder of results which frame of a clip each file is."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hvdbench.errors import InputError

NOT_RESULTS = frozenset(
    ["input", "inputs", "in", "lq", "lr", "blur", "blurry", "gt", "truth", "target", "hq", "sharp", "label", "ref"]
)
"""Words that programs use in the names of files that they write beside their results."""

_LISTED = 4
_RUN = re.compile(r"\d+")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Matched:
    """The file of each frame.

    Attributes:
        files: index of each frame's file in the given list; None for a frame without a result.
        left_out: kinds of names beside the results that belong to no result, such as ``#_gt``.
    """

    files: tuple[int | None, ...]
    left_out: tuple[str, ...] = ()

    @property
    def absent(self) -> list[int]:
        """The frames without a result."""
        return [index for index, file in enumerate(self.files) if file is None]


def match_names(
    files: Sequence[Path], names: Sequence[str], *, whose: str, may_lack: frozenset[int] = frozenset()
) -> Matched:
    """Find the file of each frame of a clip.

    Files with the frames' own names, perhaps with the same words before or after them, are paired by name. Files with
    another numbering are taken in its order, which must have no gap. Files whose names contain ``input``, ``gt`` or
    the like are left out if there are others whose names do not.

    Args:
        files: picture files, in natural order.
        names: names of the clip's frames, without suffix and in order.
        whose: subject of an error's sentence: the folder or the program.
        may_lack: frames that may have no result; either none of them has one, or all have.

    Raises:
        InputError: if files are missing, there are too many or several kinds, or their names do not show which frame
            each one is.
    """
    wanted = [name for index, name in enumerate(names) if index not in may_lack]
    every = [path.stem for path in files]
    chosen: list[int] = list(range(len(files)))
    left_out: tuple[str, ...] = ()
    if set(every) not in (set(names), set(wanted)):
        chosen, left_out = _results_among(every, names, whose)
    stems = [every[index] for index in chosen]
    if len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        raise InputError(f"{whose} contains the frame {twice} twice, in files of two formats: remove one of them")
    own = _own_names(stems, names)
    for expected in (list(names), wanted):
        if own is not None and set(own) == set(expected):
            place = dict(zip(own, chosen, strict=True))
            return Matched(tuple(place.get(name) for name in names), left_out)
    if own is not None:
        raise InputError(_other_names(own, names, whose, left_out))
    order = _own_numbering(stems, whose)
    expected_counts = (len(names), len(wanted))
    if len(stems) not in expected_counts:
        raise InputError(
            f"{whose} has {len(stems)} frames, and the clip has {len(names)}: each frame of the clip needs one result"
        )
    frames = range(len(names)) if len(stems) == len(names) else [i for i in range(len(names)) if i not in may_lack]
    found: list[int | None] = [None] * len(names)
    for frame, at in zip(frames, order, strict=True):
        found[frame] = chosen[at]
    return Matched(tuple(found), left_out)


def _results_among(stems: Sequence[str], names: Sequence[str], whose: str) -> tuple[list[int], tuple[str, ...]]:
    """Choose the files that may be results: those of the only kind of name without a word like ``gt``, or all."""
    kinds: dict[str, list[int]] = {}
    for index, stem in enumerate(stems):
        kinds.setdefault(_kind(stem), []).append(index)
    results = [kind for kind in kinds if not NOT_RESULTS & set(_WORD.findall(kind.lower()))]
    if len(kinds) > 1 and len(results) == 1:
        return kinds[results[0]], tuple(sorted(set(kinds) - set(results)))
    if len(kinds) > 1 and (len(results) < len(kinds) or (len(kinds) <= _LISTED and not set(stems) & set(names))):
        shown = sorted(kinds)
        raise InputError(
            f"{whose} contains files with {len(kinds)} kinds of names ({', '.join(shown[:_LISTED])}"
            f"{' ...' if len(shown) > _LISTED else ''}; # stands for a number): leave only the results in it, one "
            "file for each frame"
        )
    return list(range(len(stems))), ()


def _kind(stem: str) -> str:
    return _RUN.sub("#", stem)


def _own_names(stems: Sequence[str], names: Sequence[str]) -> list[str] | None:
    """Return the files' names without what all have before and after them; None if they contain no name of the clip.

    What is left of a file's name is returned even if it is not the name of a frame.
    """
    known = set(names)
    if known & set(stems):
        return list(stems)
    for stem in stems:
        for name in names:
            for match in re.finditer(rf"(?<!\d){re.escape(name)}(?!\d)", stem):
                before, behind = stem[: match.start()], stem[match.end() :]
                framed = all(other.startswith(before) and other.endswith(behind) for other in stems)
                if framed and all(len(other) > len(before) + len(behind) for other in stems):
                    return [other[len(before) : len(other) - len(behind)] for other in stems]
    return None


def _own_numbering(stems: Sequence[str], whose: str) -> list[int]:
    """Order files by the one number in their names that changes, which must run without a gap.

    Raises:
        InputError: if there is no such number, or the numbering has a gap.
    """
    numbers = [[int(run) for run in _RUN.findall(stem)] for stem in stems]
    places = range(len(numbers[0])) if numbers and len({len(found) for found in numbers}) == 1 else range(0)
    changing = [place for place in places if len({found[place] for found in numbers}) > 1]
    if len(stems) == 1 and not changing:
        return [0]
    if len(changing) != 1 or len({_kind(stem) for stem in stems}) > 1:
        raise InputError(
            f"the names of the files in {whose} do not show which frame each one is (the first is {stems[0]}): name "
            "them like the clip's frames, or number them without a gap"
        )
    counted = [found[changing[0]] for found in numbers]
    order = sorted(range(len(counted)), key=lambda index: counted[index])
    for one, other in itertools.pairwise(order):
        if counted[other] != counted[one] + 1:
            raise InputError(
                f"the files in {whose} are numbered with a gap, from {stems[one]} to {stems[other]}: each frame of the "
                "clip needs one result"
            )
    return order


def _other_names(found: Sequence[str], names: Sequence[str], whose: str, left_out: Sequence[str]) -> str:
    missing = [name for name in names if name not in set(found)]
    surplus = [name for name in found if name not in set(names)]
    parts = [f"{len(missing)} missing, the first is {missing[0]}"] if missing else []
    parts += [f"{len(surplus)} not named like a frame of the clip, the first is {surplus[0]}"] if surplus else []
    parts += [f"files named {', '.join(left_out)} are not results and were left out"] if left_out else []
    return (
        f"{whose} has {len(found)} frames, and the clip has {len(names)}: each frame of the clip needs one result "
        f"under its name ({'; '.join(parts)})"
    )
