"""Pairs of blurry and sharp folders, by their names: blurry frames taken for sharp ones would become false truth.

The names are those of GOPRO_Large, REDS, BSD and RealBlur, and of the arrangements that DeepDeblur, DeblurGAN, MPRNet,
Restormer and NAFNet train on: ``blur/sharp``, ``blur_gamma``, ``input/target``, ``input_crops/target_crops``,
``lq/gt``, ``A/B``. Where names say nothing, nobody knows which of two is the blurry one.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.frames import list_folders
from hvdbench.sources.clip_tree import Clip
from hvdbench.sources.release import SPLITS
from hvdbench.sources.scene import SourceOptions

_BLURRY = frozenset({"blur", "blurs", "blurry", "blurred"})
_INPUT = frozenset({"input", "inputs", "inp", "lq", "lr", "source", "degraded"})  # blurry only beside a folder of truth
_TRUTH = frozenset(
    {"sharp", "sharps", "gt", "gts", "target", "targets", "tar", "groundtruth", "ground_truth", "hq", "hr", "clean"}
)
_LETTER = re.compile(r"(train|val|valid|test|fold)?[_ -]?[AB]")  # of pix2pix; the blurry frames lie in either
_BEFORE = re.compile(r"^(train|val|valid|test|fold)[_ -]?")
_AFTER = re.compile(r"[_ -]?(crops?|images?|imgs?|frames?|train|val|valid|test|gamma|comp|bicubic|jpeg|noise)$")


def refuse_blurry(options: SourceOptions, clips: Iterable[Clip], *, of_release: bool = True) -> None:
    """Refuse clips of which one lies in a folder of blurry frames, or in one of two of which one is blurry.

    Args:
        options: what the dataset asks of the source; clips that are not requested are not checked.
        clips: all that were found below its root.
        of_release: whether the source takes them for a release's, with its licence and rate; where it does not, a root
            that is called ``A`` or ``B`` is taken at its owner's word.

    Raises:
        InputError: if a folder of blurry frames is among them.
    """
    for clip in clips:
        if not clip.files or (options.names and clip.name not in options.names):
            continue
        root = options.root or clip.place
        inside = list(_inside(clip.place, root))
        blurry = [folder for folder in inside if _is_blurry(folder)]
        above = inside[-1].parent  # a project may be called "blur", so more must speak against what lies in it
        blurry += [above] if _word(above) in _BLURRY | _INPUT and _beside(above) & _TRUTH else []
        lettered = [folder for folder in inside if _is_one_of_two(folder) and (of_release or folder != inside[-1])]
        if blurry or lettered:
            what = (
                f"blurry frames ({blurry[0].name})" if blurry else f"{lettered[0].name}, one of A and B: perhaps blurry"
            )
            raise InputError(
                f"{root} contains {what}, which cannot be a sharp source: name the folder of sharp frames alone as "
                f"--src "
                "folder with its rate (--source-fps), or take pairs over with 'hvdbench dataset import'"
            )


def is_sharp_half(place: Path, root: Path) -> bool:
    """Return whether a clip's folder, or one above it, is named as the sharp half of pairs is."""
    inside = list(_inside(place, root))
    return any(_word(folder) in _TRUTH for folder in inside) or is_truth_of_pairs(inside[-1].parent)


def is_truth_of_pairs(folder: Path) -> bool:
    """Return whether a folder, or the one above it, is named as the truth of the blurry frames beside it is."""
    return any(
        _word(place) in _TRUTH and _beside(place) & (_BLURRY | _INPUT) for place in (folder, folder.resolve().parent)
    )


def truth_beside(place: Path, root: Path) -> Path | None:
    """Find a folder named as truth beside a folder of blurry frames, or beside one above it up to the root."""
    for folder in _inside(place, root):
        if folder == root.resolve():
            break
        for other in _others(folder):
            if _word(other) in _TRUTH:
                return other
    return None


def _is_blurry(folder: Path) -> bool:
    word = _word(folder)
    return word in _BLURRY or (word in _INPUT and bool(_beside(folder) & _TRUTH))


def _is_one_of_two(folder: Path) -> bool:
    """Return whether a folder is called ``A`` or ``B``, and the other one with the same names in it lies beside it."""
    pair = [folder, *_others(folder)]
    return len(pair) == 2 and all(_LETTER.fullmatch(one.name) for one in pair) and _names(pair[0]) == _names(pair[1])


def _inside(place: Path, root: Path) -> Iterator[Path]:
    """Yield a clip's folder and those above it up to the root; where the root is a mere split, up to what it is of."""
    folder, last = place.resolve(), root.resolve()
    yield folder
    while folder != last and last in folder.parents:
        folder = folder.parent
        yield folder
    while folder.name.lower() in SPLITS:
        folder = folder.parent
        yield folder


def _word(folder: Path) -> str:
    """Return a folder's name without what says its split or its variant: ``blur`` for ``train_blur_gamma``."""
    name = _BEFORE.sub("", folder.name.lower())
    while name != (name := _AFTER.sub("", name)):
        pass
    return name


def _others(folder: Path) -> list[Path]:
    try:
        return [path for path in list_folders(folder.parent) if path != folder]
    except OSError:  # what lies above a root may be closed to this user
        return []


def _beside(folder: Path) -> set[str]:
    return {_word(other) for other in _others(folder)}


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
