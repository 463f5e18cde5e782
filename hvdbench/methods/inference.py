"""Run a network over a clip: the one door between 8-bit frames and the tensors of networks."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hvdbench.errors import FitError
from hvdbench.networks.spec import NetworkSpec, VideoNetwork

Frames = NDArray[np.uint8]
_DEFAULT_OVERLAP_SHARE = 4


def restore_clip(
    network: VideoNetwork,
    frames: Frames,
    *,
    device: str | torch.device = "cpu",
    window: int | None = None,
    overlap: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Frames:
    """Restore a clip of any size and length with a network.

    Frames are padded below and to the right to what ``network.spec`` asks for (mirrored; repeated edges where the frame
    is too small to mirror), the last frame is repeated where there are too few, and all is cut off again. The result is
    clamped and rounded half up to 8 bit. The network ends on the device and in the training mode it came with.

    Args:
        network: the module; its ``spec`` says what it takes.
        frames: (T, H, W, 3) uint8 RGB.
        device: where to run it.
        window: most frames to hand over at once, to bound memory; None is the whole clip.
        overlap: frames at each inner end of a window that serve as context only. Default: the context that the
            network declares, or a quarter of the window where that is the whole clip (results then differ a little
            from those without windows).
        progress: called with the frames done and T after each window.

    Returns:
        (T, H, W, 3) uint8 RGB.

    Raises:
        ValueError: the frames have another shape or type, or the window is too short for the network or overlap.
        FitError: the network gave a value that is not finite.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or frames.size == 0:
        raise ValueError(f"frames must be a non-empty (T, H, W, 3) uint8, not {frames.shape} {frames.dtype}")
    frame_count, height, width = frames.shape[:3]
    spec = network.spec
    padded = _pad(frames, spec)
    restored = np.empty_like(frames)
    with _running(network, torch.device(device)), torch.no_grad():
        for start, stop, first, last in plan_windows(len(padded), *_window(spec, len(padded), window, overlap)):
            clip = _to_network(padded[start:stop], spec, torch.device(device))
            result = network(clip)
            if result.shape != clip.shape:
                raise ValueError(f"the network turned {tuple(clip.shape)} into {tuple(result.shape)}: another shape")
            last = min(last, frame_count)  # the clip may have been lengthened
            if first < last:
                restored[first:last] = _from_network(result[:, first - start : last - start, :, :height, :width], spec)
            if progress is not None:
                progress(last, frame_count)
    return restored


def plan_windows(frame_count: int, window: int, overlap: int) -> list[tuple[int, int, int, int]]:
    """Cut a clip into windows of equal length, the last moved back to end with the clip.

    Args:
        frame_count: T.
        window: frames in a window; at least T means a single one.
        overlap: frames of context at each end of a window that is not an end of the clip.

    Returns:
        (start, stop, first, last) a window: frames ``start:stop`` go in, ``first:last`` are kept. The kept ranges
        follow one another without gaps.

    Raises:
        ValueError: no frame would be left to keep.
    """
    if window >= frame_count:
        return [(0, frame_count, 0, frame_count)]
    if overlap < 0 or window <= 2 * overlap:
        raise ValueError(f"a window of {window} frames has no centre between {overlap} frames of overlap at each end")
    windows = []
    first = 0
    while first < frame_count:
        start = min(max(first - overlap, 0), frame_count - window)
        stop = start + window
        last = frame_count if stop == frame_count else stop - overlap
        windows.append((start, stop, first, last))
        first = last
    return windows


def _window(spec: NetworkSpec, frame_count: int, window: int | None, overlap: int | None) -> tuple[int, int]:
    """Fill in the window and overlap that were left open."""
    if window is None:
        return frame_count, 0
    if window < spec.min_frames:
        raise ValueError(f"a window of {window} frames is too short for this network, which takes {spec.min_frames}")
    if overlap is None:
        overlap = window // _DEFAULT_OVERLAP_SHARE if spec.context_frames is None else spec.context_frames
        if window <= 2 * overlap:
            raise ValueError(f"this network looks {overlap} frames ahead and back: use a window over {2 * overlap}")
    return window, overlap


def _pad(frames: Frames, spec: NetworkSpec) -> Frames:
    """Extend a clip below, to the right and at its end to what the spec asks for."""
    if len(frames) < spec.min_frames:
        frames = np.concatenate((frames, np.repeat(frames[-1:], spec.min_frames - len(frames), axis=0)))
    for axis in (1, 2):
        side = frames.shape[axis]
        missing = math.ceil(max(side, spec.min_size_px) / spec.size_multiple) * spec.size_multiple - side
        if missing:
            widths = [(0, 0)] * 4
            widths[axis] = (0, missing)
            frames = np.pad(frames, widths, mode="reflect" if missing < side else "edge")
    return frames


def _to_network(frames: Frames, spec: NetworkSpec, device: torch.device) -> Tensor:
    """Turn (T, H, W, 3) uint8 RGB into (1, T, 3, H, W) float32 in the order and range of the spec."""
    low, high = spec.value_range
    clip = torch.from_numpy(frames.copy()).to(device)
    clip = clip.permute(0, 3, 1, 2).unsqueeze(0)  # (1, T, 3, H, W)
    if spec.channel_order == "bgr":
        clip = clip.flip(2)
    return (clip.float() / 255 * (high - low) + low).contiguous()


def _from_network(clip: Tensor, spec: NetworkSpec) -> Frames:
    """Turn (1, T, 3, H, W) in the order and range of the spec into (T, H, W, 3) uint8 RGB, rounded half up."""
    low, high = spec.value_range
    if not torch.isfinite(clip).all():
        raise FitError("the network gave values that are not finite: its weights are damaged or it diverged")
    if spec.channel_order == "bgr":
        clip = clip.flip(2)
    levels = ((clip.float() - low) / (high - low)).clamp(0, 1) * 255
    eight_bit = (levels + 0.5).floor().to(torch.uint8)
    return eight_bit[0].permute(0, 2, 3, 1).cpu().numpy()  # (T, H, W, 3)


@contextmanager
def _running(network: VideoNetwork, device: torch.device) -> Iterator[None]:
    """Put a network on a device and into evaluation, and back afterwards."""
    home = next((parameter.device for parameter in network.parameters()), device)
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.to(device)
        network.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        network.to(home)
