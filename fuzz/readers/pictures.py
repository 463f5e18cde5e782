"""Pictures and films: every kind of file that frames are read from."""

import zlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from fuzz.readers.datasets import noise
from fuzz.structure import changed_png
from fuzz.target import FEW, Corpus, Target, words
from hvdbench.frames import read_frame, read_frame16
from hvdbench.ingest.exif import read_exif
from hvdbench.video.container import moving_stream, open_video
from hvdbench.video.input import open_input, read_input
from hvdbench.video.metadata import camera_facts, dolby_vision
from hvdbench.video.writer import write_video

_COVERED = ("hvdbench.frames", "hvdbench.workspace.picture_files")
_ENDINGS = (".png", ".jpg", ".tiff", ".webp", ".bmp")
_HEADS = (
    b"\x89PNG\r\n\x1a\n",
    b"IHDR",
    b"acTL",
    b"\xff\xd8\xff",
    b"\xff\xd9",
    b"II*\0",
    b"MM\0*",
    b"RIFF",
    b"WEBP",
    b"ANMF",
    b"ftyp",
)
_ATOMS = words("moov mdat trak mdhd stts stsd stsc stco avcC colr edts elst tkhd ftyp qt EBML")


def _picture(ending: str, _: Path) -> Corpus:
    small = noise(1, 0)[0]
    deep = small.astype(np.uint16) * 257
    found = [
        cv2.imencode(ending, small)[1].tobytes(),
        cv2.imencode(ending, cv2.GaussianBlur(small, (0, 0), 3))[1].tobytes(),
    ]
    if ending in (".png", ".tiff"):
        found.append(cv2.imencode(ending, deep)[1].tobytes())
    return Corpus(
        f"0{ending}",
        found,
        _read,
        _HEADS,
        _with_checksums if ending == ".png" else bytes,
        changed_png if ending == ".png" else None,
    )


def _with_checksums(data: bytes) -> bytes:
    """Write the checksum that each chunk of a PNG has now, so that more than the checksum is tested."""
    made, at = bytearray(data), 8
    while at + 12 <= len(made):
        end = at + 8 + int.from_bytes(made[at : at + 4], "big")
        if end + 4 > len(made):
            break
        made[end : end + 4] = zlib.crc32(made[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(made)


def _read(path: Path) -> object:
    facts = read_exif(path)
    return read_frame(path), read_frame16(path), facts


def _film(ending: str, folder: Path) -> Corpus:
    film = folder / f"made{ending}"
    write_video(film, np.repeat(np.repeat(noise(5, 0), 2, axis=1), 2, axis=2), fps=30, crf=40)
    data = film.read_bytes()
    film.unlink()
    return Corpus(f"a{ending}", [data], _read_film, _ATOMS)


def _read_film(path: Path) -> object:
    with open_video(path) as container:
        moving_stream(container, path)
        facts = camera_facts(container.metadata), dolby_vision(path)
    with open_input(path) as opened:
        notes = list(opened.notes)
    return facts, notes, read_input(path).frames.shape


TARGETS = (
    *(Target(f"pictures{ending}", partial(_picture, ending), _COVERED, FEW) for ending in _ENDINGS),
    *(Target(f"films{one}", partial(_film, one), ("hvdbench.video",), FEW) for one in (".mp4", ".mov", ".mkv")),
)  # fmt: skip
