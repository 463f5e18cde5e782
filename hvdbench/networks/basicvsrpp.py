"""BasicVSR++ for deblurring (Chan et al., CVPR 2022; arXiv:2104.13371), with the published parameter names."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from hvdbench.networks.layers.blocks import LEAKY_SLOPE, ResidualStack, ShuffleUpsampler, warp_by_flow
from hvdbench.networks.layers.identity import zero_layer
from hvdbench.networks.layers.neighbour_blend import REACH, Neighbour, NeighbourBlend
from hvdbench.networks.layers.sampling import is_served, sampled_convolution
from hvdbench.networks.network import Network
from hvdbench.networks.spec import NetworkSpec
from hvdbench.networks.spynet import SPyNet

_SCALE = 4  # features and flow have a quarter of the picture's size
_TAPS = 9  # of the 3x3 deformable convolution
BRANCHES = ("backward_1", "forward_1", "backward_2", "forward_2")


class DeformableAlignment(nn.Module):
    """Second-order flow-guided deformable alignment (§3.2 of the paper).

    The features of one and of two frames ago are sampled where the optical flow points, plus a learned residue of at
    most ``max_residue_px``. Offsets are (y, x) per tap, flows (x, y).
    """

    def __init__(self, channels: int, *, deform_groups: int, max_residue_px: float) -> None:
        """Build the layer; residues start at zero and masks at one half."""
        super().__init__()
        self.deform_groups = deform_groups
        self.max_residue_px = max_residue_px
        self.weight = nn.Parameter(torch.empty(channels, 2 * channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        layers: list[nn.Module] = []
        for in_channels in (3 * channels + 4, channels, channels):
            layers += [nn.Conv2d(in_channels, channels, 3, padding=1), nn.LeakyReLU(LEAKY_SLOPE)]
        head = nn.Conv2d(channels, 3 * _TAPS * deform_groups, 3, padding=1)
        self.conv_offset = nn.Sequential(*layers, head)
        bound = (2 * channels * _TAPS) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, condition: Tensor, flow_1: Tensor, flow_2: Tensor) -> Tensor:
        """Align two features with the current frame.

        Args:
            features: (N, 2C, h, w), the features of one frame ago, then those of two frames ago.
            condition: (N, 3C, h, w), the same features warped by flow, with the current frame's between them.
            flow_1: (N, 2, h, w), flow from the current frame to the one before it, px.
            flow_2: (N, 2, h, w), flow from the current frame to the one two frames ago, px.

        Returns:
            The aligned features, (N, C, h, w).
        """
        head = self.conv_offset(torch.cat((condition, flow_1, flow_2), dim=1))  # (N, 27G, h, w)
        residue, mask = head.split((2 * _TAPS * self.deform_groups, _TAPS * self.deform_groups), dim=1)
        offset = self.max_residue_px * torch.tanh(residue)  # (N, 18G, h, w); the first half of the groups is frame 1
        pairs = offset.shape[1] // 4
        base_1 = flow_1.flip(1).repeat(1, pairs, 1, 1)  # (N, 9G, h, w)
        base_2 = flow_2.flip(1).repeat(1, pairs, 1, 1)  # (N, 9G, h, w)
        offset = offset + torch.cat((base_1, base_2), dim=1)  # (N, 18G, h, w)
        mask = torch.sigmoid(mask)
        if is_served(features):
            return sampled_convolution(features, offset, self.weight, self.bias, mask)
        return deform_conv2d(features, offset, self.weight, self.bias, padding=1, mask=mask)


class BasicVSRPlusPlus(nn.Module):
    """Restore a clip by propagating features twice backward and twice forward, aligned by flow and deformation.

    This is the deblurring form (``is_low_res_input=False``): features have 1/4 size, and the output is added to the
    input. It takes RGB in [0, 1] and any number of frames; every frame depends on the whole clip. The default size has
    9 760 175 parameters. Keys are those of a published checkpoint without ``generator.``.

    The published code refuses sides under 256 px and remembers for good that a clip was mirrored, to save half of
    the flow. Here each side may be any multiple of 4, and nothing is kept between calls. Flow of pictures under 128 px
    is estimated on an enlarged quarter-size picture (SPyNet works on multiples of 32), so small crops serve
    tests and training rather than quality.
    """

    spec = NetworkSpec(size_multiple=_SCALE, min_size_px=_SCALE)

    def __init__(
        self,
        mid_channels: int = 64,
        num_blocks: int = 15,
        max_residue_magnitude: float = 10,
        deform_groups: int = 16,
        flow: Literal["spynet", "zero", "given"] = "spynet",
        full_size_channels: int = 64,
    ) -> None:
        """Build the network with random weights.

        Args:
            mid_channels: width of the features; twice this must be a multiple of ``deform_groups``.
            num_blocks: residual blocks in each of the four propagation branches.
            max_residue_magnitude: largest learned offset, in px at 1/4 size.
            deform_groups: groups of the deformable convolution, an even number.
            flow: ``spynet`` estimates flow with a SPyNet inside the network, of 1.44 M parameters; ``zero`` takes the
                flow as zero, so that only the learned offsets align; ``given`` takes it from the function
                ``given_flow``, which whoever builds the network sets, and blends each frame with its neighbours
                (:class:`NeighbourBlend`, ours).
            full_size_channels: width of the features at the picture's own size.
        """
        super().__init__()
        if flow not in ("spynet", "zero", "given"):
            raise ValueError(f"flow must be 'spynet', 'zero' or 'given', not {flow!r}")
        if deform_groups % 2 or (2 * mid_channels) % deform_groups:
            raise ValueError(
                f"deform_groups {deform_groups} must be even and divide 2 * mid_channels = {2 * mid_channels}"
            )
        self.mid_channels = mid_channels
        self.spynet = SPyNet() if flow == "spynet" else None
        self.blend = NeighbourBlend() if flow == "given" else None
        self.conv_last = nn.Conv2d(full_size_channels, 3, 3, padding=1)
        if self.blend is not None:
            zero_layer(self.conv_last)  # the blend alone is the better start
        self.given_flow: Callable[[Tensor, Tensor], Tensor] | None = None
        self.feat_extract = nn.Sequential(
            nn.Conv2d(3, mid_channels, 3, stride=2, padding=1),
            nn.LeakyReLU(LEAKY_SLOPE),
            nn.Conv2d(mid_channels, mid_channels, 3, stride=2, padding=1),
            nn.LeakyReLU(LEAKY_SLOPE),
            ResidualStack(mid_channels, mid_channels, 5),
        )
        self.deform_align = nn.ModuleDict()
        self.backbone = nn.ModuleDict()
        for earlier, branch in enumerate(BRANCHES):
            self.deform_align[branch] = DeformableAlignment(
                mid_channels, deform_groups=deform_groups, max_residue_px=max_residue_magnitude
            )
            self.backbone[branch] = ResidualStack((2 + earlier) * mid_channels, mid_channels, num_blocks)
        self.reconstruction = ResidualStack(5 * mid_channels, mid_channels, 5)
        self.upsample1 = ShuffleUpsampler(mid_channels, mid_channels)
        self.upsample2 = ShuffleUpsampler(mid_channels, full_size_channels)
        self.conv_hr = nn.Conv2d(full_size_channels, full_size_channels, 3, padding=1)

    def start_at_identity(self) -> None:
        """Make an untrained network return its frames."""
        zero_layer(self.conv_last)
        if self.blend is not None:
            self.blend.start_at_identity()

    def forward(self, clip: Tensor) -> Tensor:
        """Restore a clip (N, T, 3, H, W), RGB in [0, 1]; the result has the same shape and is not clamped.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[-1] % _SCALE or clip.shape[-2] % _SCALE:
            raise ValueError(
                f"BasicVSR++ takes clips (N, T, 3, H, W) with H and W multiples of {_SCALE}, not {tuple(clip.shape)}"
            )
        frames = clip.flatten(0, 1)  # (N*T, 3, H, W)
        spatial = self.feat_extract(frames).unflatten(0, clip.shape[:2])  # (N, T, C, H/4, W/4)
        if self.blend is None:
            flows_forward, flows_backward = self.compute_flow(clip)  # (N, T-1, 2, H/4, W/4) each
        else:
            flows_at = self._ask_for_flows(clip)
            flows_forward, flows_backward = _quarter(flows_at[0])
        features: list[list[Tensor]] = [list(spatial.unbind(1))]  # T of (N, C, H/4, W/4); each branch adds a list
        for branch in BRANCHES:
            flows = flows_backward if branch.startswith("backward") else flows_forward
            features.append(self._propagate(branch, features, flows))
        grown = (
            self._grow(torch.cat(at_frame, dim=1)) for at_frame in zip(*features, strict=True)
        )  # T of (N, F, H, W)
        shown = clip.unbind(1)
        restored = [self.conv_last(own) + frame for own, frame in zip(grown, shown, strict=True)]
        if self.blend is not None:
            near = [_neighbours(shown, flows_at, index) for index in range(len(shown))]
            restored = [one + self.blend(*at) for one, *at in zip(restored, shown, near, strict=True)]
        return torch.stack(restored, dim=1)  # (N, T, 3, H, W)

    def _ask_for_flows(self, clip: Tensor) -> list[Tensor]:
        """Return the flows between frames 1, 2 … apart, each (2, N, T-d, 2, H, W): from t+d to t, and from t to t+d."""
        if self.given_flow is None:
            raise ValueError("flow is 'given', but given_flow is not set to a function of two batches of pictures")
        flows = []
        for apart in range(1, REACH + 1):
            early, late = clip[:, :-apart], clip[:, apart:]  # (N, T-d, 3, H, W)
            found = clip.new_zeros(2, *early.shape[:2], 2, *clip.shape[-2:])
            if early.shape[1]:
                with torch.no_grad():
                    pairs = (torch.cat((a.flatten(0, 1), b.flatten(0, 1))) for a, b in ((late, early), (early, late)))
                    found = self.given_flow(*pairs).view(found.shape)
            flows.append(found)
        return flows

    def compute_flow(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate the flow between neighbours at 1/4 size.

        Args:
            clip: (N, T, 3, H, W), RGB in [0, 1].

        Returns:
            Two flows (N, T-1, 2, H/4, W/4), in px of that size: from frame t+1 to t, and from frame t to t+1.
        """
        batch, frame_count = clip.shape[:2]
        height, width = clip.shape[-2] // _SCALE, clip.shape[-1] // _SCALE
        if frame_count == 1 or self.spynet is None:
            none = clip.new_zeros(batch, frame_count - 1, 2, height, width)
            return none, none
        small = F.interpolate(clip.flatten(0, 1), scale_factor=1 / _SCALE, mode="bicubic", align_corners=False)
        small = small.unflatten(0, (batch, frame_count))  # (N, T, 3, H/4, W/4)
        before = small[:, :-1].flatten(0, 1)  # (N*(T-1), 3, H/4, W/4)
        after = small[:, 1:].flatten(0, 1)
        flows_forward = self.spynet(after, before).unflatten(0, (batch, frame_count - 1))  # (N, T-1, 2, H/4, W/4)
        flows_backward = self.spynet(before, after).unflatten(0, (batch, frame_count - 1))
        return flows_forward, flows_backward

    def _propagate(self, branch: str, features: list[list[Tensor]], flows: Tensor) -> list[Tensor]:
        """Propagate features through time in one branch, and return T of (N, C, h, w), in the clip's order.

        ``features`` contains the frames' own features and those of the earlier branches.
        """
        spatial = features[0]
        frame_count = len(spatial)
        order: Iterable[int] = range(frame_count)
        if branch.startswith("backward"):
            order = reversed(range(frame_count))
        carried: list[Tensor] = []
        zeros = torch.zeros_like(spatial[0])
        flow_before: Tensor | None = None
        for index in order:
            aligned = zeros
            if carried:
                # flows[i] joins i and i+1: the frame visited before is index+1 going backward, index-1 going forward
                flow_1 = flows[:, index if branch.startswith("backward") else index - 1]  # (N, 2, h, w)
                aligned = self._align(branch, spatial[index], carried[-2:], flow_1, flow_before)
                flow_before = flow_1
            inputs = [spatial[index], *(earlier[index] for earlier in features[1:]), aligned]
            carried.append(aligned + self.backbone[branch](torch.cat(inputs, dim=1)))  # (N, kC, h, w) to (N, C, h, w)
        return carried[::-1] if branch.startswith("backward") else carried

    def _align(
        self, branch: str, current: Tensor, carried: list[Tensor], flow_1: Tensor, flow_before: Tensor | None
    ) -> Tensor:
        """Align the features of the last one or two frames visited with the current frame; (N, C, h, w)."""
        one_ago = carried[-1]
        warped_1 = warp_by_flow(one_ago, flow_1)
        if flow_before is None:
            two_ago, flow_2, warped_2 = torch.zeros_like(one_ago), torch.zeros_like(flow_1), torch.zeros_like(one_ago)
        else:
            two_ago = carried[-2]
            flow_2 = flow_1 + warp_by_flow(flow_before, flow_1)  # to the frame two ago, by way of one ago
            warped_2 = warp_by_flow(two_ago, flow_2)
        condition = torch.cat((warped_1, current, warped_2), dim=1)  # (N, 3C, h, w)
        return self.deform_align[branch](torch.cat((one_ago, two_ago), dim=1), condition, flow_1, flow_2)

    def _grow(self, features: Tensor) -> Tensor:
        """Bring the features of one frame to the picture's size; (N, 5C, H/4, W/4) to (N, F, H, W)."""
        x = self.reconstruction(features)  # (N, C, H/4, W/4)
        x = F.leaky_relu(self.upsample1(x), LEAKY_SLOPE)  # (N, C, H/2, W/2)
        x = F.leaky_relu(self.upsample2(x), LEAKY_SLOPE)  # (N, F, H, W)
        return F.leaky_relu(self.conv_hr(x), LEAKY_SLOPE)


def _quarter(flow: Tensor) -> Tensor:
    """Reduce flows (..., H, W) to 1/4 size and to px of that size."""
    blocks = flow.unflatten(-1, (-1, _SCALE)).unflatten(-3, (-1, _SCALE))  # (..., H/4, 4, W/4, 4)
    return blocks.mean((-3, -1)) / _SCALE


def _neighbours(frames: Sequence[Tensor], flows: Sequence[Tensor], index: int) -> list[Neighbour]:
    """List the neighbours of a frame as :class:`NeighbourBlend` takes them."""
    found = []
    for apart, (to_early, to_late) in enumerate(flows, start=1):
        if index >= apart:
            at = index - apart
            found.append((apart, frames[at], to_early[:, at], to_late[:, at]))
        if index + apart < len(frames):
            found.append((apart, frames[index + apart], to_late[:, index], to_early[:, index]))
    return found


NETWORK = Network(
    BasicVSRPlusPlus,
    BasicVSRPlusPlus.spec,
    presets={
        "tiny": {"mid_channels": 8, "num_blocks": 1, "flow": "zero"},
        "small": {
            "mid_channels": 16,
            "num_blocks": 1,
            "deform_groups": 4,
            "flow": "given",
            "full_size_channels": 16,
        },
    },
    signature=("feat_extract.4.main.0.weight", "deform_align.backward_1.conv_offset.0.weight"),
)
