"""Films that the tests of ingest make: turned, mirrored, of variable rate, 10 bit, oblong pixels, several tracks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from av.video.frame import VideoFrame
from numpy.typing import NDArray

TICKS_HZ = 90_000
HLG, PQ = 18, 16


def pattern(seed: int, count: int = 6, width: int = 96, height: int = 64, step: int = 3) -> NDArray[np.uint8]:
    """A scene of coarse noise in the scene's own colours that moves to the left, (T, H, W, 3)."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 120, 3)
    blocks = rng.integers(0, 130, (height // 8, 2 * width // 8, 3)) + low
    scene = blocks.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    return np.stack([scene[:, step * index : step * index + width] for index in range(count)])


def grey10(levels: Sequence[int], width: int = 64, height: int = 48) -> list[VideoFrame]:
    """Uniform 10-bit frames of these luma codes, no colour."""
    return [_plain10((level, 512, 512), width, height) for level in levels]


def _plain10(codes: tuple[int, int, int], width: int, height: int) -> VideoFrame:
    frame = VideoFrame(width, height, "yuv420p10le")
    for plane, code in zip(frame.planes, codes, strict=True):
        plane.update(np.full(plane.buffer_size // 2, code, np.uint16).tobytes())
    return frame


@dataclass(frozen=True)
class Film:
    """How a film is written."""

    times_s: Sequence[float] | None = None
    fps: int = 25
    rotation_deg: int = 0  # counter-clockwise, as the library counts
    mirror: bool = False
    aspect: Fraction | None = None
    transfer: int | None = None
    cover: bool = False
    second: NDArray[np.uint8] | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    crf: int = 4


def make_film(path: Path, frames: NDArray[np.uint8] | list[VideoFrame], film: Film | None = None) -> Path:
    """Write RGB frames (T, H, W, 3), or 10-bit ones as they are."""
    film = film or Film()
    options = {"movflags": "use_metadata_tags"} if film.metadata else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(film.metadata)
        cover = _cover(container) if film.cover else None
        tracks = [(_track(container, frames, film), frames)]
        if film.second is not None:
            tracks.append((_track(container, film.second, film), film.second))
        if cover is not None:
            picture = VideoFrame.from_ndarray(pattern(9, 1, 32, 32)[0], format="rgb24")
            container.mux(cover.encode(picture))
        for stream, pictures in tracks:
            for index, frame in enumerate(pictures):
                picture = frame if isinstance(frame, VideoFrame) else VideoFrame.from_ndarray(frame, format="rgb24")
                time_s = film.times_s[index] if film.times_s else index / film.fps
                picture.pts, picture.time_base = round(time_s * TICKS_HZ), Fraction(1, TICKS_HZ)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    return path


def _cover(container):
    cover = container.add_stream("png", rate=1)
    cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
    cover.disposition = Disposition.attached_pic
    return cover


def _track(container, frames, film: Film):
    stream = container.add_stream("libx264", rate=film.fps, options={"crf": str(film.crf), "threads": "1"})
    first = frames[0]
    if isinstance(first, VideoFrame):
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
    else:
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], "yuv444p"
    context = stream.codec_context
    context.time_base = Fraction(1, TICKS_HZ)
    context.colorspace, context.color_range = 6, 1
    if film.aspect:
        context.sample_aspect_ratio = film.aspect
    if film.transfer:
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = film.transfer, 9, 9, 1
    if film.rotation_deg or film.mirror:
        stream.set_display_rotation(film.rotation_deg, hflip=film.mirror)
    return stream


def jpeg_with_exif(path: Path, frame: NDArray[np.uint8], exposure: tuple[int, int], model: str) -> None:
    """A JPEG with maker, model and exposure time (a ratio), little-endian."""
    import struct

    import cv2

    make_text, model_text = b"Huawei\0\0", model.encode() + b"\0"
    start = 8 + 2 + 3 * 12 + 4
    model_at, folder_at = start + len(make_text), start + len(make_text) + len(model_text)
    ratio_at = folder_at + 2 + 12 + 4
    block = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", 3)
    block += struct.pack("<HHII", 0x010F, 2, len(make_text), start)
    block += struct.pack("<HHII", 0x0110, 2, len(model_text), model_at)
    block += struct.pack("<HHII", 0x8769, 4, 1, folder_at) + struct.pack("<I", 0) + make_text + model_text
    block += struct.pack("<H", 1) + struct.pack("<HHII", 0x829A, 5, 1, ratio_at) + struct.pack("<I", 0)
    block += struct.pack("<II", *exposure)
    body = b"Exif\0\0" + block
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(frame[..., ::-1]))
    data = encoded.tobytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
