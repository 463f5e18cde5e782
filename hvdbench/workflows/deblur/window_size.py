"""How many frames a fit takes at once, and how much memory that is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hvdbench.errors import InputError
from hvdbench.methods.blur.alignment import FLOW_CACHE_BYTES
from hvdbench.video.input import SMALLEST_SIDE_PX
from hvdbench.workspace.engine import usable_cores
from hvdbench.workspace.memory import free_memory

MOST_FRAMES, FEWEST_FRAMES = 100, 12
LOOK_AHEAD = 20
"""Frames at each side of a window that are only looked at: in each 20 frames one at least is selected as sharp."""
_CLIP_BYTES = 750_000_000  # of a window's frames: 100 of 1080p, 30 of 2160p
# Measured on frames from 640x360 to 3840x2160, bytes a pixel where nothing else is said.
_BASE_BYTES = 1000 << 20  # Python, torch, OpenCV and Numba, whatever the frames: 60 of 1280x720 peaked at 2.8 GiB
_FRAME_BYTES = 4  # of a frame of the window before its restoration: colours and gray
_RESTORED_BYTES = 3
_FLOW_BYTES = 8
_FLOWS_A_FRAME = 10
_STACK_BYTES = 48  # of a frame that the fit learns from
_STACKS_BYTES = 800_000_000  # in all: the bound of the fit's stack
_BLEND_BYTES = 210  # of a thread that blends a frame
_NETWORK_BYTES = 540  # of a thread that sends a frame through the fusion network
_NETWORK_PX = 1920 * 1088  # larger frames go through it in strips
_THREADS_BYTES = (
    3_400_000_000  # in all, so that many cores do not take all memory: three threads of 1080p, one of 2160p
)


@dataclass(frozen=True)
class WindowSize:
    """The windows in which a clip is restored by a fit.

    Attributes:
        frames: frames of a window, at most.
        look_ahead: frames at each side of a window inside the clip that are looked at and not restored.
        workers: the threads that restore its frames.
        peak_bytes: about how much memory the process takes at most.
    """

    frames: int
    look_ahead: int
    workers: int
    peak_bytes: int

    def describe(self, name: str, method: str, size: tuple[int, int], frame_count: int | None) -> str:
        """Describe in a sentence what is going to be done."""
        many = "" if frame_count is None else f"{frame_count} "
        clip = f"{name}: {many}frames of {size[0]}x{size[1]}"
        memory = f"up to about {self.peak_bytes / 2**30:.1f} GiB of memory"
        if frame_count is not None and frame_count <= self.frames:
            return f"{clip}; {method} works on all of them at once, in {memory}"
        return (
            f"{clip}; {method} works in windows of up to {self.frames} frames, each with {self.look_ahead} frames of "
            f"the clip before and after it that are only looked at, in {memory}"
        )


def window_size(size: tuple[int, int], source: Path) -> WindowSize:
    """Choose windows by the size of the frames alone, so that a command makes the same frames on every machine.

    Args:
        size: width and height of the frames that are restored, px.
        source: the input, for the sentence.

    Raises:
        InputError: if even such windows need more memory than is free.
    """
    window = _window(size)
    free = free_memory()
    if free is not None and window.peak_bytes > free:
        smaller = next((some for some in _smaller(size) if _window(some).peak_bytes <= free), None)
        advice = "free some memory" if smaller is None else f"reduce them with --size {smaller[0]}x{smaller[1]}"
        raise InputError(
            f"{source}: frames of {size[0]}x{size[1]} need about {window.peak_bytes / 2**30:.1f} GiB of memory, and "
            f"{free / 2**30:.1f} GiB are free: {advice}, or restore a part with --crop x:y:w:h"
        )
    return window


def _window(size: tuple[int, int]) -> WindowSize:
    pixels = size[0] * size[1]
    frames = min(MOST_FRAMES, max(FEWEST_FRAMES, _CLIP_BYTES // (3 * pixels)))
    thread = max(_BLEND_BYTES * pixels, _NETWORK_BYTES * min(pixels, _NETWORK_PX))
    workers = max(1, min(usable_cores(), _THREADS_BYTES // thread))
    flows = min(FLOW_CACHE_BYTES, frames * _FLOWS_A_FRAME * _FLOW_BYTES * pixels)
    learning = min(_STACKS_BYTES, frames * _STACK_BYTES * pixels) + workers * _BLEND_BYTES * pixels
    restoring = frames * _RESTORED_BYTES * pixels + workers * thread
    peak = _BASE_BYTES + frames * _FRAME_BYTES * pixels + flows + max(learning, restoring)
    return WindowSize(frames, min(LOOK_AHEAD, frames // 4), workers, peak)


def _smaller(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield smaller sizes of the same shape with even sides, the largest first."""
    for percent in range(95, 4, -5):
        width, height = (side * percent // 200 * 2 for side in size)
        if min(width, height) >= SMALLEST_SIDE_PX:
            yield width, height
