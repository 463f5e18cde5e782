"""Pass a clip through a video codec and back, since what a phone stores is never what its ISP made."""

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from hvdbench.errors import InputError
from hvdbench.frames import Frame
from hvdbench.synth.development.codec import CodecSettings
from hvdbench.video.colour.pixels import SCALER

_BT709 = 1  # the same number as matrix, primaries and transfer (ITU-T H.273)
_ENCODERS: dict[str, str] = {"h264": "libx264", "hevc": "libx265"}
# One thread, since the stream depends on the number of threads. No macroblock tree, since x264's AVX-512 code for it
# reads memory that it never set and gives other bytes from run to run.
_OPTIONS: dict[str, dict[str, str]] = {
    "h264": {"threads": "1", "mbtree": "0"},
    "hevc": {"x265-params": "pools=none:frame-threads=1:cutree=0:info=0:log-level=none"},
}


def recompress(frames: Iterable[Frame], settings: CodecSettings, *, fps: float, crf: int) -> Iterator[Frame]:
    """Encode frames as 4:2:0 BT.709 video of limited range and decode them again, a few dozen frames behind.

    An odd width or height is made even by repeating the last column or row, which is cut off again. The same frames
    give the same bytes (of the same PyAV on the same kind of processor), since encoder and decoder run on one thread
    each.

    Args:
        frames: uint8 RGB (H, W, 3), all of one size.
        settings: the codec and its effort.
        fps: frames per second; the quality at a given crf depends on it.
        crf: the constant quality.

    Yields:
        As many frames, of the same size and in order.

    Raises:
        InputError: if this PyAV has no such encoder, if it refuses the frames, or if two frames differ in size.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        return
    height, width = first.shape[:2]
    try:
        for decoded in _decode(_encode(itertools.chain([first], stream), settings, fps, crf), settings.codec):
            yield np.ascontiguousarray(decoded[:height, :width])
    except av.FFmpegError as error:
        raise InputError(f"{settings.codec} cannot take frames of {width}x{height} px: {error.strerror}") from error


def _encode(frames: Iterable[Frame], settings: CodecSettings, fps: float, crf: int) -> "Iterator[Packet[Any]]":
    encoder: VideoCodecContext | None = None
    reformatter, size = VideoReformatter(), (0, 0)
    for index, frame in enumerate(frames):
        if encoder is None:
            size = (frame.shape[1], frame.shape[0])
            encoder = _open_encoder(settings, (size[0] + size[0] % 2, size[1] + size[1] % 2), fps, crf)
        if (frame.shape[1], frame.shape[0]) != size:
            found, expected = f"{frame.shape[1]}x{frame.shape[0]}", f"{size[0]}x{size[1]}"
            raise InputError(
                f"frame {index} is {found}, and the frames before it are {expected}: all frames of a clip must have "
                "one size"
            )
        picture = _to_yuv(frame, reformatter)
        picture.pts = index
        yield from encoder.encode(picture)
    if encoder is not None:
        yield from encoder.encode(None)


def _open_encoder(settings: CodecSettings, size: tuple[int, int], fps: float, crf: int) -> VideoCodecContext:
    encoder = _open_codec(_ENCODERS[settings.codec], "w")
    rate = Fraction(fps).limit_denominator(100_000)
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.framerate, encoder.time_base = "yuv420p", rate, 1 / rate
    encoder.colorspace = encoder.color_primaries = encoder.color_trc = _BT709
    encoder.color_range = int(ColorRange.MPEG)
    encoder.gop_size = max(1, round(fps * settings.keyframe_s))
    encoder.flags |= int(Flags.bitexact)
    encoder.options = {"crf": str(crf), "preset": settings.preset, **_OPTIONS[settings.codec]}
    return encoder


def _open_codec(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    try:
        context = av.CodecContext.create(name, mode)
    except UnknownCodecError as error:
        part = "encoder" if mode == "w" else "decoder"
        raise InputError(
            f"this PyAV has no {part} '{name}': install av from the package index, or leave recompression out"
        ) from error
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    return context


def _decode(packets: "Iterable[Packet[Any]]", codec: str) -> Iterator[Frame]:
    decoder = _open_codec(codec, "r")
    reformatter = VideoReformatter()
    for packet in itertools.chain(packets, [None]):
        for frame in decoder.decode(packet):
            yield _to_rgb(frame, reformatter)


def _to_yuv(frame: Frame, reformatter: VideoReformatter) -> VideoFrame:
    """Pad an RGB frame to even sides and convert it to BT.709 of limited range."""
    even = np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")
    return reformatter.reformat(
        VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24"),
        format="yuv420p",
        src_color_range=int(ColorRange.JPEG),
        dst_colorspace=int(Colorspace.ITU709),
        dst_color_range=int(ColorRange.MPEG),
        interpolation=SCALER,
    )


def _to_rgb(frame: VideoFrame, reformatter: VideoReformatter) -> Frame:
    rgb = reformatter.reformat(
        frame,
        format="rgb24",
        src_colorspace=int(Colorspace.ITU709),
        src_color_range=int(ColorRange.MPEG),
        dst_color_range=int(ColorRange.JPEG),
        interpolation=SCALER,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)
