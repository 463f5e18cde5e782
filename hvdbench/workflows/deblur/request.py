"""Hold what a user asks of ``deblur``, and check that the output can be written where it is to go."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.frames import FRAME_SUFFIXES, LOSSY_SUFFIXES
from hvdbench.video.crop import Crop, Size
from hvdbench.video.input import WHOLE, BitDepth, InputFrames, Part, open_input
from hvdbench.workflows.deblur.reach import Reach, reach_of

DEFAULT_METHOD = "fusion_pretrained"
"""The method of a request that names none: its weights come with hvdbench, so nothing has to be trained."""
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv"})
UNWRITTEN_SUFFIXES = frozenset({".avi", ".flv", ".gif", ".m4v", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})


@dataclass(frozen=True)
class DeblurRequest:
    """What a user asked of ``deblur``.

    Attributes:
        source: a video file or a folder of frames.
        output: a folder, or a video file.
        crop: x, y, w, h of the part to restore, in px.
        size: width and height to reduce the frames to first.
        method: a recipe, a network, or a foreign model.
        weights: the weights of a network, or of a method that is trained over clips.
        deinterlace: whether interlaced frames of a video are made whole first.
        bit_depth: 8, or 10 for 10-bit video or 16-bit pictures.
        part: the part of the source to restore.
    """

    source: Path
    output: Path
    crop: Crop | None = None
    size: Size | None = None
    method: str = DEFAULT_METHOD
    weights: Path | None = None
    deinterlace: bool = False
    bit_depth: BitDepth = 8
    part: Part = WHOLE

    @property
    def page(self) -> Path:
        """The path of the page."""
        return self._beside(".html")

    @property
    def manifest(self) -> Path:
        """The path of the manifest, the notes on what was done."""
        return self._beside(".json")

    @property
    def choices(self) -> list[object]:
        """What was chosen of the input and for the output, for a digest."""
        return [self.crop, self.size, self.bit_depth, self.output.suffix, vars(self.part), self.deinterlace]

    def reach(self) -> Reach:
        """Return what is to be read of each frame: the crop with a margin.

        Raises:
            InputError: if the source cannot be read.
        """
        with open_input(self.source) as whole:
            return reach_of(self.crop, self.size, whole.size)

    def open(
        self, reach: Reach | None = None, *, bit_depth: BitDepth | None = None
    ) -> AbstractContextManager[InputFrames]:
        """Open the part of the source that was asked for.

        Args:
            reach: what to read of each frame; None for the crop alone, without a margin.
            bit_depth: 8 or 10; None for what was asked for.

        Raises:
            InputError: if the source cannot be read.
        """
        crop, size = (self.crop, self.size) if reach is None else (reach.crop, reach.size)
        depth = self.bit_depth if bit_depth is None else bit_depth
        return open_input(
            self.source, crop=crop, size=size, bit_depth=depth, part=self.part, deinterlace=self.deinterlace
        )

    @property
    def is_video(self) -> bool:
        """Whether the output is a video."""
        return self.output.suffix.lower() in VIDEO_SUFFIXES

    def _beside(self, suffix: str) -> Path:
        """Return the path of a file beside the output: ``OUT.html`` for the folder ``OUT`` and for ``OUT.mp4``."""
        return self.output.with_name((self.output.stem if self.is_video else self.output.name) + suffix)


@dataclass(frozen=True)
class DeblurResult:
    """What was written, and the lines that a terminal shows about it."""

    output: Path
    page: Path
    manifest: Path
    lines: tuple[str, ...]


def written_names(names: Sequence[str]) -> list[str]:
    """Return the file names of restored frames: the input's, but ``.png`` where its format would lose something."""
    return [str(Path(name).with_suffix(".png")) if _is_lossy(name) else name for name in names]


def format_notes(request: DeblurRequest, names: Sequence[str]) -> list[str]:
    """Return what a user must know of the format of the frames that are written."""
    if request.is_video or not any(map(_is_lossy, names)):
        return []
    return [
        f"frames of {request.source.name} are JPEG, which loses: restored frames are written as PNG, which does not"
    ]


def _is_lossy(name: str) -> bool:
    return Path(name).suffix.lower() in LOSSY_SUFFIXES


def check_output(request: DeblurRequest, *, has_rate: bool) -> None:
    """Refuse an output that cannot be written.

    Args:
        request: the request, which contains input and output.
        has_rate: whether the input has a frame rate.

    Raises:
        InputError: if the output is the input or contains it, lies below a file, or is of a kind that is not written.
    """
    suffix = request.output.suffix.lower()
    output, source = request.output.resolve(), request.source.resolve()
    if output == source or output in source.parents:
        what = "is the input itself" if output == source else "contains the input"
        raise InputError(f"{request.output} {what}: name another output")
    blocked = next((folder for folder in output.parents if folder.exists() and not folder.is_dir()), None)
    if blocked is not None:
        raise InputError(f"{request.output} cannot be made, since {blocked} is a file: name another output")
    if suffix in UNWRITTEN_SUFFIXES:
        raise InputError(f"{request.output}: videos are written as {', '.join(sorted(VIDEO_SUFFIXES))}, not {suffix}")
    if suffix in FRAME_SUFFIXES or (suffix and suffix not in VIDEO_SUFFIXES and request.output.is_file()):
        raise InputError(
            f"{request.output} is one file: name a folder, or a video ({', '.join(sorted(VIDEO_SUFFIXES))})"
        )
    if suffix in VIDEO_SUFFIXES and not has_rate:
        raise InputError(f"{request.source} is a folder, which has no frame rate: name a folder as the output too")
