"""Collect what a video file states about itself, and the notes that its reader has for the user."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from hvdbench.errors import VideoError
from hvdbench.video.colour.stated import WIDE_PRIMARIES, Colour, colour_of
from hvdbench.video.colour.tone import LINEAR_MAP, map_of
from hvdbench.video.container import moving_streams
from hvdbench.video.crop import Size
from hvdbench.video.metadata import CameraFacts, DolbyVision, camera_facts, dolby_vision
from hvdbench.video.upright import Upright, upright_of

_MOST_OBLONG = 4  # a stated aspect beyond this ratio cannot be true, so the pixel is taken as square
_SQUARE = Fraction(1)
_MATROSKA_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", re.ASCII)
_IPT_MATRIX = "ipt-c2"  # Dolby's own colours, which only its metadata turns into pictures
_FASTEST_FPS = 1000  # a faster average rate is that of a container's clock; no phone or camera films so


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video once its first frame is decoded.

    Attributes:
        stored_size: width and height as coded, px.
        upright: the turn that makes the frames upright.
        stated_aspect: width of a stored pixel over its height, as the file states it; 1 where it states none.
        colour: the colour that the first frame states.
        tone_map: what made it SDR, by the first frame: the tone map, the curve for linear light, or empty for neither.
        fps: average frame rate that the file states, or None.
        frames_stated: number of the track's packets by the file's index; 0 if the file does not state it.
        camera: what the container states about the camera.
        dolby: the Dolby Vision configuration, or None.
        codec: the decoder's name.
        video_tracks: number of tracks of moving pictures.
        track: position among them of the track that is read, from 0.
        has_audio: whether the file has a sound track.
    """

    stored_size: Size
    upright: Upright
    stated_aspect: Fraction
    colour: Colour
    tone_map: str
    fps: Fraction | None
    frames_stated: int
    camera: CameraFacts
    dolby: DolbyVision | None
    codec: str
    video_tracks: int
    track: int
    has_audio: bool

    @property
    def pixel_aspect(self) -> Fraction:
        """The stated aspect of a stored pixel, or 1 if it cannot be true; frames are read with square pixels."""
        return self.stated_aspect if Fraction(1, _MOST_OBLONG) <= self.stated_aspect <= _MOST_OBLONG else _SQUARE

    @property
    def square_size(self) -> Size | None:
        """The size of the stored picture once the shorter side of its pixels has grown, or None if they are square."""
        (width, height), aspect = self.stored_size, self.pixel_aspect
        if aspect == _SQUARE:
            return None
        return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))

    @property
    def upright_size(self) -> Size:
        """Width and height of the upright picture, before it is cropped and resized."""
        width, height = self.square_size or self.stored_size
        return (height, width) if self.upright.transpose else (width, height)


def facts_of(path: Path, container: InputContainer, stream: VideoStream, frame: VideoFrame) -> VideoFacts:
    """Collect what a video states about itself.

    Args:
        path: the video file.
        container: the opened file.
        stream: the track that is read.
        frame: the first decoded frame of the track.

    Raises:
        VideoError: if the video is Dolby Vision without a base layer, or its colours are not read.
    """
    codec = stream.codec_context.name
    colour, dolby, streams = colour_of(frame, codec), dolby_vision(path), moving_streams(container)
    if (dolby and dolby.base == 0) or colour.matrix == _IPT_MATRIX:
        what = f"Dolby Vision profile {dolby}" if dolby else "Dolby Vision in its own colours"
        raise VideoError(
            f"{path} is {what}, which has no base layer that can be shown without Dolby's decoder: "
            "export it as HLG, HDR10 or SDR first"
        )
    if colour.fault:
        raise VideoError(f"{path}: {colour.fault}")
    return VideoFacts(
        stored_size=(frame.width, frame.height),
        upright=upright_of(frame),
        stated_aspect=_positive(stream.sample_aspect_ratio) or _SQUARE,
        colour=colour,
        tone_map=map_of(colour),
        fps=stated_rate(stream),
        frames_stated=stream.frames,
        camera=camera_facts({**stream.metadata, **container.metadata}),
        dolby=dolby,
        codec=codec,
        video_tracks=len(streams),
        track=[one.index for one in streams].index(stream.index),
        has_audio=bool(container.streams.audio),
    )


def stated_rate(stream: VideoStream) -> Fraction | None:
    """Return the average frame rate that a track states, or None."""
    average, guessed = _positive(stream.average_rate), _positive(stream.guessed_rate)
    return guessed if average and average > _FASTEST_FPS and guessed else average or guessed


def stated_duration_s(stream: VideoStream) -> float | None:
    """Return the duration in s that the header of a track states, or None."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    found = _MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    return None if found is None else int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def notes_on(facts: VideoFacts) -> list[str]:
    """Write the notes on a video's facts for the user; none begins with the file's name or a capital letter."""
    notes = []
    if facts.video_tracks > 1:
        which = "the first" if facts.track == 0 else f"number {facts.track + 1}, which the file marks as its default,"
        notes.append(f"has {facts.video_tracks} video tracks, of which {which} was read")
    if facts.pixel_aspect != facts.stated_aspect:
        notes.append(
            f"states a pixel aspect of {_ratio(facts.stated_aspect)}, which cannot be true; pixels were read as square"
        )
    if facts.upright.askew:
        notes.append(
            "the file asks for a rotation by an angle that is not a multiple of 90 degrees, which was rounded to one"
        )
    if facts.square_size:
        (width, height), (new_width, new_height) = facts.stored_size, facts.square_size
        notes.append(
            f"pixels of {_ratio(facts.pixel_aspect)} were made square: {width}x{height} became {new_width}x{new_height}"
        )
    return [*notes, *colour_notes(facts.colour)]


def colour_notes(colour: Colour) -> list[str]:
    """Write what was guessed of a colour, and that wide primaries of SDR are not converted."""
    notes = list(colour.guesses)
    if not colour.is_hdr and colour.primaries in WIDE_PRIMARIES:
        notes.append(f"its primaries are {colour.primaries} but were read as those of BT.709")
    return notes


def tone_map_notes(facts: VideoFacts) -> list[str]:
    """Write that a clip is HDR and was tone-mapped, or linear light and was given a curve; nothing for SDR."""
    if facts.tone_map == LINEAR_MAP:
        return [f"the clip is linear light and was given the curve of sRGB ({facts.tone_map})"]
    transfer = facts.colour.transfer.upper()
    return [f"the clip is HDR ({transfer}) and was tone-mapped to SDR ({facts.tone_map})"] if facts.tone_map else []


def _positive(rate: Fraction | None) -> Fraction | None:
    return rate if rate is not None and rate > 0 else None


def _ratio(aspect: Fraction) -> str:
    return f"{aspect.numerator}:{aspect.denominator}"
