"""Make a scene of high-speed frames: a picture that changes with time, flat or cut into planes by its depth."""

import math
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hvdbench.errors import InputError
from hvdbench.flow import Flow, flow_dis
from hvdbench.frames import Gray, Image, to_gray
from hvdbench.response import Response, open_response
from hvdbench.sources.depth_planes import DepthScale, cut_slabs, measure_depth_scale
from hvdbench.sources.frame_sequence import FrameSequence, Recent
from hvdbench.sources.interpolation import FlowPair, between, estimate_pair, motion_of, shrink_gray
from hvdbench.sources.scene import Layer, Mode, SceneKind, SourceOptions, Times, centred_K

HIGH_SPEED_FPS = 100.0  # slower footage only replaces it
OWN_MOTION_PX = 1.0  # between two key times
MOST_PARTS = 16  # of a source interval
FLOW_WIDTH_PX = 320  # where motion is only measured
SAME_PLACE = 1e-6  # of a source interval
_MIB = 2**20


@dataclass(frozen=True)
class VideoScene:
    """Frames of one clip, read on request and kept a few at a time; frame i shows the time (i + 1/2) / fps.

    Args:
        name, split, licence, provenance: as of a :class:`~hvdbench.sources.scene.Scene`.
        frames: the frames in order.
        fps: their rate.
        size: width and height of output frames, smaller than the source's by the margin.
        texture_size: width and height of the frames as they are shown.
        focal_per_width: focal length over width of output frames.
        mode: ``dynamic``: the frames advance within an exposure; ``static``: an exposure shows only the frame nearest
            its middle.
        has_depth: whether the frames have depth maps: they are cut into planes.
        interpolate: whether instants between frames whose own motion exceeds 1 px follow that motion; if not, and
            where it is less, neighbours are blended in linear light.
        response: the frames' camera response.
    """

    name: str
    split: str
    frames: FrameSequence = field(repr=False)
    fps: float
    size: tuple[int, int]
    texture_size: tuple[int, int]
    focal_per_width: float
    mode: Mode
    licence: str
    provenance: str
    has_depth: bool = False
    interpolate: bool = True
    response: str = "gamma2.2"

    @property
    def kind(self) -> SceneKind:
        return "parallax" if self.has_depth else "video"

    @property
    def focal_px(self) -> float:
        return self.focal_per_width * self.size[0]

    @property
    def duration_s(self) -> float:
        return len(self.frames) / self.fps

    @property
    def frame_count(self) -> int:
        return len(self.frames)

    def picture(self, place: float) -> Image:
        """Return a frame, or what lies between two frames, as linear light of the texture's size, (H, W, 3)."""
        return np.ascontiguousarray(self._picture_at(place)[..., :3])

    def key_times(self, start_s: float, end_s: float) -> Times:
        """Return the times of the source frames, and of instants in between, that cover an interval.

        Between two of them the own motion of 99 in 100 pixels is 1 px or less, as far as 16 instants to a frame reach.
        Static scenes and those at rest past the clip's ends give one time, the interval's middle.
        """
        low, high, last = self._place(start_s), self._place(end_s), float(len(self.frames) - 1)
        if self.mode == "static" or high <= 0 or low >= last:
            return np.array([0.5 * (start_s + end_s)])
        places = [float(min(low, 0.0))] if low < 0 else []
        for before in range(math.floor(max(low, 0.0)), math.ceil(min(high, last))):
            parts = self._parts(before)
            places += [before + part / parts for part in range(parts)]
        places.append(float(math.ceil(min(high, last))))
        if high > last:
            places.append(high)
        first = max((index for index, place in enumerate(places) if place <= low), default=0)
        end = min((index for index, place in enumerate(places) if place >= high), default=len(places) - 1)
        times = (np.array(places[first : end + 1]) + 0.5) / self.fps
        times[0], times[-1] = min(times[0], start_s), max(times[-1], end_s)  # whatever the rounding
        return times if len(times) > 1 else np.array([0.5 * (start_s + end_s)])

    def layers(self, t_s: float) -> tuple[Layer, ...]:
        """Return the world at a time: one opaque picture, or planes at depths relative to the clip's median.

        Pictures are interpolated for that very time; planes are blended from those at the key times beside it, where
        they are all alike in number and depth.
        """
        place = float(np.clip(self._place(t_s), 0.0, len(self.frames) - 1.0))
        return self._layers(round(place) if self.mode == "static" else place)

    def own_flow(self, t_s: float) -> NDArray[np.float32] | None:
        """Measure the motion in the frames themselves by DIS flow, (h, w, 2) output px per s; None where held.

        It is that of the two frames that the time lies between, at a width of at most 320 px.
        """
        if self.mode == "static" or len(self.frames) < 2:
            return None
        before = int(np.clip(math.floor(self._place(t_s) + SAME_PLACE), 0, len(self.frames) - 2))
        flow = self._flow_small(before)
        height, width = flow.shape[:2]
        left = round(width * 0.5 * (1.0 - self.size[0] / self.texture_size[0]))
        top = round(height * 0.5 * (1.0 - self.size[1] / self.texture_size[1]))
        return np.ascontiguousarray(flow[top : height - top, left : width - left]) * np.float32(self.fps)

    def _place(self, t_s: float) -> float:
        return t_s * self.fps - 0.5

    def _layers(self, place: float) -> tuple[Layer, ...]:
        near = round(place)
        same = float(near) if abs(place - near) < SAME_PLACE else round(place, 9)
        return self._kept.layers.get(same, lambda: self._layers_at(same))

    def _layers_at(self, place: float) -> tuple[Layer, ...]:
        K = centred_K(self.focal_px, *self.texture_size)
        if not self.has_depth:
            return (Layer(self._picture_at(place), K),)
        before = math.floor(place)
        parts = self._parts(before) if place > before else 1
        step = (place - before) * parts
        if abs(step - round(step)) > MOST_PARTS * SAME_PLACE:
            low = before + math.floor(step) / parts
            return _blend_layers(self._layers(low), self._layers(low + 1 / parts), step - math.floor(step))
        picture = self._picture_at(place)
        slabs = cut_slabs(picture[..., :3], picture[..., 3], self._depth_scale.edges)
        depths = self._depth_scale.inverse_depths
        return tuple(
            Layer(texture, K, relative_inverse_depth=float(depth)) for texture, depth in zip(slabs, depths, strict=True)
        )

    def _picture_at(self, place: float) -> Image:
        """Return linear light, (H, W, 3), and inverse depth as a fourth channel where there is depth."""
        before = math.floor(place)
        share = place - before
        if share == 0:
            return self._frame(before).picture
        a, b = self._frame(before).picture, self._frame(before + 1).picture
        if self._parts(before) > 1:
            return between(a, b, self._flows(before), share)
        return np.asarray(cv2.addWeighted(a, 1.0 - share, b, share, 0.0), np.float32)

    def _parts(self, before: int) -> int:
        """Count the equal parts of the time from a frame to the next, in each of which own motion is 1 px or less."""
        if not self.interpolate:
            return 1
        return int(np.clip(math.ceil(motion_of(self._flow_small(before)) / OWN_MOTION_PX), 1, MOST_PARTS))

    def _flow_small(self, before: int) -> Flow:
        """Measure the flow from a frame to the next, output px, at a width of at most 320 px."""
        return self._kept.small_flows.get(before, lambda: self._measure(before))

    def _measure(self, before: int) -> Flow:
        a, b = (shrink_gray(self._frame(index).gray, FLOW_WIDTH_PX) for index in (before, before + 1))
        return flow_dis(a, b) * np.float32(self.texture_size[0] / a.shape[1])

    def _flows(self, before: int) -> FlowPair:
        grays = self._frame(before).gray, self._frame(before + 1).gray
        return self._kept.flows.get(before, lambda: estimate_pair(*grays))

    def _frame(self, index: int) -> "_Frame":
        return self._kept.frames.get(index, lambda: self._read(index))

    def _read(self, index: int) -> "_Frame":
        display = self.frames.read(index)
        light = self._response.to_light(display)
        if self.texture_size != (display.shape[1], display.shape[0]):
            light = np.asarray(cv2.resize(light, self.texture_size, interpolation=cv2.INTER_AREA), np.float32)
            display = np.asarray(cv2.resize(display, self.texture_size, interpolation=cv2.INTER_AREA), np.uint8)
        gray = to_gray(display)
        depth = self.frames.depth(index) if self.has_depth else None
        if depth is None:
            return _Frame(light, gray)
        inverse = cv2.resize(self._depth_scale.relative_inverse(depth), self.texture_size)
        return _Frame(np.dstack([light, np.asarray(inverse, np.float32)]), gray)

    @cached_property
    def _response(self) -> Response:
        return open_response(self.response)

    @cached_property
    def _depth_scale(self) -> DepthScale:
        return measure_depth_scale(self.frames)

    @cached_property
    def _kept(self) -> "_Kept":
        return _Kept()

    def __getstate__(self) -> dict[str, object]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, eq=False)
