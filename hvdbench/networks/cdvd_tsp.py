"""CDVD-TSP: cascaded deblurring with a temporal sharpness prior (Pan et al., CVPR 2020; arXiv:2004.02501).

Parameter names are those of the published checkpoints.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvdbench.networks.layers.blocks import at_full_precision, warp_by_flow
from hvdbench.networks.layers.identity import FrameAdding
from hvdbench.networks.layers.neighbour_blend import FrameBlend
from hvdbench.networks.layers.temporal_sharpness import PriorForm, sharpness_prior
from hvdbench.networks.network import Network
from hvdbench.networks.pwc_net import PWCNet, inside_mask
from hvdbench.networks.spec import NetworkSpec

_KERNEL = 5
_SCALE = 4
_STAGES = 2
_AGAINST_NEIGHBOURS = -2.0  # two stages would blend sharp frames twice; chosen on validation clips, before any training


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

    def __init__(self, channels: int, blocks: int, *, has_prior: bool = True) -> None:
        """Build the network.

        Args:
            channels: width at full size; it doubles where the size halves, twice.
            blocks: residual blocks in each of the six parts.
            has_prior: whether a tenth channel of the input is the prior.
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

        self.inBlock = down(3 * 3 + has_prior, channels, 1)
        self.encoder_first = down(channels, 2 * channels, 2)
        self.encoder_second = down(2 * channels, 4 * channels, 2)
        self.decoder_second = up(4 * channels)
        self.decoder_first = up(2 * channels)
        last = nn.Conv2d(channels, 3, _KERNEL, padding=_KERNEL // 2)
        self.outBlock = nn.Sequential(*stack(channels), last)

    def forward(self, aligned: Tensor) -> Tensor:
        """Restore the middle frame; (N, 10, H, W), or 9 without a prior, H and W multiples of 4, to (N, 3, H, W)."""
        full = self.inBlock(aligned)  # (N, C, H, W)
        half = self.encoder_first(full)  # (N, 2C, H/2, W/2)
        quarter = self.encoder_second(half)  # (N, 4C, H/4, W/4)
        half = self.decoder_second(quarter) + half
        return self.outBlock(self.decoder_first(half) + full)


class CDVDTSP(FrameAdding):
    """Restore each frame from its aligned neighbours, then once more from the restored ones, with the same weights.

    It takes RGB in [0, 1]; a frame depends on two frames before and two after. The default size has 16 187 045
    parameters. Keys are those of a published checkpoint.

    The published code returns no result for the first and last two frames; here the clip is extended at both ends. On
    PyTorch 1.3 and later it also samples differently than when its weights were trained; here it samples as it did
    then.

    Attributes:
        given_flow: function of two batches of pictures that returns the flow from the first to the second, which
            whoever builds the network sets; it is called where ``flow`` is ``given``.
        prior_as_meant: None for the published prior. True where the prior is that of Eqs. 10 and 11. The value is a
            buffer, so that a weight file contains it, and loading weights makes the network one of their kind.
    """

    spec = NetworkSpec(size_multiple=_SCALE, min_size_px=_SCALE, context_frames=_STAGES)
    prior_as_meant: Tensor | None

    def __init__(
        self,
        n_feat: int = 32,
        n_resblock: int = 3,
        *,
        stages: int = _STAGES,
        prior: PriorForm | Literal["none"] = "published",
        flow: Literal["pwc_net", "given"] = "pwc_net",
        flow_width: float = 1.0,
        trains_flow: bool = True,
        ends: Literal["repeat", "published"] = "repeat",
        blends: bool = False,
    ) -> None:
        """Build the network with random weights.

        Args:
            n_feat: width of the reconstruction at full size.
            n_resblock: residual blocks in each of its parts.
            stages: how often each frame is restored, with the same weights: 2 as published, or 1.
            prior: form of the temporal sharpness prior; ``none`` leaves its channel out.
            flow: ``pwc_net`` estimates flow with a PWC-Net inside the network; ``given`` takes it from
                :attr:`given_flow`, and nothing of it is trained.
            flow_width: share of the published widths that the PWC-Net has.
            trains_flow: whether the PWC-Net is trained too.
            ends: how a clip is extended by a frame for each stage at both ends: ``repeat`` repeats the first and the
                last frame; ``published`` repeats the first two and the last two in their order, as the published code
                does with its option ``--border``.
            blends: whether each frame is also blended with its neighbours (:class:`FrameBlend`, ours). The network
                then starts as that blend alone, because its last layer is zero and its result is added to the frame.

        Raises:
            ValueError: if an argument has another value than those named here.
        """
        super().__init__()
        for name, value, known in (
            ("stages", stages, (1, 2)),
            ("prior", prior, ("meant", "published", "none")),
            ("flow", flow, ("pwc_net", "given")),
            ("ends", ends, ("repeat", "published")),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, not {value!r}")
        self.stages, self.ends, self.trains_flow = stages, ends, trains_flow
        self.has_prior = prior != "none"
        self.given_flow: Callable[[Tensor, Tensor], Tensor] | None = None
        self.flow_net = nn.ModuleDict({"moduleNetwork": PWCNet(flow_width)}) if flow == "pwc_net" else None
        self.recons_net = Reconstructor(n_feat, n_resblock, has_prior=self.has_prior)
        self.register_buffer("prior_as_meant", torch.ones((), dtype=torch.bool) if prior == "meant" else None)
        frozen = () if trains_flow or self.flow_net is None else ("flow_net",)
        self.spec = dataclasses.replace(CDVDTSP.spec, context_frames=stages, frozen=frozen)
        self._returns_stages = False
        self.blend = FrameBlend(cues=int(self.has_prior)) if blends else None
        if self.blend is not None:
            self.add_frame(self.recons_net.outBlock[-1])
            last = self.blend.weigh[-1]
            assert isinstance(last, nn.Conv2d)
            assert last.bias is not None
            nn.init.constant_(last.bias, _AGAINST_NEIGHBOURS)

    def start_at_identity(self) -> None:
        """Make an untrained network return its frames, as a sum of each frame and a zero."""
        self.add_frame(self.recons_net.outBlock[-1])
        if self.blend is not None:
            self.blend.start_at_identity()

    @contextmanager
    def returning_stages(self) -> Iterator[None]:
        """Let the network return what a training compares, while the block runs.

        A clip of ``2 * stages + 1`` frames is then not extended. The result is (N, K, 3, H, W): the outputs of the
        first stage for all frames but the ends, followed, with two stages, by that of the second for the middle frame;
        K is 1 with one stage and 4 with two.
        """
        self._returns_stages = True
        try:
            yield
        finally:
            self._returns_stages = False

    def forward(self, clip: Tensor) -> Tensor:
        """Restore a clip (N, T, 3, H, W), RGB in [0, 1]; the result has the same shape and is not clamped.

        Raises:
            ValueError: if the clip has another shape, or H or W is not a multiple of 4.
        """
        if clip.dim() != 5 or clip.shape[2] != 3 or clip.shape[-1] % _SCALE or clip.shape[-2] % _SCALE:
            raise ValueError(
                f"CDVD-TSP takes clips (N, T, 3, H, W) with H and W multiples of {_SCALE}, not {tuple(clip.shape)}"
            )
        if self._returns_stages:
            return self._all_stages(clip)
        last, count = clip.shape[1] - 1, self.stages
        in_order = self.ends == "published"
        before = [min(place, last) if in_order else 0 for place in range(count)]
        after = [max(0, last - count + 1 + place) if in_order else last for place in range(count)]
        clip = torch.cat((clip[:, before], clip, clip[:, after]), dim=1)  # (N, T + 2 * stages, 3, H, W)
        for _ in range(self.stages):
            clip = self.restore_inner(clip)
        return clip

    def _all_stages(self, clip: Tensor) -> Tensor:
        """Return the outputs of all stages for a clip of just enough frames, (N, K, 3, H, W).

        Raises:
            ValueError: if the clip has another number of frames.
        """
        if clip.shape[1] != 2 * self.stages + 1:
            raise ValueError(f"{self.stages} stages are trained on {2 * self.stages + 1} frames, not {clip.shape[1]}")
        found = []
        for _ in range(self.stages):
            triples = (clip[:, :-2], clip[:, 1:-1], clip[:, 2:])  # each (N, T-2, 3, H, W)
            restored = self._restore_middle(*(frames.flatten(0, 1) for frames in triples))
            clip = restored.unflatten(0, triples[0].shape[:2])
            found.append(clip)
        return torch.cat(found, dim=1)

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

        Raises:
            ValueError: if the flow is to be given, but :attr:`given_flow` is not set.
        """
        with torch.autocast(
            reference.device.type, enabled=False
        ):  # in 16 bits the flow would be wrong by part of a pixel
            flow = self._flow(at_full_precision(reference), at_full_precision(supporting))
        mask = inside_mask(flow)
        return warp_by_flow(supporting, flow, padding_mode="border") * mask, flow, mask

    def _flow(self, reference: Tensor, supporting: Tensor) -> Tensor:
        """Return the flow from reference to supporting, (N, 2, H, W) px."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.trains_flow and self.flow_net is not None):
            if self.flow_net is not None:
                flow: Tensor = self.flow_net["moduleNetwork"](reference, supporting)
                return flow
            if self.given_flow is None:
                raise ValueError("flow is 'given', but given_flow is not set to a function of two batches of pictures")
            return self.given_flow(reference.detach(), supporting.detach())

    def prior(self, middle: Tensor, neighbours: tuple[Tensor, Tensor], masks: tuple[Tensor, Tensor]) -> Tensor:
        """Return the prior (N, 1, H, W) of a frame and its warped neighbours, in the form that the weights know."""
        form: PriorForm = "published" if self.prior_as_meant is None else "meant"
        return sharpness_prior(middle, neighbours, masks, form)

    def _restore_middle(self, before: Tensor, middle: Tensor, after: Tensor) -> Tensor:
        """Restore the middle one of three frames; (N, 3, H, W)."""
        warped_before, flow_before, mask_before = self.align(middle, before)
        warped_after, flow_after, mask_after = self.align(middle, after)
        parts = [warped_before, middle, warped_after]
        prior = None
        if self.has_prior:
            prior = self.prior(middle, (warped_before, warped_after), (mask_before, mask_after))
            parts.append(prior)
        restored = self.completed(self.recons_net(torch.cat(parts, dim=1)), middle)
        if self.blend is None:
            return restored
        forth = ((before, flow_before), (after, flow_after))
        neighbours = [(1, frame, flow, self._flow(frame, middle)) for frame, flow in forth]
        return restored + self.blend(middle, neighbours, prior)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        marked = f"{prefix}prior_as_meant" in state_dict
        device = next(self.parameters()).device
        self.prior_as_meant = torch.ones((), dtype=torch.bool, device=device) if marked else None
        super()._load_from_state_dict(state_dict, prefix, *rest)


NETWORK = Network(
    CDVDTSP,
    CDVDTSP.spec,
    presets={
        "tiny": {"n_feat": 4, "n_resblock": 1},  # with a whole PWC-Net of 9.4 M parameters
        "small": {"n_feat": 8, "n_resblock": 1, "flow_width": 0.25},
    },
    signature=("recons_net.inBlock.0.0.weight", "recons_net.outBlock.0.conv1.weight"),
)
