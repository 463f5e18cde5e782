"""RVRT for deblurring (Liang et al., NeurIPS 2022; arXiv:2206.02146).

Parameter names and layout are those of the published checkpoints. Their code is CC-BY-NC-4.0; none of it is here.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import LEAKY_SLOPE, warp_by_flow
from hvdbench.networks.layers.guided_attention import CLIP, GuidedDeformableAttention
from hvdbench.networks.layers.identity import zero_layer
from hvdbench.networks.layers.swin import SwinStage
from hvdbench.networks.network import Network
from hvdbench.networks.spec import NetworkSpec
from hvdbench.networks.spynet import LEVELS, SPyNet

_SCALE = 4  # features and flow have a quarter of the picture's size
_FULL_SIZE_CHANNELS = 64
_SPYNET_WIDTHS = (8, 32, 64, 32, 16, 2)
BRANCHES = ("backward_1", "forward_1", "backward_2", "forward_2")


class _SPyNetLevel(nn.Module):
    """A level of SPyNet under the names of RVRT's checkpoints, which number the convolutions 0, 2, 4, 6, 8."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for in_channels, channels in itertools.pairwise(_SPYNET_WIDTHS):
            layers += [nn.Conv2d(in_channels, channels, 7, padding=3), nn.ReLU()]
        self.basic_module = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        return self.basic_module(x)  # (N, 8, H, W) to (N, 2, H, W)


