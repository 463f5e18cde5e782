"""Wrap networks for training, so that each takes and returns RGB in [0, 1] of any size."""

import logging

import torch
from torch import Tensor, nn
from torch.nn import functional

from hvdbench.methods.inference.plan import padded_size
from hvdbench.methods.inference.runner import Precision
from hvdbench.networks.spec import NetworkSpec

logger = logging.getLogger(__name__)
_DTYPES: dict[str, torch.dtype] = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class RgbNetwork(nn.Module):
    """A wrapper of a network that takes RGB in [0, 1], pads, and uses autocast for reduced precision.

    Its result is float32, so that losses are computed in full precision whatever the network computes in.
    ``state_dict`` and ``load_state_dict`` are those of this wrapper; files contain ``inner.state_dict()``.

    Attributes:
        inner: network; without a ``spec`` it takes RGB in [0, 1] of any size.
        precision: number format that the network computes in; it becomes ``float32``, with one warning, if the network
            does not run in it.
    """

    def __init__(self, inner: nn.Module, precision: Precision = "float32") -> None:
        super().__init__()
        self.inner = inner
        self.precision: Precision = precision
        self._is_proven = False

    @property
    def spec(self) -> NetworkSpec:
        """The spec of this wrapper: RGB in [0, 1] of any size, with the inner network's reach."""
        inner = self._inner_spec
        return NetworkSpec(
            context_frames=inner.context_frames,
            context_px=inner.context_px,
            reduced_precision=inner.reduced_precision,
        )

    @property
    def _inner_spec(self) -> NetworkSpec:
        found = getattr(self.inner, "spec", None)
        return found if isinstance(found, NetworkSpec) else NetworkSpec()

    def forward(self, clip: Tensor) -> Tensor:
        """Restore (N, T, 3, H, W) float RGB in [0, 1]; the result has the same shape and is not clamped."""
        spec = self._inner_spec
        count, (height, width) = clip.shape[1], clip.shape[-2:]
        padded = _pad(clip, spec)  # (N, T', 3, H', W')
        low, high = spec.value_range
        if spec.channel_order == "bgr":
            padded = padded.flip(2)
        restored = self._run(padded * (high - low) + low)
        if spec.channel_order == "bgr":
            restored = restored.flip(2)
        return ((restored - low) / (high - low))[:, :count, :, :height, :width]

    def _run(self, clip: Tensor) -> Tensor:
        """Run the inner network; if its first run in 16 bits fails but the same in float32 does not, use float32."""
        if self.precision == "float32":
            result: Tensor = self.inner(clip)
            return result.float()
        if not self._inner_spec.reduced_precision:
            self._fall_back("it declares that it loses accuracy there", clip.device)
            return self._run(clip)
        try:
            with torch.autocast(clip.device.type, _DTYPES[self.precision]):
                result = self.inner(clip)
            self._is_proven = True
            return result.float()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if self._is_proven:
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        result = self.inner(clip)
        self._fall_back(reason, clip.device)
        return result.float()

    def _fall_back(self, reason: str, device: torch.device) -> None:
        logger.warning(
            "%s does not train in %s on %s, so it trains in float32 (%s)",
            type(self.inner).__name__,
            self.precision,
            device,
            reason,
        )
        self.precision = "float32"


def _pad(clip: Tensor, spec: NetworkSpec) -> Tensor:
    """Extend a clip at the bottom, to the right and at its end to what the spec asks for, as inference does."""
    count, (height, width) = clip.shape[1], clip.shape[-2:]
    if count < spec.min_frames:
        clip = torch.cat((clip, clip[:, -1:].expand(-1, spec.min_frames - count, -1, -1, -1)), 1)
    wanted_height, wanted_width = padded_size((height, width), spec)
    for side, wanted, vertical in ((height, wanted_height, True), (width, wanted_width, False)):
        if wanted > side:
            widths = (0, 0, 0, wanted - side) if vertical else (0, wanted - side, 0, 0)
            mode = "reflect" if wanted < 2 * side else "replicate"
            padded = functional.pad(clip.flatten(0, 1), widths, mode=mode)  # (N*T, 3, H, W)
            clip = padded.reshape(*clip.shape[:2], *padded.shape[1:])
    return clip