class _Frame:
    """A frame as it is shown: linear light with inverse depth, if any, as a fourth channel, and its gray values."""

    picture: Image
    gray: Gray


class _Kept:
    """What a scene keeps at hand; no part of its value."""

    def __init__(self) -> None:
        self.frames: Recent[int, _Frame] = Recent(
            lambda one: one.picture.nbytes + one.gray.nbytes, most=16, most_bytes=192 * _MIB
        )
        self.small_flows: Recent[int, Flow] = Recent(lambda one: one.nbytes, most=64, most_bytes=32 * _MIB)
        self.flows: Recent[int, FlowPair] = Recent(
            lambda one: one.flow_ab.nbytes + one.flow_ba.nbytes, most=12, most_bytes=96 * _MIB
        )
        self.layers: Recent[float, tuple[Layer, ...]] = Recent(_bytes_of, most=8, most_bytes=192 * _MIB, least=3)


def _bytes_of(layers: tuple[Layer, ...]) -> int:
    return sum(layer.texture.nbytes for layer in layers)


def _blend_layers(a: tuple[Layer, ...], b: tuple[Layer, ...], share: float) -> tuple[Layer, ...]:
    """Blend planes that are alike in number, size and depth."""
    return tuple(
        Layer(
            np.asarray(cv2.addWeighted(one.texture, 1.0 - share, two.texture, share, 0.0), np.float32),
            one.K,
            relative_inverse_depth=one.relative_inverse_depth,
        )
        for one, two in zip(a, b, strict=True)
    )


