"""Make the blurry frames of GOPRO_Large again from GOPRO_Large_all, by the published record of their windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hvdbench.catalog import unknown
from hvdbench.errors import DatasetError, InputError, UnknownNameError
from hvdbench.frames import read_frame
from hvdbench.response import open_response
from hvdbench.sources.frame_sequence import FileFrames
from hvdbench.sources.layout import load_layout
from hvdbench.sources.release import ReleaseClip, find_clips
from hvdbench.synth.exposure.whole_frames import mean_light
from hvdbench.tables.table import Kind, table_of
from hvdbench.tables.texts import padded
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.parsing import read_toml
from hvdbench.workspace.progress import Progress, silent

RECORD = Path(__file__).with_name("gopro_windows.toml")
WHOLE, PAIRS = "GOPRO_Large_all", "GOPRO_Large"
_LAYOUTS = {WHOLE: "gopro-all", PAIRS: "gopro"}
_LEVELS = open_response("linear")  # levels are averaged as they are


@dataclass(frozen=True)
class ClipWindows:
    """The windows of one clip, which touch each other.

    Attributes:
        blurry: the number of the first blurry frame in GOPRO_Large.
        middle: the number, in GOPRO_Large_all, of the middle of its window.
        window: the number of frames of each window.
        frames: the number of blurry frames.
        lost: how many frames at the start of the clip cannot be made, since their windows begin before the release.
    """

    blurry: int
    middle: int
    window: int
    frames: int
    lost: int = 0

    def blurry_names(self) -> list[str]:
        """Return the names of the blurry frames, in order."""
        return [_name(self.blurry + index) for index in range(self.frames)]

    def source_names(self, index: int) -> list[str]:
        """Return the names of the frames that blurry frame ``index`` is the mean of."""
        first = self.middle + index * self.window - self.window // 2
        return [_name(number) for number in range(first, first + self.window)]


@dataclass(frozen=True)
class CheckedClip:
    """What was found of one clip.

    Attributes:
        key: ``<split>/<clip>``.
        windows: which frames make which.
        equal: the number of frames that are equal to the rounded means of their windows, in every pixel.
        different: the other frames that can be made.
        lost: those that cannot be made.
    """

    key: str
    windows: ClipWindows
    equal: int
    different: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    key: str
    windows: ClipWindows
    sources: Mapping[str, Path]
    blurry: Mapping[str, Path]


def read_record(path: Path = RECORD) -> dict[str, ClipWindows]:
    """Read which frames make which, by clip ``<split>/<clip>``."""
    return {key: ClipWindows(**row) for key, row in read_toml(path).items()}


def check(
    whole: Path,
    release: Path,
    *,
    clips: Sequence[str] = (),
    record: Mapping[str, ClipWindows] | None = None,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> list[CheckedClip]:
    """Make the frames of ``blur`` again and compare them; everything is looked for before any frame is read.

    Args:
        whole: the folder of GOPRO_Large_all, or one folder above it.
        release: the folder of GOPRO_Large, or one folder above it.
        clips: names of the clips to check; empty: all of the record.
        record: which frames make which; None: the published record.
        engine: what runs the jobs, one for each clip.
        progress: function called with the clips done, their number, and what is being done.

    Raises:
        InputError: if a clip or a frame is missing, there are others, or a picture cannot be read or has another size.
        UnknownNameError: if there is no clip of a name.
    """
    chosen = _chosen(read_record() if record is None else record, clips)
    sources, blurry = _clips_of(whole, WHOLE, chosen), _clips_of(release, PAIRS, chosen)
    jobs = [_job(key, windows, sources[key], blurry[key]) for key, windows in chosen.items()]
    found: dict[int, CheckedClip] = {}
    progress(0, len(jobs), "make frames again")
    for index, clip in (engine or Engine()).map(_check_clip, jobs):
        found[index] = clip
        progress(len(found), len(jobs), "make frames again")
    return [found[index] for index in range(len(jobs))]


def report(found: Sequence[CheckedClip]) -> list[str]:
    """Write a table of the clips, the counts of each split, and the names of frames that cannot be made or differ."""
    counts = ("window", "frames", "equal", "different", "cannot be made")
    heads: list[tuple[str, Kind]] = [("clip", "words"), *((title, "count") for title in counts)]
    rows = [
        [clip.key, clip.windows.window, clip.windows.frames, clip.equal, len(clip.different), len(clip.lost)]
        for clip in found
    ]
    lines = padded(table_of(heads, rows)).splitlines()
    for split in dict.fromkeys(clip.key.split("/")[0] for clip in found):
        mine = [clip for clip in found if clip.key.startswith(f"{split}/")]
        frames, equal = sum(clip.windows.frames for clip in mine), sum(clip.equal for clip in mine)
        lines.append(f"{split}: {equal} of {frames} frames are equal to the rounded means of their windows")
    for words, names in (
        ("cannot be made, since the window begins before the release", [name for clip in found for name in clip.lost]),
        ("differ from the mean of their window", [name for clip in found for name in clip.different]),
    ):
        if names:
            lines.append(f"{words} ({len(names)}): {', '.join(names)}")
    return lines


def refuse_different(found: Sequence[CheckedClip], release: Path) -> None:
    """Raise an error if a frame that can be made differs from the release's.

    Raises:
        DatasetError: if there is such a frame.
    """
    different = [name for clip in found for name in clip.different]
    if different:
        raise DatasetError(
            f"{len(different)} frames of {release} differ from the means of their windows, first {different[0]}"
        )


def _name(number: int) -> str:
    return f"{number:06d}"


def _chosen(record: Mapping[str, ClipWindows], clips: Sequence[str]) -> dict[str, ClipWindows]:
    if not clips:
        return dict(record)
    by_name = {key.split("/")[1]: key for key in record}
    for name in clips:
        if name not in by_name and name not in record:
            raise UnknownNameError(unknown("clip of GOPRO_Large", name, by_name))
    keys = [by_name.get(name, name) for name in clips]
    return {key: record[key] for key in dict.fromkeys(keys)}


def _clips_of(root: Path, release: str, chosen: Mapping[str, ClipWindows]) -> dict[str, ReleaseClip]:
    """Find the chosen clips of a release in a folder, or in the folder of the release's name below it."""
    pattern = load_layout(_LAYOUTS[release])[1].patterns[0]
    frames = pattern.places[0] if pattern.places else pattern.sharp or ""
    found = find_clips(root / release if (root / release).is_dir() else root, frames)
    missing = [key for key in chosen if key not in found]
    if missing:
        raise InputError(
            f"{root} has {len(chosen) - len(missing)} of {len(chosen)} clips of {release} in folders such as "
            f"{frames.format(split='train', clip='GOPR0372_07_00')}: {missing[0]} is missing; download it again"
        )
    return found


