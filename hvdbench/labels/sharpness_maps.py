"""Write the maps of temporal sharpness of clips as pictures and as numbers."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import h5py
import numpy as np

from hvdbench.errors import InputError
from hvdbench.frames import Frame, list_frames, read_frame
from hvdbench.labels.clips import LabelSource
from hvdbench.labels.temporal_sharpness import LABELLER, MAP_FOLDER, map_picture, mean_agreement, sharpness_maps
from hvdbench.store.hdf5_files import write_hdf5
from hvdbench.video.reader import VideoReader
from hvdbench.workspace.atomic import atomic_folder, atomic_path, atomic_write_bytes, atomic_write_text
from hvdbench.workspace.progress import Progress, silent

if TYPE_CHECKING:
    from hvdbench.networks.layers.temporal_sharpness import PriorForm

_FLOW = "OpenCV DIS medium, from each frame to its neighbours"


@dataclass(frozen=True)
class WrittenMaps:
    """The maps of a clip on disk.

    Attributes:
        clip: name of the clip.
        folder: folder of its PNGs.
        count: number of frames.
        mean: mean over the frames of what :func:`mean_agreement` returns.
    """

    clip: str
    folder: Path
    count: int
    mean: float


def write_maps(
    sources: Sequence[LabelSource],
    folder: Path | None,
    hdf5: Path | None = None,
    form: "PriorForm" = "meant",
    *,
    progress: Progress = silent,
) -> list[WrittenMaps]:
    """Write the maps of clips as 8-bit PNGs, white at 1, named like the frames, and as exact numbers.

    Args:
        sources: the clips.
        folder: folder that gets a folder for each clip; None to store the maps of a dataset's clips beside their
            frames, in ``temporal_sharpness``, where pages find them.
        hdf5: file that gets, for each clip, the maps as ``<clip>/temporal_sharpness``, (T, H, W) float32.
        form: formula of the paper (``meant``), or of the published code.
        progress: function called with clips done, their number, and what is being done.

    Raises:
        InputError: if a clip has fewer than two frames, cannot be read, or has no folder of its own in a dataset.
    """
    homeless = [source.name for source in sources if folder is None and (source.stored is None or source.stored.remote)]
    if homeless:
        raise InputError(f"'{homeless[0]}' is no clip of a dataset, so its maps have no place: name a folder for them")
    written = []
    with ExitStack() as stack:
        file = None
        if hdf5 is not None:
            file = stack.enter_context(write_hdf5(stack.enter_context(atomic_path(hdf5))))
            file.attrs["flow"], file.attrs["form"] = _FLOW, form
        for done, source in enumerate(sources, start=1):
            written.append(_write_clip(source, folder, file, form))
            progress(done, len(sources), "map temporal sharpness")
    return written


def _write_clip(source: LabelSource, folder: Path | None, file: h5py.File | None, form: "PriorForm") -> WrittenMaps:
    """Write the maps of one clip; its folder of PNGs is put in place whole or not at all."""
    place = source.place.parent / MAP_FOLDER if folder is None else folder / source.name
    names, frames = _frames_of(source)
    means: list[float] = []
    kept = None
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(place) as made:
        for index, found in enumerate(sharpness_maps(frames, form)):
            means.append(mean_agreement(found))
            done, encoded = cv2.imencode(".png", map_picture(found))
            if not done:
                raise InputError(f"the map of frame {index} of '{source.name}' could not be written as PNG")
            atomic_write_bytes(made / f"{names[index] if names else f'{index:06d}'}.png", encoded.tobytes())
            if file is not None:
                if kept is None:
                    kept = file.create_dataset(
                        f"{source.name}/{LABELLER}",
                        (0, *found.shape),
                        np.float32,
                        maxshape=(None, *found.shape),
                        chunks=(1, *found.shape),
                        compression="gzip",
                    )
                kept.resize(index + 1, axis=0)
                kept[index] = found
        note = {"form": form, "flow": _FLOW, "frames": len(means)}
        atomic_write_text(made / "maps.json", json.dumps(note, indent=1, sort_keys=True) + "\n")
    return WrittenMaps(source.name, place, len(means), float(np.mean(means)))


def _frames_of(source: LabelSource) -> tuple[list[str], Iterator[Frame]]:
    """Return the names of a clip's frames, none for a film, and the frames one by one."""
    if source.place.is_file():
        return [], _film_frames(source.place)
    files = list_frames(source.place)
    return [path.stem for path in files], (read_frame(path) for path in files)


def _film_frames(path: Path) -> Iterator[Frame]:
    with VideoReader(path) as reader:
        for shot in reader:
            yield shot.picture
