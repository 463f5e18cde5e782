"""Read the clips of a training with one more stream: the planes that the fusion network sees of each frame."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from hvdbench.dataset.facts import Box, CheckedReader, ClipFacts, ClipReader
from hvdbench.frames import Frames
from hvdbench.labels.stored import DEFAULT_LABELLER, make_labels
from hvdbench.methods.blur.alignment import Aligner
from hvdbench.methods.blur.exposure_model import fit_exposure_model
from hvdbench.methods.fusion.pretrained.planes import frame_planes
from hvdbench.methods.fusion.pretrained.settings import FusionTrainingSettings
from hvdbench.networks.candidate_fusion import PLANES
from hvdbench.recipe import digest_of
from hvdbench.store import TRUTH_FOLDERS
from hvdbench.workspace.atomic import atomic_path
from hvdbench.workspace.progress import Progress, silent

STREAM = "planes"
_SEEN = ("training_alignment", "flow", "mask_scale", "truth")  # the settings that the planes depend on


class PlaneClips(CheckedReader):
    """Clips with the stream ``planes``, uint8 (T, H, W, PLANES), which is made once and kept in the run's folder.

    Windows begin where they show at least one frame that is not selected, since a selected one teaches little.

    Args:
        reader: reader of the clips.
        selection: (T,) frames to take as selected by a clip's key, in place of the labels.
        settings: alignment and truth.
        window_frames: number of frames in a window.
        folder: folder of the run; None for a temporary one.
        progress: function called with (done, total, what).
    """

    def __init__(
        self,
        reader: ClipReader,
        selection: Mapping[str, NDArray[np.bool_]] | None,
        *,
        settings: FusionTrainingSettings,
        folder: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        selected = selection or _clues(reader, settings.training_labeller, progress)
        useful = [clip for clip in reader.clips if selected[clip.key].any() and not selected[clip.key].all()]
        clips = [
            dataclasses.replace(
                clip, streams=(*clip.streams, STREAM), starts=_starts(selected[clip.key], settings.window.clip_frames)
            )
            for clip in useful
        ]
        super().__init__(clips, name=reader.name, origin=reader.origin, digest=reader.digest)
        self._reader = reader
        self._temporary = TemporaryDirectory() if folder is None else None
        self._folder = (Path(self._temporary.name) if self._temporary else folder or Path()) / STREAM
        self._folder.mkdir(parents=True, exist_ok=True)
        self._channels = {
            STREAM: slice(0, PLANES),
            "blur": slice(0, 3),
            TRUTH_FOLDERS[settings.truth]: slice(PLANES, PLANES + 3),
        }
        self._made: dict[str, NDArray[np.uint8]] = {}
        for done, clip in enumerate(useful):
            how = settings.model_dump(mode="json", include=set(_SEEN))
            facts = [reader.digest, clip.key, selected[clip.key].tolist(), how, PLANES]
            file = self._folder / f"{digest_of(facts)}.npy"
            if not file.is_file():
                made = _planes_of(reader, clip, selected[clip.key], settings)
                with atomic_path(file) as temporary, temporary.open("wb") as out:
                    np.save(out, made)
            self._made[clip.key] = np.load(file, mmap_mode="r")
            progress(done + 1, len(useful), "align the clips")

    def read(self, key: str, stream: str, frames: Sequence[int], box: Box | None = None) -> Frames:
        """Read frames of one clip; see :meth:`ClipReader.read`. ``planes`` have PLANES channels.

        Blurry frames and their truth lie beside the planes, which is faster than to read the clip's own files.
        """
        if stream not in self._channels:
            return self._reader.read(key, stream, frames, box)
        wanted, box = self._check(key, stream, frames, box)
        rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
        made = self._made[key]
        return np.stack([made[i, rows, columns, self._channels[stream]] for i in wanted])

    def close(self) -> None:
        """Close the reader of the clips, and remove the planes if no folder was named."""
        self._reader.close()
        if self._temporary is not None:
            self._temporary.cleanup()


def _clues(reader: ClipReader, labeller: str, progress: Progress) -> dict[str, NDArray[np.bool_]]:
    """Return the frames of each clip that a labeller selects, (T,) by the clip's key."""
    if labeller == DEFAULT_LABELLER:
        return {clip.key: np.asarray(clip.is_selected) for clip in reader.clips}
    selected = {}
    for done, clip in enumerate(reader.clips):
        frames = reader.read(clip.key, "blur", range(clip.frame_count))
        selected[clip.key] = make_labels(labeller, frames).is_selected
        progress(done + 1, len(reader.clips), "choose clues")
    return selected


def _starts(selected: NDArray[np.bool_], window_frames: int) -> NDArray[np.intp]:
    """Return the first frames of the windows that show at least one frame that is not selected."""
    length = min(window_frames, len(selected))
    shown = np.convolve(~selected, np.ones(length, np.intp), "valid")
    return np.flatnonzero(shown > 0)


def _planes_of(
    reader: ClipReader, clip: ClipFacts, selected: NDArray[np.bool_], settings: FusionTrainingSettings
) -> NDArray[np.uint8]:
    """Make the planes of a clip's frames and put their truth behind them: (T, H, W, PLANES + 3)."""
    frames = reader.read(clip.key, "blur", range(clip.frame_count))
    aligner = Aligner(frames, settings.flow, settings.mask_scale, alignment=settings.training_alignment)
    model = fit_exposure_model(aligner, selected, with_paths=False)
    made = np.empty((clip.frame_count, clip.height, clip.width, PLANES + 3), np.uint8)
    made[..., PLANES:] = reader.read(clip.key, TRUTH_FOLDERS[settings.truth], range(clip.frame_count))
    for index in range(clip.frame_count):
        planes = frame_planes(model, index, np.flatnonzero(selected)).planes
        made[index, ..., :PLANES] = np.rint(planes.transpose(1, 2, 0))
    return made