def _job(key: str, windows: ClipWindows, source: ReleaseClip, blurry: ReleaseClip) -> _Job:
    made = range(windows.lost, windows.frames)
    return _Job(
        key,
        windows,
        _files(source, [name for index in made for name in windows.source_names(index)], alone=False),
        _files(blurry, windows.blurry_names(), alone=True),
    )


def _files(clip: ReleaseClip, names: Sequence[str], *, alone: bool) -> dict[str, Path]:
    """Return the files of a clip by name, once all that are needed are there, and, if ``alone``, no others."""
    files = {file.stem: file for file in clip.files}
    missing, wanted = [name for name in names if name not in files], set(names)
    others = [name for name in files if name not in wanted] if alone else []
    if missing or others:
        what = f"{missing[0]}.png is missing" if missing else f"{others[0]}.png is none of them"
        raise InputError(
            f"{clip.folder} has {len(names) - len(missing)} of the {len(names)} frames from {names[0]}.png to "
            f"{names[-1]}.png: {what}; download the release again"
        )
    return {name: files[name] for name in names}


def _check_clip(job: _Job) -> CheckedClip:
    windows, names = job.windows, job.windows.blurry_names()
    equal, different = 0, []
    for index in range(windows.lost, windows.frames):
        frames = FileFrames(tuple(job.sources[name] for name in windows.source_names(index)))
        mean = mean_light(_LEVELS.to_light(frames.read(place)) for place in range(windows.window))
        made, theirs = _LEVELS.to_display(mean), read_frame(job.blurry[names[index]])
        if made.shape != theirs.shape:
            raise InputError(
                f"{job.blurry[names[index]]} is {theirs.shape[1]}x{theirs.shape[0]}, and the frames that it is made of "
                f"are {made.shape[1]}x{made.shape[0]}: one of the two was resized"
            )
        if (made == theirs).all():
            equal += 1
        else:
            different.append(f"{job.key}/{names[index]}")
    lost = tuple(f"{job.key}/{name}" for name in names[: windows.lost])
    return CheckedClip(job.key, windows, equal, tuple(different), lost)
