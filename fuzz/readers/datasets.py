"""Datasets: manifest, journal, ``tracks.h5``, packs, and the lists and pickles of releases."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from fuzz.structure import changed_hdf5
from fuzz.target import Corpus, Target, words
from hvdbench.dataset.folder_reader import open_reader
from hvdbench.dataset.packing import pack_dataset
from hvdbench.dataset.pickled import read_pickled
from hvdbench.frames import Frames, write_clip
from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.labels.stored import read_labels, write_labels
from hvdbench.sources.layout import Metadata
from hvdbench.sources.release_lists import read_metadata
from hvdbench.store import ClipFolder, Dataset, DatasetWriter
from hvdbench.store.journal import JOURNAL
from hvdbench.store.repair import repair
from hvdbench.store.tracks import field_names, field_of, open_tracks

_KEY = "test/one"
_NAMES = words(
    "schema name origin clips recipe_digest recipe provenance versions digest clip demo measured simulated test/one"
)


def made_dataset(folder: Path) -> Dataset:
    """Write a dataset of one labelled clip of 3 frames of 36x28 px with truth and tracks."""
    writer = DatasetWriter(folder, name="small", origin="simulated", recipe={"a": 1}, provenance={"made": {"by": "x"}})
    clip = writer.clip_folder("test", "one")
    for seed, stream in enumerate(("blur", "sharp")):
        write_clip(clip.folder / stream, noise(3, seed))
    clip.edit_tracks(_write_tracks)
    write_labels(
        clip, SharpLabels(np.array([1.0, 2.0, 1.0]), np.array([False, True, False]), 1.5, (BELOW,) * 3, "paper")
    )
    writer.finish(clip, clip.digest())
    return writer.dataset()


def noise(count: int, seed: int) -> Frames:
    """Return frames of noise, (count, 28, 36, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 36, 3), dtype=np.uint8)


def _write_tracks(tracks: h5py.File) -> None:
    tracks["t_s"] = np.arange(3) / 30
    tracks["oracle/class"] = np.array([0, 1, 2], np.int8)
    tracks["oracle/displacement_max_px"] = np.array([0.5, 1.5, 9.0])
    tracks.attrs["device"], tracks.attrs["fps"] = "phone-a", 30.0


def _manifest(folder: Path) -> Corpus:
    made_dataset(folder)
    return Corpus("dataset.json", [(folder / "dataset.json").read_bytes()], _open, _NAMES)


def _journal(folder: Path) -> Corpus:
    digest = made_dataset(folder).manifest["recipe_digest"]
    lines = [
        json.dumps({"clip": f"test/{name}", "digest": "ab" * 8, "recipe": digest}) for name in ("one", "two", "three")
    ]
    return Corpus(JOURNAL, ["".join(line + "\n" for line in lines).encode()], _open, _NAMES)


def _open(path: Path) -> object:
    dataset = Dataset.open(path.parent)
    return dataset.name, dataset.digest, dataset.origin, [(clip.split, clip.name) for clip in dataset.clips()]


def _repaired(folder: Path) -> Corpus:
    corpus = _manifest(folder)
    return Corpus(corpus.file, corpus.seeds, lambda path: repair(path.parent), corpus.tokens)


def _tracks(folder: Path) -> Corpus:
    made_dataset(folder)
    file = f"{_KEY}/tracks.h5"
    return Corpus(
        file,
        [(folder / file).read_bytes()],
        _read_tracks,
        words("t_s oracle labels paper is_sharp device"),
        change=changed_hdf5,
    )


def _read_tracks(path: Path) -> object:
    clip = ClipFolder(path.parent)
    found: list[object] = [read_labels(clip, "paper"), clip.attributes(), clip.track("t_s"), clip.digest()]
    with open_tracks(path) as tracks:
        return found + [field_of(tracks, name) for name in field_names(tracks)]


def _packed(kind: str) -> Callable[[Path], Corpus]:
    def prepare(folder: Path) -> Corpus:
        pack_dataset(made_dataset(folder / "small"), folder / "small.h5", kind=kind)  # type: ignore[arg-type]
        return Corpus("small.h5", [(folder / "small.h5").read_bytes()], _read_pack, change=changed_hdf5)

    return prepare


def _read_pack(path: Path) -> object:
    reader = open_reader(path)
    try:
        return [
            reader.read(clip.key, stream, [0, clip.frame_count - 1])
            for clip in reader.clips
            for stream in clip.streams
            if clip.height * clip.width < 1 << 20
        ]
    finally:
        reader.close()


def _pickles(_: Path) -> Corpus:
    values = (
        {"box": [1, 2, 3, 4]},
        {"a": np.arange(4.0), "b": (1, "x")},
        np.float64(3),
        [{"x": np.zeros((2, 2), np.uint8)}],
    )
    seeds = [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 4)]
    return Corpus("a.pkl", seeds, read_pickled, words("numpy.dtype os system cnumpy"))


def _lists(folder: Path) -> Corpus:
    rows = [{"blur": f"b/{n}.png", "split": "train", "device": "x"} for n in range(2)]
    metadata = Metadata(file="m.json", blurry="blur", split="split", tracks={"device": "device"})
    files = [folder / f"b/{n}.png" for n in range(2)]
    return Corpus(
        "m.json", [json.dumps({"data": rows}).encode()], lambda path: read_metadata(path.parent, metadata, files)
    )


TARGETS = (
    Target("datasets.manifest", _manifest, ("hvdbench.store",)),
    Target("datasets.journal", _journal, ("hvdbench.store.journal",)),
    Target("datasets.repair", _repaired, ("hvdbench.store.repair",)),
    Target("datasets.tracks", _tracks, ("hvdbench.store.tracks", "hvdbench.labels.stored")),
    Target("datasets.pack", _packed("zstd"), ("hvdbench.dataset.pack_reader",)),
    Target("datasets.pack_raw", _packed("raw"), ("hvdbench.dataset.pack_reader",)),
    Target("datasets.pickle", _pickles, ("hvdbench.dataset.pickled",)),
    Target("datasets.lists", _lists, ("hvdbench.sources.release_lists",)),
)
