"""The command that makes a short video of the sharp frames inside a blurry picture, or inside each frame of a clip."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np

from hvdbench.errors import InputError, WeightsError
from hvdbench.frames import FRAME_SUFFIXES, Frame, Frames, read_frame
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import Method
from hvdbench.methods.related.hypercut.sequence_training import SequenceTraining
from hvdbench.methods.related.hypercut.sequences import directions, sequence_of
from hvdbench.methods.restoration import Budget
from hvdbench.networks.related.sequence import FRAMES, SequenceNetwork
from hvdbench.pages.sequence_page import MOST_SHOWN, Exposure, sequence_page
from hvdbench.recipe import digest_of
from hvdbench.video.input import open_input
from hvdbench.video.writer import VideoWriter
from hvdbench.workflows.deblur.job import DeblurJob
from hvdbench.workflows.deblur.request import VIDEO_SUFFIXES, DeblurRequest, check_output
from hvdbench.workspace.atomic import atomic_write_text
from hvdbench.workspace.manifest import file_sha256, versions
from hvdbench.workspace.workspace import Workspace

USUAL_METHOD = "blur2vid_purohit_hypercut"
USUAL_FPS = 14.0
"""Frames a second of what is written: the seven frames of a picture take half a second."""


@dataclass(frozen=True)
class Blur2vidRequest:
    """What a user asked of ``blur2vid``.

    Attributes:
        source: a picture, a video file, or a folder of frames.
        output: the video to write; the page ``OUT.html`` and the manifest ``OUT.json`` lie beside it.
        method: a recipe whose network makes sequences.
        weights: its weights; None for those of its only training.
        fps: frames a second of the video.
    """

    source: Path
    output: Path
    method: str = USUAL_METHOD
    weights: Path | None = None
    fps: float = USUAL_FPS


@dataclass(frozen=True)
class Blur2vidResult:
    """What was written, and the lines that a terminal shows about it."""

    output: Path
    page: Path
    manifest: Path
    lines: tuple[str, ...]


def blur2vid(
    request: Blur2vidRequest, *, workspace: Workspace | None = None, budget: Budget | None = None
) -> Blur2vidResult:
    """Make seven sharp frames of a blurry picture, or of each frame of a clip, and write them as one video.

    The direction of time inside a single picture is open; in a clip it is chosen so that each picture's frames begin
    near where those of the picture before ended.

    Args:
        request: what to make, and where it goes.
        workspace: where trainings lie, and whether output that came from something else is replaced.
        budget: seed, device and progress.

    Raises:
        InputError: if input or output cannot be used, or the method makes no sequences.
        WeightsError: if there are no weights, or they are damaged or of another network.
    """
    workspace, budget = workspace or Workspace(), budget or Budget()
    if request.output.suffix.lower() not in VIDEO_SUFFIXES:
        raise InputError(f"{request.output}: a video is written: name a file ({', '.join(sorted(VIDEO_SUFFIXES))})")
    asked = DeblurRequest(request.source, request.output, method=request.method, weights=request.weights)
    check_output(asked, has_rate=True)
    method = _with_weights(request, workspace)
    scheme = method.scheme
    assert isinstance(scheme, SequenceTraining)
    digest = digest_of([_input_digest(request.source), method.digest, _weights_of(method), request.fps, budget.seed])
    job = DeblurJob(asked, method, budget, digest, workspace.overwrite)
    if job.is_done():
        line = f"{request.output}: already made by the same command, left as it is"
        return Blur2vidResult(request.output, asked.page, asked.manifest, (line,))
    network = scheme.loaded(budget.device)
    with job.claimed(), TemporaryDirectory() as folder:
        kept = _Kept(Path(folder))
        with _pictures(request.source) as pictures:
            for index, (name, blurry) in enumerate(pictures):
                kept.add(name, blurry, sequence_of(network, blurry, budget.device, seed=(budget.seed, index)))
                budget.progress(index + 1, index + 1, "make frames")
        kept.turn()
        with VideoWriter(request.output, fps=request.fps) as writer:
            for index in range(len(kept.names)):
                for frame in kept.frames(index):
                    writer.add(frame)
        return _finished(request, job, method, kept, network, digest)


class _Kept:
    """The sequences of a run in a folder, one file each, so that memory holds only one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.names = folder, list[str]()
        self.ends: list[tuple[Frame, Frame]] = []
        self.reversed = np.zeros(0, np.bool_)
        self.size = (0, 0)

    def add(self, name: str, blurry: Frame, frames: Frames) -> None:
        """Keep a picture and its frames."""
        np.save(self._file(len(self.names)), np.concatenate((blurry[None], frames)))
        self.names.append(name)
        self.ends.append((_small(frames[0]), _small(frames[-1])))
        self.size = (blurry.shape[1], blurry.shape[0])

    def turn(self) -> None:
        """Choose the direction of each sequence."""
        self.reversed = directions(self.ends)

    def blurry(self, index: int) -> Frame:
        """Return a blurry picture."""
        return np.asarray(np.load(self._file(index), mmap_mode="r")[0])

    def frames(self, index: int) -> Frames:
        """Return the frames of a picture in their direction."""
        frames = np.asarray(np.load(self._file(index), mmap_mode="r")[1:])
        return np.ascontiguousarray(frames[::-1]) if self.reversed[index] else frames

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:08d}.npy"


