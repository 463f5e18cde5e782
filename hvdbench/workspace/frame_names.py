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


def names_no_result(stem: str) -> bool:
    """Return whether a word in a file's name says that it holds an input or a truth."""
    return not NOT_RESULTS.isdisjoint(_WORD.findall(stem.lower()))


def match_names(
    files: Sequence[Path], names: Sequence[str], *, whose: str, may_lack: frozenset[int] = frozenset()
) -> Matched:
    """Find the file of each frame of a clip.

    Files that carry the frames' own names, perhaps with the same words before or behind, are paired by name. Files of
    another numbering are taken in its order, which must run without a gap or have the clip's own numbers. Files whose
    names hold ``input``, ``gt`` or the like beside others that do not are left out.

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
    order = _own_numbering(stems, names, whose)
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
    results = [kind for kind in kinds if not names_no_result(kind)]
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


def _own_numbering(stems: Sequence[str], names: Sequence[str], whose: str) -> list[int]:
    """Order files by the one number in their names that changes: the clip's own numbers, or others without a gap.

    Raises:
        InputError: if there is no such number, or the numbering has a gap.
    """
    counted = _numbers(stems)
    if counted is None:
        raise InputError(
            f"the names of the files in {whose} do not show which frame each one is (the first is {stems[0]}): name "
            "them like the clip's frames, or number them without a gap"
        )
    wanted = _numbers(names)
    if wanted is not None and sorted(wanted) == sorted(counted):
        return [counted.index(number) for number in wanted]
    order = sorted(range(len(counted)), key=lambda index: counted[index])
    for one, other in itertools.pairwise(order):
        if counted[other] != counted[one] + 1:
            raise InputError(
                f"the files in {whose} are numbered with a gap, from {stems[one]} to {stems[other]}: each frame of the "
                "clip needs one result"
            )
    return order


def _numbers(stems: Sequence[str]) -> list[int] | None:
    """Return the one number in names of one kind that changes, 0 of a lone name; None where there is none such."""
    numbers = [[int(run) for run in _RUN.findall(stem)] for stem in stems]
    if len({_kind(stem) for stem in stems}) != 1:
        return None
    changing = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    if len(stems) == 1:
        return [0]
    return list(changing[0]) if len(changing) == 1 and len(set(changing[0])) == len(stems) else None


def _other_names(found: Sequence[str], names: Sequence[str], whose: str, left_out: Sequence[str]) -> str:
    missing = [name for name in names if name not in set(found)]
    surplus = [name for name in found if name not in set(names)]
    parts = [f"{len(missing)} missing: {shortened(missing)}"] if missing else []
    parts += [f"{len(surplus)} that no frame of the clip is called: {shortened(surplus)}"] if surplus else []
    parts += [f"files called {', '.join(left_out)} are no results and were left out"] if left_out else []
    parts += [f"each number is {shift:+d} off the clip's"] if (shift := _shift(found, names)) else []
    return (
        f"{whose} has {len(found)} frames, and the clip has {len(names)}: each frame of the clip needs one result "
        f"under its name ({'; '.join(parts)})"
    )


def _shift(found: Sequence[str], names: Sequence[str]) -> int:
    """Return by how much all numbers differ from the clip's; 0 where they do not, or differ in another way."""
    if len(found) != len(names) or not all(name.isdecimal() for name in (*found, *names)):
        return 0
    shifts = {int(one) - int(name) for one, name in zip(sorted(found), sorted(names), strict=True)}
    return shifts.pop() if len(shifts) == 1 else 0


def shortened(names: Sequence[str]) -> str:
    """Return the first few of several names, for a sentence."""
    return ", ".join(names[:_LISTED]) + (" …" if len(names) > _LISTED else "")
