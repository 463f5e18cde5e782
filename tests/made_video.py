"""Clips and sounds that the tests of video files make."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def made_clip(count: int = 8, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """Smooth colours that brighten from frame to frame: each frame is told from the next by 4 levels."""
    y, x = np.mgrid[:height, :width]
    base = np.stack([x * 180 // width, y * 180 // height, (x + y) * 180 // (width + height)], -1) + 20
    return np.stack([base + 4 * index for index in range(count)]).astype(np.uint8)


def make_sound(path: Path, codec: str, seconds: int = 1) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48000)
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="stereo", rate=48000, frame_size=1024)
        wave = (np.sin(np.arange(48000 * seconds) / 20) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48000, 0
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(part))