def _small(frame: Frame) -> Frame:
    """Return every eighth pixel at most, enough to tell which ends of two sequences are nearer."""
    step = max(1, min(frame.shape[:2]) // 128)
    return np.ascontiguousarray(frame[::step, ::step])


@contextmanager
def _pictures(source: Path) -> Iterator[Iterator[tuple[str, Frame]]]:
    """Open a picture, or the frames of a clip, as names and pictures."""
    if source.is_file() and source.suffix.lower() in FRAME_SUFFIXES:
        yield iter([(source.name, read_frame(source))])
        return
    with open_input(source) as clip:
        yield ((one.name, cast(Frame, one.picture)) for one in clip.frames)


def _input_digest(source: Path) -> list[object]:
    """Return what distinguishes an input: the name, size and time of each of its files."""
    if not source.exists():
        raise InputError(f"{source} does not exist: name a picture, a folder of frames or a video file")
    files = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.is_file())
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _with_weights(request: Blur2vidRequest, workspace: Workspace) -> Method:
    """Open the method with its weights.

    Raises:
        InputError: if it makes no sequences, or was trained several times.
        WeightsError: if there are no weights.
    """
    method = open_method(request.method, weights=request.weights, trust=workspace.trust)
    if not isinstance(method.scheme, SequenceTraining):
        raise InputError(
            f"method '{request.method}' makes no sequence of a blurry picture: name 'blur2vid_jin', 'blur2vid_purohit' "
            "or 'blur2vid_zhong', each also with '_hypercut'"
        )
    if method.weights is not None:
        return method
    trained = sorted(workspace.runs.glob(f"{method.name}/*/weights.safetensors"))
    if not trained:
        raise WeightsError(
            f"there are no trained weights for '{method.name}': name some with --weights, or run 'hvdbench train "
            f"{method.reference}'"
        )
    if len(trained) > 1:
        folders = ", ".join(str(path.parent) for path in trained)
        raise InputError(f"'{method.name}' has weights in {folders}: name one with --weights")
    return method.with_weights(trained[0])


def _weights_of(method: Method) -> str:
    assert method.weights is not None
    return file_sha256(method.weights)


def _finished(
    request: Blur2vidRequest, job: DeblurJob, method: Method, kept: _Kept, network: SequenceNetwork, digest: str
) -> Blur2vidResult:
    """Write the page and, last of all, the manifest that marks the run as finished."""
    count, (width, height), asked = len(kept.names), kept.size, job.request
    shown = np.unique(np.linspace(0, count - 1, min(count, MOST_SHOWN)).round().astype(int))
    exposures = [Exposure(kept.names[i], kept.blurry(i), kept.frames(i)) for i in shown]
    pictures = "1 picture" if count == 1 else f"{count} pictures"
    values = method.recipe.values
    notes = [f"{values.title}. {values.note}"]
    if count > 1:
        notes.append("Each picture's frames are played in the direction that begins near the end of the one before.")
    sequence_page(
        asked.page,
        title=f"{request.source.name}, seven frames of each exposure",
        exposures=exposures,
        fps=request.fps,
        facts={"Input": f"{pictures}, {width}x{height}", "Method": method.name, "Video": f"{FRAMES * count} frames"},
        notes=notes,
    )
    manifest = {
        "input": request.source.name,
        "pictures": count,
        "size": [width, height],
        "fps": request.fps,
        "reversed": kept.reversed.tolist(),
        "method": method.name,
        "recipe": values.model_dump(mode="json"),
        "recipe_digest": method.digest,
        "weights_sha256": _weights_of(method),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "seed": job.budget.seed,
        "device": job.budget.device,
        "versions": versions(),
        "state": "done",
        "digest": digest,
    }
    atomic_write_text(asked.manifest, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    line = f"{pictures} became {FRAMES * count} frames at {request.fps:g} frames a second"
    paths = f"{request.output}  {asked.page}  {asked.manifest}"
    return Blur2vidResult(request.output, asked.page, asked.manifest, (line, paths))
