"""CDVD-TSP: cascaded deblurring with a temporal sharpness prior (Pan et al., CVPR 2020; arXiv:2004.02501).

Parameter names are those of the published checkpoints.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import at_full_precision, warp_by_flow
from hvdbench.networks.layers.identity import FrameAdding
from hvdbench.networks.network import Network
from hvdbench.networks.pwc_net import PWCNet, inside_mask
from hvdbench.networks.spec import NetworkSpec

_KERNEL = 5
_MEAN_KERNEL = 5
_SCALE = 4
_CONTEXT_FRAMES = 2


class _Block(nn.Module):
    """``x + conv2(relu(conv1(x)))`` with 5x5 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, _KERNEL, padding=_KERNEL // 2)
        self.conv2 = nn.Conv2d(channels, channels, _KERNEL, padding=_KERNEL // 2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x)))


class Reconstructor(nn.Module):
    """A U-shaped network that restores the middle one of three aligned frames with the help of a prior."""

    def __init__(self, channels: int, blocks: int) -> None:
        """Build the network.

        Args:
            channels: width at full size; it doubles where the size halves, twice.
            blocks: residual blocks in each of the six parts.
        """
        super().__init__()

        def stack(width: int) -> list[nn.Module]:
            return [_Block(width) for _ in range(blocks)]

        def down(in_channels: int, width: int, stride: int) -> nn.Sequential:
            conv = nn.Conv2d(in_channels, width, _KERNEL, stride=stride, padding=_KERNEL // 2)
            return nn.Sequential(nn.Sequential(conv, nn.ReLU()), *stack(width))

        def up(width: int) -> nn.Sequential:
            conv = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1)
            return nn.Sequential(*stack(width), nn.Sequential(conv, nn.ReLU()))

        self.inBlock = down(3 * 3 + 1, channels, 1)
        self.encoder_first = down(channels, 2 * channels, 2)
        self.encoder_second = down(2 * channels, 4 * channels, 2)
        self.decoder_second = up(4 * channels)
        self.decoder_first = up(2 * channels)
        last = nn.Conv2d(channels, 3, _KERNEL, padding=_KERNEL // 2)
        self.outBlock = nn.Sequential(*stack(channels), last)

    def forward(self, aligned: Tensor) -> Tensor:
        """Restore the middle frame; (N, 10, H, W), H and W multiples of 4, to (N, 3, H, W)."""
        full = self.inBlock(aligned)  # (N, C, H, W)
        half = self.encoder_first(full)  # (N, 2C, H/2, W/2)
        quarter = self.encoder_second(half)  # (N, 4C, H/4, W/4)
        half = self.decoder_second(quarter) + half
        return self.outBlock(self.decoder_first(half) + full)


def sharpness_prior(middle: Tensor, neighbours: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
    """Return how well both aligned neighbours agree with a frame after a 5x5 mean, without gradient.

    Args:
        middle: middle frame, (N, 3, H, W).
        neighbours: two frames of the same shape, warped to it.
        mask: (N, 1, H, W), 0 where a warped neighbour has no pixel.

    Returns:
        The prior, (N, 1, H, W): 1 where all agree, and down to 0 where they do not.
    """
    with torch.no_grad():
        centre = _blurred(middle)
        before, after = (_blurred(neighbour) - centre for neighbour in neighbours)
        distance = ((before.square() + after.square()) / 2).sum(dim=1, keepdim=True).sqrt()  # (N, 1, H, W)
        return torch.exp(-distance) * mask


def _blurred(frame: Tensor) -> Tensor:
    """Return the mean over 5x5 px, in which pixels outside count as zero."""
    return F.avg_pool2d(frame, _MEAN_KERNEL, stride=1, padding=_MEAN_KERNEL // 2)


class CDVDTSP(FrameAdding):
    """Restore each frame from its aligned neighbours, then once more from the restored ones, with the same weights.

    It takes RGB in [0, 1]; a frame depends on two frames before and two after. The default size has 16 187 045
    parameters. Keys are those of a published checkpoint.

    The published code returns no result for the first and last two frames; here the ends are repeated. On PyTorch 1.3
    and later it also samples differently than when its weights were trained; here it samples as it did then.
    """

    spec = NetworkSpec(size_multiple=_SCALE, min_size_px=_SCALE, context_frames=_CONTEXT_FRAMES)

    def __init__(self, n_feat: int = 32, n_resblock: int = 3) -> None:
        """Build the network with random weights.

        Args:
            n_feat: width of the reconstruction at full size.
            n_resblock: residual blocks in each of its parts.
        """
        super().__init__()
        self.flow_net = nn.ModuleDict({"moduleNetwork": PWCNet()})
        self.recons_net = Reconstructor(n_feat, n_resblock)

    def start_at_identity(self) -> None:
        """Make an untrained network return its frames, as a sum of each frame and a zero."""
        self.add_frame(self.recons_net.outBlock[-1])

    def forward(self, clip: Tensor) -> Tensor:
        """Restore a clip (N, T, 3, H, W), RGB in [0, 1]; the result has the same shape and is not clamped.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[-1] % _SCALE or clip.shape[-2] % _SCALE:
            raise ValueError(
                f"CDVD-TSP takes clips (N, T, 3, H, W) with H and W multiples of {_SCALE}, not {tuple(clip.shape)}"
            )
        before = clip[:, :1].expand(-1, _CONTEXT_FRAMES, -1, -1, -1)
        after = clip[:, -1:].expand(-1, _CONTEXT_FRAMES, -1, -1, -1)
        first_stage = self.restore_inner(torch.cat((before, clip, after), dim=1))  # (N, T+2, 3, H, W)
        return self.restore_inner(first_stage)

    def restore_inner(self, clip: Tensor) -> Tensor:
        """Restore every frame that has both neighbours, once; (N, T, 3, H, W) to (N, T-2, 3, H, W)."""
        frames = clip.unbind(1)
        triples = zip(frames[:-2], frames[1:-1], frames[2:], strict=True)
        return torch.stack([self._restore_middle(*triple) for triple in triples], dim=1)

    def align(self, reference: Tensor, supporting: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Warp a frame to another.

        Args:
            reference: frame to warp to, (N, 3, H, W).
            supporting: frame of the same shape that is warped to ``reference``.

        Returns:
            The warped frame, zero where the flow points outside; the flow (N, 2, H, W) from reference to supporting,
            px; and the mask (N, 1, H, W), 1 where the flow points into the picture.
        """
        with torch.autocast(
            reference.device.type, enabled=False
        ):  # in 16 bits the flow would be wrong by part of a pixel
            flow = self.flow_net["moduleNetwork"](at_full_precision(reference), at_full_precision(supporting))
        mask = inside_mask(flow)
        return warp_by_flow(supporting, flow, padding_mode="border") * mask, flow, mask

    def _restore_middle(self, before: Tensor, middle: Tensor, after: Tensor) -> Tensor:
        """Restore the middle one of three frames; (N, 3, H, W)."""
        warped_before, _, mask_before = self.align(middle, before)
        warped_after, _, mask_after = self.align(middle, after)
        prior = sharpness_prior(middle, (warped_before, warped_after), mask_before * mask_after)
        result = self.recons_net(torch.cat((warped_before, middle, warped_after, prior), dim=1))
        return self.completed(result, middle)


NETWORK = Network(
    CDVDTSP,
    CDVDTSP.spec,
    presets={"tiny": {"n_feat": 4, "n_resblock": 1}},  # the PWC-Net inside it has no smaller size: 9.4 M parameters
    signature=("recons_net.inBlock.0.0.weight", "flow_net.moduleNetwork.moduleRefiner.moduleMain.0.weight"),
)