def open_video_scene(
    frames: FrameSequence,
    options: SourceOptions,
    *,
    name: str,
    split: str,
    fps: float,
    licence: str,
    source: str,
    where: Path,
) -> VideoScene:
    """Describe a clip's frames as a scene; only its first frame and depth map are read.

    Args:
        frames: the frames in order.
        options: what the dataset requests.
        name, split, licence: of the scene.
        fps: the rate that the frames were taken at.
        source: where they come from; footage under 100 fps gets a note.
        where: the file or folder, for messages.

    Raises:
        InputError: if the first frame or depth map cannot be read, or frames are smaller than the output with its
            margin.
        RecipeError: if there is no such camera response.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"{where}: {fps} is not a number of frames per second: set the source's fps to one above 0")
    width, height = frames.size
    margin_share = 0.0 if options.whole_frames else options.margin_share
    if options.size is None:
        margin = round(margin_share * width)
        size = ((width - 2 * margin) // 8 * 8, (height - 2 * margin) // 8 * 8)
        if options.whole_frames:
            size = width, height
        scale = 1.0
    else:
        size = options.size
        border = 2.0 * margin_share * size[0]
        scale = max((size[0] + border) / width, (size[1] + border) / height)
    if scale > 1.0 or min(size) < 16:
        raise InputError(
            f"{where}: frames are {width}x{height}, too small for {size[0]}x{size[1]} with a margin of "
            f"{margin_share:.0%} a side: set a smaller size or margin_share"
        )
    open_response(options.response)
    if fps < HIGH_SPEED_FPS:
        source = f"{source}; {fps:g} fps footage stands in for high-speed frames"
    return VideoScene(
        name=name,
        split=split,
        frames=frames,
        fps=fps,
        size=size,
        texture_size=(round(width * scale), round(height * scale)),
        focal_per_width=options.focal_per_width,
        mode=options.mode,
        licence=licence,
        provenance=source,
        has_depth=frames.depth(0) is not None,
        interpolate=options.interpolate,
        response=options.response,
    )
