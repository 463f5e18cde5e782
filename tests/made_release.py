"""Small releases of others, made as their layouts say: a few clips of a few frames, sharp ones and the same blurred."""

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from hvdbench.frames import write_frame
from hvdbench.sources.layout import Layout, load_layout
from hvdbench.sources.release import SPLITS

FRAMES = 3
HEIGHT, WIDTH = 48, 64
# Clip names of the layouts that do not list them, and of those that list them for some splits.
NAMES = {
    "gopro-all": ("GOPR0372_07_00",),
    "gyrovd": ("0413_VID_20250412_101526",),
    "rb2v": ("00000", "00001"),
    "realblur-r": ("scene001", "scene002"),
    "reds-120fps": ("000",),
    "vimeo90k": ("00001_0001", "00001_0002"),
}
# The names of blurry and of sharp frames, by layout, where they are not 00000000.png.
FRAME_NAMES = {
    "dvd": ("{:05d}.jpg", "{:05d}.jpg"),
    "gopro": ("{:06d}.png", "{:06d}.png"),
    "gopro-gamma": ("{:06d}.png", "{:06d}.png"),
    "gyrovd": tuple(f"{{0:06d}}_{{1}}_{{2}}_{{3}}_avg09_{kind}.png" for kind in ("blur", "gt")),
    "gyrovd-real": ("{0:06d}_{1}_{1}_{3}_blur.jpg", ""),
    "rb2v": ("{:04d}.png", "{:04d}_{{}}.png"),
    "b-aist": ("{:08d}.png", "{:08d}_{{:03d}}.png"),
    "realblur-j": ("blur_{}.png", "gt_{}.png"),
    "realblur-r": ("blur_{}.png", "gt_{}.png"),
    "vimeo90k": ("", "im{}.png"),
}
_COUNTED_FROM = {"hide": 7, "gopro": 47, "realblur-j": 2, "realblur-r": 2, "vimeo90k": 1}


@dataclass(frozen=True)
class MadeClip:
    """A clip of a made release: its name and split there, and the folders of its frames."""

    name: str
    split: str
    blurry: Path | None
    sharp: Path | None

    def moved(self, old: Path, new: Path) -> "MadeClip":
        """Return the clip of a copy of its release."""
        blurry, sharp = (folder and new / folder.relative_to(old) for folder in (self.blurry, self.sharp))
        return MadeClip(self.name, self.split, blurry, sharp)


def make_release(root: Path, name: str, *, frames: int = FRAMES) -> list[MadeClip]:
    """Write a clip or two of every split of a layout; return them."""
    layout = load_layout(name)[1]
    clips = [_write(root, name, layout, split, clip, frames) for split, clip in _clips(name, layout)]
    if layout.metadata:
        _write_metadata(root, clips, layout)
    for split, file in layout.lists.items():
        listed = [clip.name for clip in clips if clip.split == split]
        lines = [clip.replace("_", "/") if name == "vimeo90k" else f"x/{clip}/gt/gt_2.png" for clip in listed]
        (root / file).write_text("\n".join(lines) + "\n")
    return clips


def _clips(name: str, layout: Layout) -> Iterator[tuple[str, str]]:
    both = ("train", "test") if layout.metadata else ()
    splits = layout.parts or layout.lists or both or layout.splits or ("test",)
    for number, split in enumerate(splits):
        part = layout.parts.get(split)
        names = NAMES.get(name, ("007",))
        chosen = list(part.clips)[:2] if part and part.clips else [names[number % len(names)]]
        yield from ((split, clip) for clip in chosen)


def _write(root: Path, name: str, layout: Layout, split: str, clip: str, frames: int) -> MadeClip:
    pattern = layout.patterns[0]
    folders = [
        _folder(root, place, split, clip) if place else None for place in (_place(pattern.places, split), pattern.sharp)
    ]
    formats = FRAME_NAMES.get(name, ("{:08d}.png", "{:08d}.png"))
    random = np.random.default_rng(len(clip) + sum(clip.encode()))
    for index in range(frames if name != "vimeo90k" else 7):
        number = _COUNTED_FROM.get(name, 0) + index
        if layout.clip_names.startswith("train|"):  # all sharp frames lie in one folder
            number += 1000 * ("train", "test-close-ups", "test-long-shot").index(clip)
        times = [1_000_000_000 + 33_000_000 * index + shift for shift in (0, 16_000_000, 17_000_000)]
        picture = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        sharp = cv2.GaussianBlur(picture, (0, 0), 0.6)
        for folder, text, frame in zip(folders, formats, (cv2.GaussianBlur(picture, (0, 0), 2), sharp), strict=True):
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
                for part in _parts(text.format(number, *times), layout.sharp_per_blurry, name):
                    write_frame(folder / part, frame)
    if folders[0]:
        _write_sidecars(folders[0], layout, frames)
    return MadeClip(clip, split, *folders)


def _place(places: tuple[str, ...], split: str) -> str | None:
    """Return the place of a split's blurry frames: the last that names the split, or else the first."""
    return next((place for place in reversed(places) if place.startswith(f"{split}/")), places[0] if places else None)


def _folder(root: Path, place: str, split: str, clip: str) -> Path:
    group, _, inner = clip.partition("_VID_")
    named = {"group": group, "clip": f"VID_{inner}"} if inner else {"clip": clip}
    if "{group}" in place and not inner:
        named = dict(zip(("group", "clip"), clip.split("_"), strict=True))
    return root / PurePosixPath(place.format(split=split, **named)).parent


def _parts(text: str, count: int, name: str) -> list[str]:
    if "{" not in text:
        return [text]
    first = 1 if name == "rb2v" else 0
    return [text.format(number) for number in range(first, first + count)]


def _write_sidecars(blurry: Path, layout: Layout, frames: int) -> None:
    for table in layout.tables:
        file = blurry / table.file
        file.parent.mkdir(parents=True, exist_ok=True)
        if table.time_ns is None:
            rows = [f"1,2,3,{3000 + index},{2040},{1536},0" for index in range(frames)]
        else:
            rows = [f"0.1,0.2,{index / 100},7,{1_000_000_000 + 5_000_000 * index}" for index in range(9)]
        file.write_text("\n".join(rows) + "\n")
    if layout.boxes:
        folder = blurry / layout.boxes.folder
        folder.mkdir(parents=True)
        for file in sorted(blurry.iterdir())[:-1]:
            (folder / f"{file.stem}.pkl").write_bytes(pickle.dumps({layout.boxes.key: np.array([1.5, 2, 30, 40, 0.9])}))


def _write_metadata(root: Path, clips: list[MadeClip], layout: Layout) -> None:
    rows = [
        {"id": f"{clip.name}/{file.stem}", "order": "ignore", "partition": clip.split,
         "blur_path": file.relative_to(root).as_posix()}
        for clip in clips
        for file in sorted(clip.blurry.iterdir() if clip.blurry else ())
    ]  # fmt: skip
    assert layout.metadata
    (root / layout.metadata.file).write_text(json.dumps({"name": "Street", "frame_per_seq": 7, "data": rows}))


def split_here(layout: Layout, split: str) -> str:
    """Return what a split of the release is in a dataset."""
    return (layout.splits or SPLITS)[split]
