"""ESTRNN: a recurrent network of residual dense blocks with attention over neighbours (Zhong et al., ECCV 2020).

The names of parameters are those of the published checkpoints, without ``module.model.``.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.identity import FrameAdding
from hvdbench.networks.layers.neighbour_blend import REACH, Neighbour, NeighbourBlend
from hvdbench.networks.network import Network
from hvdbench.networks.spec import NetworkSpec, NetworkState

_SCALE = 4  # features have a quarter of the picture's size
_DENSE_LAYERS = 3


class _DenseLayer(nn.Module):
    """A 3x3 convolution and GELU whose result is appended to the input; (N, C, H, W) to (N, C + growth, H, W)."""

    def __init__(self, in_channels: int, growth: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, growth, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, F.gelu(self.conv(x))), dim=1)


class ResidualDenseBlock(nn.Module):
    """Three dense layers and a 1x1 convolution back to the input's width, added to the input; the shape is kept."""

    def __init__(self, channels: int, growth: int) -> None:
        """Build the block; each dense layer adds ``growth`` channels."""
        super().__init__()
        widths = [channels + layer * growth for layer in range(_DENSE_LAYERS + 1)]
        self.dense_layers = nn.Sequential(*(_DenseLayer(width, growth) for width in widths[:-1]))
        self.conv1x1 = nn.Conv2d(widths[-1], channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return x + self.conv1x1(self.dense_layers(x))


class _Downsampler(nn.Module):
    """A residual dense block, then half the size and twice the width; (N, C, H, W) to (N, 2C, H/2, W/2)."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb = ResidualDenseBlock(channels, growth)
        self.down_sampling = nn.Conv2d(channels, 2 * channels, 5, stride=2, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_sampling(self.rdb(x))


class _DenseTrunk(nn.Module):
    """A row of residual dense blocks, whose results a 1x1 and a 3x3 convolution merge; the shape stays the same."""

    def __init__(self, channels: int, growth: int, blocks: int) -> None:
        super().__init__()
        self.RDBs = nn.ModuleList(ResidualDenseBlock(channels, growth) for _ in range(blocks))
        self.conv1x1 = nn.Conv2d(blocks * channels, channels, 1)
        self.conv3x3 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        results = []
        for block in self.RDBs:
            x = block(x)
            results.append(x)
        return self.conv3x3(self.conv1x1(torch.cat(results, dim=1)))


class _Cell(nn.Module):
    """One step of the recurrence, which turns a frame and the state before it into features and the next state."""

    def __init__(self, n_features: int, n_blocks: int) -> None:
        super().__init__()
        width = 5 * n_features  # four parts from the frame, one from the state
        self.F_B0 = nn.Conv2d(3, n_features, 5, padding=2)
        self.F_B1 = _Downsampler(n_features, n_features)
        self.F_B2 = _Downsampler(2 * n_features, 3 * n_features // 2)
        self.F_R = _DenseTrunk(width, 2 * n_features, n_blocks)
        self.F_h = nn.Sequential(
            nn.Conv2d(width, n_features, 3, padding=1),
            ResidualDenseBlock(n_features, n_features),
            nn.Conv2d(n_features, n_features, 3, padding=1),
        )

    def forward(self, frame: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Turn a frame (N, 3, H, W) and a state (N, F, H/4, W/4) into features (N, 5F, H/4, W/4) and the next state."""
        x = self.F_B2(self.F_B1(self.F_B0(frame)))  # (N, 4F, H/4, W/4)
        x = self.F_R(torch.cat((x, state), dim=1))  # (N, 5F, H/4, W/4)
        return x, self.F_h(x)


class GlobalAttention(nn.Module):
    """Global spatio-temporal attention, which weighs each neighbour's features against those of the reference.

    The weights are for whole channels and come from means over the picture. The reference is appended after all others.
    """

    def __init__(self, channels: int, frames: int) -> None:
        """Build the layer for windows of ``frames`` frames, including the reference."""
        super().__init__()
        pair = 2 * channels
        self.F_f = nn.Sequential(nn.Linear(pair, 2 * pair), nn.GELU(), nn.Linear(2 * pair, pair), nn.Sigmoid())
        self.F_p = nn.Sequential(nn.Conv2d(pair, 2 * pair, 1), nn.Conv2d(2 * pair, pair, 1))
        self.condense = nn.Conv2d(pair, channels, 1)
        self.fusion = nn.Conv2d(frames * channels, frames * channels, 1)

    def forward(self, reference: Tensor, others: list[Tensor]) -> Tensor:
        """Fuse the features of a window.

        Args:
            reference: features of the frame to restore, (N, C, h, w).
            others: features of the other frames, in the order of time.

        Returns:
            The fused features, (N, frames * C, h, w).
        """
        weighted = []
        for other in others:
            pair = torch.cat((reference, other), dim=1)  # (N, 2C, h, w)
            weight = self.F_f(pair.mean(dim=(2, 3)))[..., None, None]  # (N, 2C, 1, 1)
            weighted.append(self.condense(weight * self.F_p(pair)))  # (N, C, h, w)
        return self.fusion(torch.cat((*weighted, reference), dim=1))


class _Reconstructor(nn.Module):
    """Layers from the features of a window to the restored frame; (N, C, H/4, W/4) to (N, 3, H, W)."""

    def __init__(self, in_channels: int, n_features: int) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.ConvTranspose2d(in_channels, 2 * n_features, 3, stride=2, padding=1, output_padding=1),
            nn.ConvTranspose2d(2 * n_features, n_features, 3, stride=2, padding=1, output_padding=1),
            nn.Conv2d(n_features, 3, 5, padding=2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class ESTRNN(FrameAdding):
    """Restore a clip by a recurrence forward in time whose features are fused over a window of neighbours.

    It takes BGR in [-0.5, 0.5], as the published weights need it. A frame depends on all frames before it and on
    ``future_frames`` after it. The default is the published C80B15 with 2 467 931 parameters.

    The published module returns no frames whose window reaches over an end of the clip. Here :meth:`forward` restores
    them too, with the first and last frame repeated (as the authors advise in their tracker); :meth:`restore_inner` is
    the published part. The published network computes the picture itself; one that was started at the identity computes
    its change (:class:`FrameAdding`).
    """

    spec = NetworkSpec(
        size_multiple=_SCALE, min_size_px=_SCALE, channel_order="bgr", value_range=(-0.5, 0.5), carries_state=True
    )

    def __init__(
        self,
        n_features: int = 16,
        n_blocks: int = 15,
        past_frames: int = 2,
        future_frames: int = 2,
        flow: Literal["none", "given"] = "none",
    ) -> None:
        """Build the network with random weights.

        Args:
            n_features: F; features have 5F channels, the state has F.
            n_blocks: number of residual dense blocks in the recurrent cell.
            past_frames: number of frames in the window before the one to restore.
            future_frames: number of frames in the window after it.
            flow: ``none`` as published; ``given`` takes flow from the function ``given_flow``, which whoever builds the
                network sets, blends each frame with its neighbours (:class:`NeighbourBlend`, ours), and lets the
                network compute the change of that.
        """
        super().__init__()
        if flow not in ("none", "given"):
            raise ValueError(f"flow must be 'none' or 'given', not {flow!r}")
        window = past_frames + 1 + future_frames
        self.n_features = n_features
        self.past_frames = past_frames
        self.future_frames = future_frames
        self.cell = _Cell(n_features, n_blocks)
        self.recons = _Reconstructor(window * 5 * n_features, n_features)
        self.fusion = GlobalAttention(5 * n_features, window)
        self.blend = NeighbourBlend() if flow == "given" else None
        self.given_flow: Callable[[Tensor, Tensor], Tensor] | None = None
        if self.blend is not None:
            self.add_frame(self.recons.model[-1])

    def start_at_identity(self) -> None:
        """Make an untrained network return its frames, as a sum of each frame and a zero."""
        self.add_frame(self.recons.model[-1])
        if self.blend is not None:
            self.blend.start_at_identity()

    def forward(self, clip: Tensor) -> Tensor:
        """Restore a clip (N, T, 3, H, W), BGR in [-0.5, 0.5]; the result has the same shape and is not clamped.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        return self.forward_from(clip, None, is_end=True)[0]

    def forward_from(self, clip: Tensor, state: NetworkState | None, *, is_end: bool) -> tuple[Tensor, NetworkState]:
        """Restore the next frames of a clip; each result comes ``future_frames`` frames after its frame.

        Args:
            clip: (N, T, 3, H, W), BGR in [-0.5, 0.5].
            state: state from the call before; None at the start of a clip.
            is_end: whether the clip ends here, so that the results that are still missing are returned too.

        Returns:
            The results (N, T', 3, H, W) and the state: that of the recurrence, (N, F, H/4, W/4), the features of the
            last frames, up to ``past_frames + future_frames`` of (N, 5F, H/4, W/4), and, if they are added to the
            results, as many of the frames.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        self._check(clip)
        frames = list(clip.unbind(1))
        if state is None:
            frames = [frames[0]] * self.past_frames + frames
        if is_end:
            frames = frames + [frames[-1]] * self.future_frames
        restored, state = self._recur(frames, state)
        return torch.stack(restored, dim=1) if restored else clip[:, :0], state

    def restore_inner(self, clip: Tensor) -> Tensor:
        """Restore the frames that have a whole window.

        Args:
            clip: (N, T, 3, H, W), BGR in [-0.5, 0.5], with T above ``past_frames + future_frames``.

        Returns:
            (N, T - past_frames - future_frames, 3, H, W), beginning with the result for frame ``past_frames``.

        Raises:
            ValueError: if the clip has another shape or is too short, or H or W is not a multiple of 4.
        """
        self._check(clip)
        window = self.past_frames + 1 + self.future_frames
        if clip.shape[1] < window:
            raise ValueError(f"a window of {window} frames does not fit into a clip of {clip.shape[1]}")
        return torch.stack(self._recur(clip.unbind(1), None)[0], dim=1)

    def _check(self, clip: Tensor) -> None:
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[-1] % _SCALE or clip.shape[-2] % _SCALE:
            raise ValueError(
                f"ESTRNN takes clips (N, T, 3, H, W) with H and W multiples of {_SCALE}, not {tuple(clip.shape)}"
            )

    def _recur(self, frames: Sequence[Tensor], state: NetworkState | None) -> tuple[list[Tensor], NetworkState]:
        """Process frames (N, 3, H, W); return a result for each one that completes a window, and the next state."""
        if state is None:
            batch, _, height, width = frames[0].shape
            state = (frames[0].new_zeros(batch, self.n_features, height // _SCALE, width // _SCALE),)
        hidden, *kept = state
        count = len(kept) // 2 if self.adds_frame is not None else len(kept)
        features = deque(kept[:count])  # each (N, 5F, H/4, W/4)
        shown = deque(kept[count:])  # the frames of these features, if they are added to the results
        restored = []
        for frame in frames:
            feature, hidden = self.cell(frame, hidden)
            features.append(feature)
            if self.adds_frame is not None:
                shown.append(frame)
            if len(features) > self.past_frames + self.future_frames:
                others = list(features)
                reference = others.pop(self.past_frames)
                result = self.recons(self.fusion(reference, others))  # (N, 3, H, W)
                features.popleft()
                if self.adds_frame is not None:
                    result = result + shown[self.past_frames]
                    if self.blend is not None:
                        result = result + self.blend(shown[self.past_frames], self._neighbours(shown))
                    shown.popleft()
                restored.append(result)
        return restored, (hidden, *features, *shown)

    def _neighbours(self, window: Sequence[Tensor]) -> list[Neighbour]:
        """List the frames around the reference of a window with their flows, as :class:`NeighbourBlend` takes them."""
        if self.given_flow is None:
            raise ValueError("flow is 'given', but given_flow is not set to a function of two batches of pictures")
        centre = self.past_frames
        places = [place for place in range(len(window)) if 0 < abs(place - centre) <= REACH]
        low = self.spec.value_range[0]
        frame, *others = (window[place].flip(1) - low for place in (centre, *places))  # RGB in [0, 1]
        found = []
        with torch.no_grad():
            for place, other in zip(places, others, strict=True):
                there, back = self.given_flow(torch.cat((frame, other)), torch.cat((other, frame))).chunk(2)
                found.append((abs(place - centre), window[place], there, back))
        return found


NETWORK = Network(
    ESTRNN,
    ESTRNN.spec,
    presets={"tiny": {"n_features": 4, "n_blocks": 1}, "small": {"n_features": 8, "n_blocks": 3, "flow": "given"}},
    signature=("cell.F_B0.weight", "cell.F_B1.rdb.dense_layers.0.conv.weight"),
)