class _RvrtSPyNet(SPyNet):
    """SPyNet under the names of RVRT's checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(_SPyNetLevel() for _ in range(LEVELS))


class RVRT(nn.Module):
    """A network that carries features from each pair of frames to the next with attention, four times through the clip.

    This is the deblurring layout: features have 1/4 size, and the output is added to the input. It takes RGB in [0, 1];
    every frame depends on the whole clip. The default size (GoPro) has 13 573 159 parameters. Keys are those of a
    published checkpoint.

    The published code needs sides over 128 px, an even number of frames, and a CUDA extension. Here each side may be
    any multiple of 4, the last frame of an odd clip is used twice, and the attention samples without that extension.
    Nothing is kept between calls.
    """

    spec = NetworkSpec(size_multiple=_SCALE, min_size_px=_SCALE)

    def __init__(
        self,
        embed_dim: int = 192,
        num_heads: int = 6,
        num_blocks: Sequence[int] = (1, 2, 1),
        depths: Sequence[int] = (2, 2, 2),
        inputconv_groups: Sequence[int] = (1, 3, 3, 3, 3, 3),
        deformable_groups: int = 12,
        attention_heads: int = 12,
        window: int = 8,
        max_residue_magnitude: float = 10,
        flow: Literal["spynet", "zero"] = "spynet",
    ) -> None:
        """Build the network with random weights.

        Args:
            embed_dim: number of channels of the features.
            num_heads: number of heads of the window attention.
            num_blocks: numbers of groups of layers for extraction, propagation and reconstruction.
            depths: numbers of layers in each of these groups.
            inputconv_groups: numbers of groups of the six convolutions before those stages.
            deformable_groups: number of groups of offsets, which must be even.
            attention_heads: number of heads of the deformable attention.
            window: rows and columns of a window, at 1/4 size.
            max_residue_magnitude: largest learned offset, in px at 1/4 size.
            flow: ``spynet`` estimates flow with a SPyNet inside the network, of 1.44 M parameters; ``zero`` takes the
                flow as zero, so that only the learned offsets align.
        """
        super().__init__()
        if flow not in ("spynet", "zero"):
            raise ValueError(f"flow must be 'spynet' or 'zero', not {flow!r}")
        if deformable_groups % 2 or (4 * embed_dim) % deformable_groups:
            raise ValueError(
                f"deformable_groups {deformable_groups} must be even and divide 4 * embed_dim = {4 * embed_dim}"
            )
        single, double = (1, window, window), (CLIP, window, window)

        def stage(inputs: int, part: int, groups: int, size: tuple[int, int, int]) -> SwinStage:
            blocks, depth = num_blocks[part], depths[part]
            return SwinStage(
                inputs * embed_dim, embed_dim, size, groups=groups, blocks=blocks, depth=depth, heads=num_heads
            )

        def halving(in_channels: int) -> nn.Conv3d:
            return nn.Conv3d(in_channels, embed_dim, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))

        def at_full_size(factor: int) -> nn.Conv3d:
            return nn.Conv3d(_FULL_SIZE_CHANNELS, factor * _FULL_SIZE_CHANNELS, (1, 3, 3), padding=(0, 1, 1))

        self.spynet = _RvrtSPyNet() if flow == "spynet" else None
        self.feat_extract = nn.ModuleDict(
            {"1": halving(3), "3": halving(embed_dim), "6": stage(1, 0, inputconv_groups[0], single)}
        )
        self.deform_align = nn.ModuleDict()
        self.backbone = nn.ModuleDict()
        for earlier, branch in enumerate(BRANCHES):
            self.deform_align[branch] = GuidedDeformableAttention(
                embed_dim,
                deformable_groups=deformable_groups,
                heads=attention_heads,
                max_residue_px=max_residue_magnitude,
            )
            self.backbone[branch] = stage(2 + earlier, 1, inputconv_groups[1 + earlier], double)
        self.reconstruction = stage(5, 2, inputconv_groups[5], single)
        self.conv_before_upsampler = nn.Sequential(nn.Conv3d(embed_dim, _FULL_SIZE_CHANNELS, 1))
        self.upsampler = nn.ModuleDict({"0": at_full_size(4), "5": at_full_size(4), "10": at_full_size(1)})
        self.conv_last = nn.Conv3d(_FULL_SIZE_CHANNELS, 3, (1, 3, 3), padding=(0, 1, 1))

    def start_at_identity(self) -> None:
        """Make an untrained network return its frames."""
        zero_layer(self.conv_last)

    def forward(self, clip: Tensor) -> Tensor:
        """Restore a clip (N, T, 3, H, W), RGB in [0, 1]; the result has the same shape and is not clamped.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[-1] % _SCALE or clip.shape[-2] % _SCALE:
            raise ValueError(
                f"RVRT takes clips (N, T, 3, H, W) with H and W multiples of {_SCALE}, not {tuple(clip.shape)}"
            )
        frame_count = clip.shape[1]
        if frame_count % CLIP:
            clip = torch.cat((clip, clip[:, -1:]), dim=1)
        features = [self._extract(clip)]  # (N, T, C, H/4, W/4); each branch adds one
        flows_forward, flows_backward = self.compute_flow(clip)  # (N, T-1, 2, H/4, W/4) each
        refined: dict[str, list[list[Tensor]]] = {}  # flows after the first two branches, by direction
        for branch in BRANCHES:
            direction = branch.split("_")[0]
            if direction == "backward":  # the same as forward in reversed time
                reversed_features = [feature.flip(1) for feature in features]
                carried, steps = self._propagate(
                    branch, reversed_features, flows_backward.flip(1), refined.get(direction)
                )
                carried = carried.flip(1)
            else:
                carried, steps = self._propagate(branch, features, flows_forward, refined.get(direction))
            refined[direction] = steps
            features.append(carried)
        restored = clip + self._reconstruct(torch.cat(features, dim=2))
        return restored[:, :frame_count]

    def compute_flow(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate the flow between neighbours at 1/4 size.

        Args:
            clip: (N, T, 3, H, W), RGB in [0, 1], T of 2 or more.

        Returns:
            Two flows (N, T-1, 2, H/4, W/4), in px of that size: from frame t+1 to t, and from frame t to t+1.
        """
        if self.spynet is None:
            none = clip.new_zeros(
                clip.shape[0], clip.shape[1] - 1, 2, clip.shape[-2] // _SCALE, clip.shape[-1] // _SCALE
            )
            return none, none
        small = F.interpolate(clip.flatten(0, 1), scale_factor=1 / _SCALE, mode="bicubic", align_corners=False)
        small = small.unflatten(0, clip.shape[:2])  # (N, T, 3, H/4, W/4)
        before, after = small[:, :-1].flatten(0, 1), small[:, 1:].flatten(0, 1)  # (N*(T-1), 3, H/4, W/4)
        shape = (clip.shape[0], clip.shape[1] - 1)
        return self.spynet(after, before).unflatten(0, shape), self.spynet(before, after).unflatten(0, shape)

    def _extract(self, clip: Tensor) -> Tensor:
        """Extract the frames' own features; (N, T, 3, H, W) to (N, T, C, H/4, W/4)."""
        x = F.leaky_relu(self.feat_extract["1"](clip.transpose(1, 2)), LEAKY_SLOPE)  # (N, C, T, H/2, W/2)
        x = F.leaky_relu(self.feat_extract["3"](x), LEAKY_SLOPE)  # (N, C, T, H/4, W/4)
        return self.feat_extract["6"](x.transpose(1, 2))

    def _propagate(
        self, branch: str, features: list[Tensor], flows: Tensor, refined: list[list[Tensor]] | None
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Propagate features from clip to clip in one branch, forward in the order in which they come in.

        Args:
            branch: name of the branch.
            features: the frames' own features and those of the earlier branches, (N, T, C, h, w) each.
            flows: flow from frame t+1 to t, (N, T-1, 2, h, w).
            refined: flows of both slots for each clip after the first, if an earlier branch has refined them.

        Returns:
            The features (N, T, C, h, w), and the refined flows.
        """
        carried: list[Tensor] = []
        steps: list[list[Tensor]] = []
        for start in range(0, features[0].shape[1], CLIP):
            now = slice(start, start + CLIP)
            aligned = torch.zeros_like(features[0][:, now])  # (N, 2, C, h, w)
            if carried:
                pair = _flows_to_clip_before(flows, start) if refined is None else refined[len(carried) - 1]
                slots = (carried[-1], carried[-1].flip(1))
                warped = [
                    warp_by_flow(slot.flatten(0, 1), flow.flatten(0, 1)).view(slot.shape)
                    for slot, flow in zip(slots, pair, strict=True)
                ]
                latest = features[-1]
                query, key = latest[:, now], latest[:, start - CLIP : start]
                aligned, step = self.deform_align[branch](query, key, carried[-1], warped, pair)
                steps.append(step)
            inputs = torch.cat((*(feature[:, now] for feature in features), aligned), dim=2)  # (N, 2, kC, h, w)
            carried.append(aligned + self.backbone[branch](inputs))
        return torch.cat(carried, dim=1), steps

    def _reconstruct(self, features: Tensor) -> Tensor:
        """Turn all features into the pictures that are added to the frames; (N, T, 5C, H/4, W/4) to (N, T, 3, H, W)."""
        x = self.reconstruction(features).transpose(1, 2)  # (N, C, T, H/4, W/4)
        x = F.leaky_relu(self.conv_before_upsampler(x), LEAKY_SLOPE)  # (N, 64, T, H/4, W/4)
        for name in ("0", "5"):
            x = F.pixel_shuffle(self.upsampler[name](x).transpose(1, 2), 2).transpose(1, 2)  # (N, 64, T, 2h, 2w)
            x = F.leaky_relu(x, LEAKY_SLOPE)
        return self.conv_last(self.upsampler["10"](x)).transpose(1, 2)


def _flows_to_clip_before(flows: Tensor, start: int) -> list[Tensor]:
    """Compose flows from the frames of a clip to those of the clip before, slot 0 then slot 1.

    With the clip before as frames 0, 1 and the current one as 2, 3, slot 0 is 2 to 0 and 3 to 1, slot 1 is 2 to 1 and
    3 to 0; (N, 2, 2, h, w) each.
    """
    flow_10, flow_21, flow_32 = flows[:, start - 2], flows[:, start - 1], flows[:, start]  # (N, 2, h, w)
    flow_20 = flow_21 + warp_by_flow(flow_10, flow_21)
    flow_31 = flow_32 + warp_by_flow(flow_21, flow_32)
    flow_30 = flow_32 + warp_by_flow(flow_20, flow_32)
    return [torch.stack((flow_20, flow_31), dim=1), torch.stack((flow_21, flow_30), dim=1)]


NETWORK = Network(
    RVRT,
    RVRT.spec,
    presets={
        "tiny": {
            "embed_dim": 12,
            "num_heads": 2,
            "num_blocks": (1, 1, 1),
            "deformable_groups": 2,
            "attention_heads": 2,
            "flow": "zero",
        }
    },
    signature=("deform_align.backward_1.proj_v.1.bias",),
)
