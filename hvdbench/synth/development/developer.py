"""Develop a clip's light after the shutter, in one place: sensor or ISP, response, rounding, codec."""

from collections.abc import Iterable, Iterator

import numpy as np

from hvdbench.frames import Frame, Image
from hvdbench.response import Response
from hvdbench.synth.development.codec import CodecSettings
from hvdbench.synth.development.isp import IspSettings
from hvdbench.synth.development.sensor import SensorSettings, develop


class Developer:
    """One clip's camera after the shutter; it draws the values that the settings leave open when it is made.

    The truth passes through the response alone: no noise, no sharpening, no codec. Frames must be developed in order,
    since they share one random generator.

    Args:
        response: the response of the camera.
        generator: the clip's own random generator; it draws the clip's values now, then the noise of each frame.
        sensor: the settings of the noise.
        isp: the settings of the way through RAW; None adds noise straight to the picture.
        codec: the settings of the video codec; None leaves frames unchanged.
    """

    def __init__(
        self,
        response: Response,
        generator: np.random.Generator,
        *,
        sensor: SensorSettings,
        isp: IspSettings | None = None,
        codec: CodecSettings | None = None,
    ) -> None:
        self.response = response
        self.generator = generator
        self.codec = codec
        self.noise = sensor.draw(generator)
        self.isp = isp.draw(generator) if isp else None
        self.crf = codec.draw_crf(generator) if codec else None

    def frame(self, light: Image) -> Frame:
        """Develop one blurry frame: (H, W, 3) float32 linear light to uint8; light above 1 saturates."""
        if self.isp is not None:
            return self.isp.develop(light, self.noise, self.generator, self.response)
        return develop(light, self.noise, self.generator, self.response)

    def truth(self, light: Image) -> Frame:
        """Develop one truth frame: the response and rounding alone."""
        return self.response.to_display(light)

    def clip(self, frames: Iterable[Frame], *, fps: float) -> Iterator[Frame]:
        """Pass blurry frames through the codec, in order; number and size stay, and without a codec nothing changes.

        Raises:
            InputError: if the codec is missing or refuses the frames.
        """
        if self.codec is None or self.crf is None:
            return iter(frames)
        from hvdbench.synth.development.recompress import recompress  # imported late because it loads PyAV

        return recompress(frames, self.codec, fps=fps, crf=self.crf)

    def drawn(self) -> dict[str, float | str]:
        """Return the values drawn for the clip, which are stored with it."""
        values: dict[str, float | str] = {
            "response": self.response.name,
            "noise_shot": self.noise.shot,
            "noise_dark": self.noise.dark,
            "noise_read": self.noise.read,
        }
        if self.isp is not None:
            values |= {name: getattr(self.isp, name) for name in ("red_gain", "blue_gain", "sharpen")}
        if self.codec is not None and self.crf is not None:
            values |= {"codec": self.codec.codec, "crf": self.crf}
        return values
