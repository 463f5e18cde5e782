"""What every network of the catalogue keeps to. Those that take no plain clip are run through a small adapter."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hvdbench import catalog
from hvdbench.errors import UnknownNameError
from hvdbench.methods.inference.restore import restore_clip
from hvdbench.networks.candidate_fusion import MIDDLE, PLANES
from hvdbench.networks.layers.blocks import warp_by_flow
from hvdbench.networks.spec import NetworkSpec, trainable_parameters


class WarpedByFlow(nn.Module):
    """Each frame fetched from the next one by the network's flow."""

    spec = NetworkSpec(context_frames=1)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        following = torch.cat((clip[:, 1:], clip[:, -1:]), dim=1).flatten(0, 1)  # (N*T, 3, H, W)
        flow = self.network(clip.flatten(0, 1), following)
        return warp_by_flow(following, flow, padding_mode="border").unflatten(0, clip.shape[:2])


class FusedWithNeighbours(nn.Module):
    """Each frame fused with the one before and the one after, unaligned."""

    spec = NetworkSpec(size_multiple=2, context_frames=1)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        before = torch.cat((clip[:, :1], clip[:, :-1]), dim=1)
        after = torch.cat((clip[:, 1:], clip[:, -1:]), dim=1)
        candidates = torch.stack((clip, before, after), dim=2).flatten(0, 1)  # (N*T, 3, 3, H, W)
        masks = torch.ones_like(candidates[:, :, :1])
        is_sharp = torch.zeros(len(candidates), 3)
        return self.network(candidates, masks, is_sharp)[0].unflatten(0, clip.shape[:2])


def _fusion() -> nn.Module:
    network = catalog.resolve("network", "fusion").build(candidates=3, channels=8, blocks=1)
    nn.init.normal_(network.last.weight, std=0.01)  # it starts at zero, which would hide the layers before
    return FusedWithNeighbours(network)


class BlendedFromNeighbours(FusedWithNeighbours):
    """Each frame as its own blend, with the frames before and after in the places of all other pictures, unaligned."""

    def forward(self, clip: Tensor) -> Tensor:
        before = torch.cat((clip[:, :1], clip[:, :-1]), dim=1)
        after = torch.cat((clip[:, 1:], clip[:, -1:]), dim=1)
        pictures = torch.cat((clip, clip, before, after, before, before, after, after), dim=2)  # (N, T, 24, H, W)
        rest = torch.full_like(pictures[:, :, :1], MIDDLE).expand(-1, -1, PLANES - pictures.shape[2], -1, -1)
        return self.network(torch.cat((pictures, rest), dim=2).flatten(0, 1)).unflatten(0, clip.shape[:2])


def _candidate_fusion() -> nn.Module:
    network = catalog.resolve("network", "candidate_fusion").build(channels=8, blocks=1)
    nn.init.normal_(network.last.weight, std=0.01)  # it starts at zero, which would hide the layers before
    return BlendedFromNeighbours(network)


def _sea_raft() -> nn.Module:
    make = catalog.resolve("network", "sea_raft").build
    return WarpedByFlow(
        make(depths=(1, 1, 1), initial_dim=8, block_dims=(8, 8, 8), dim=8, radius=1, num_blocks=1, iters=2)
    )


class OrderedByPairs(nn.Module):
    """Each frame brightened by the side of the plane that the pair of it and the next one lies on."""

    spec = NetworkSpec(min_size_px=33, context_frames=1)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        following = torch.cat((clip[:, 1:], clip[:, -1:]), dim=1).flatten(0, 1)  # (N*T, 3, H, W)
        size = [max(side, 33) for side in clip.shape[-2:]]
        pair = [nn.functional.interpolate(frames, size=size) for frames in (clip.flatten(0, 1), following)]
        sides = self.network.hyperplane(self.network.encode(*pair))  # (N*T, 1)
        return clip + 0.1 * torch.tanh(sides).view(*clip.shape[:2], 1, 1, 1)


class FlowOfOneConvolution(nn.Module):
    """Stands in for PWC-Net inside CDVD-TSP, to save time; PWC-Net has a line of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(6, 2, 3, padding=1)

    def forward(self, reference: Tensor, supporting: Tensor) -> Tensor:
        return self.conv(torch.cat((reference, supporting), dim=1))


def _tiny(name: str) -> nn.Module:
    return catalog.resolve("network", name).build("tiny")


def _cdvd_tsp() -> nn.Module:
    network = _tiny("cdvd_tsp")
    network.flow_net["moduleNetwork"] = FlowOfOneConvolution()
    return network


def _nafnet() -> nn.Module:
    network = _tiny("nafnet")
    for name, parameter in network.named_parameters():
        if name.endswith((".beta", ".gamma")):  # they start at zero, which would hide the blocks
            nn.init.normal_(parameter)
    return network


class BlurredLikeTheNext(nn.Module):
    """Each frame, blurred by the code of the blur between it and the next one."""

    spec = NetworkSpec(size_multiple=8, min_size_px=16, context_frames=1)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        frames = clip.flatten(0, 1)
        following = torch.cat((clip[:, 1:], clip[:, -1:]), dim=1).flatten(0, 1)  # (N*T, 3, H, W)
        return self.network.adapt(frames, self.network(frames, following)).unflatten(0, clip.shape[:2])


class BrightenedByPatches(nn.Module):
    """Each frame brightened where the patches around it are called real."""

    spec = NetworkSpec(min_size_px=12, context_frames=0)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        frames = clip.flatten(0, 1)
        said = nn.functional.interpolate(self.network(frames), size=frames.shape[-2:])  # (N*T, 1, H, W)
        return (frames + 0.1 * torch.tanh(said)).unflatten(0, clip.shape[:2])


class SummedOverScales(nn.Module):
    """Each frame as the mean over all scales, since the whole result does not depend on the small ones."""

    spec = NetworkSpec(size_multiple=4, min_size_px=4, context_frames=0)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        frames = clip.flatten(0, 1)
        made = [nn.functional.interpolate(x, size=frames.shape[-2:]) for x in self.network.scales(frames)]
        return torch.stack(made).mean(dim=0).unflatten(0, clip.shape[:2])


class BrightenedByMagnitude(nn.Module):
    """Each frame brightened by the magnitude of its blur."""

    spec = NetworkSpec(size_multiple=16, min_size_px=32, context_frames=0)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        return clip + self.network(clip.flatten(0, 1)).unflatten(0, clip.shape[:2])


class BlurredByDiffusion(nn.Module):
    """Each frame changed as the diffusion predicts in one of its steps, under a condition made of the frame."""

    spec = NetworkSpec(size_multiple=4, context_frames=0)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clip: Tensor) -> Tensor:
        frames = clip.flatten(0, 1)  # (N*T, 3, H, W)
        step = torch.full((len(frames),), 7)
        return clip + self.network(1 - frames, torch.cat((frames, frames), dim=1), step).unflatten(0, clip.shape[:2])


class MeanOfSequence(nn.Module):
    """Each frame as the mean of the sequence that is made of it, since no single frame depends on all weights."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.spec = NetworkSpec(size_multiple=network.size_multiple, min_size_px=network.min_size_px, context_frames=0)

    def forward(self, clip: Tensor) -> Tensor:
        height, width = clip.shape[-2:]
        over = [-side % self.network.size_multiple for side in (width, height)]
        frames = nn.functional.pad(clip.flatten(0, 1), (0, over[0], 0, over[1]), mode="replicate")
        return self.network(frames).mean(dim=1)[..., :height, :width].unflatten(0, clip.shape[:2])


class GuidedSequence(MeanOfSequence):
    """The same under a guidance of the frame's own colours, which shows in the result, as the guess of it does."""

    def forward(self, clip: Tensor) -> Tensor:
        frames = clip.flatten(0, 1)
        guidance = torch.where(frames[:, :2] > 0.5, 1.0, -1.0).to(frames)
        planes = self.network.eval().planes(torch.cat((frames, guidance), dim=1))
        guessed = torch.tanh(planes[:, 42:]).mean(dim=1, keepdim=True)  # logits of the guidance, and the divergence
        return (planes[:, :21].unflatten(1, (7, 3)).mean(dim=1) + 0.1 * guessed).unflatten(0, clip.shape[:2])


def _jin() -> nn.Module:
    network = _tiny("jin_sequence")
    with torch.no_grad():  # near the identity, since untrained its frames are noise that is normalised over the picture
        for maker in network.children():
            for parameter in (*maker.heads.parameters(), maker.last.weight):
                parameter.mul_(0.1)
    return MeanOfSequence(network)


def _id_blau() -> nn.Module:
    network = _tiny("id_blau")
    nn.init.normal_(network.model.last_layer[1].weight, std=0.05)  # it starts at zero, which would hide the layers
    return BlurredByDiffusion(network)


WITH_TINY = {name for name in catalog.names("network") if "tiny" in catalog.resolve("network", name).presets}
TINY: dict[str, Callable[[], nn.Module]] = {name: partial(_tiny, name) for name in WITH_TINY} | {
    "bme": lambda: BrightenedByMagnitude(_tiny("bme")),
    "candidate_fusion": _candidate_fusion,
    "cdvd_tsp": _cdvd_tsp,
    "fusion": _fusion,
    "id_blau": _id_blau,
    "jin_sequence": _jin,
    "purohit_sequence": lambda: MeanOfSequence(_tiny("purohit_sequence")),
    "zhong_sequence": lambda: GuidedSequence(_tiny("zhong_sequence")),
    "hypercut": lambda: OrderedByPairs(catalog.resolve("network", "hypercut").build(out_dim=8)),
    "kernel_wizard": lambda: BlurredLikeTheNext(_tiny("kernel_wizard")),
    "mimo_unet": lambda: SummedOverScales(_tiny("mimo_unet")),
    "nafnet": _nafnet,
    "patch_gan": lambda: BrightenedByPatches(_tiny("patch_gan")),
    "pwc_net": lambda: WarpedByFlow(catalog.resolve("network", "pwc_net").build()),
    "sea_raft": _sea_raft,
    "spynet": lambda: WarpedByFlow(catalog.resolve("network", "spynet").build()),
}


BOTH_WAYS = {"basicvsrpp", "rvrt"}  # through the whole clip, so that windows must overlap and differ a little


@pytest.fixture(scope="module", params=sorted(TINY))
def make(request):
    torch.manual_seed(0)
    return TINY[request.param]


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).integers(0, 256, (5, 97, 131, 3), dtype=np.uint8)


def test_a_preset_holds_arguments_and_those_of_the_caller_come_first():
    estrnn = catalog.resolve("network", "estrnn")
    assert estrnn.arguments_of("tiny") == {"n_features": 4, "n_blocks": 1}
    assert estrnn.arguments_of(None) == {}
    assert (estrnn.build("tiny").n_features, estrnn.build("tiny", n_features=6).n_features) == (4, 6)
    with pytest.raises(UnknownNameError, match=r"network ESTRNN has no preset 'tny' \(known: small, tiny\)"):
        estrnn.build("tny")
    with pytest.raises(UnknownNameError, match=r"network SPyNet has no preset 'tiny' \(known: none\)"):
        catalog.resolve("network", "spynet").build("tiny")


@pytest.mark.parametrize("name", catalog.names("network"))
def test_a_network_says_of_itself_what_its_module_declares(name):
    network = catalog.resolve("network", name)
    with torch.device("meta"):
        made = network.build()
    assert network.spec == getattr(made, "spec", None)
    assert network.restores_clips == (network.spec is not None)


def test_a_tiny_network_is_far_smaller_than_its_default():
    for name in ("basicvsrpp", "estrnn", "nafnet"):
        with torch.device("meta"):
            pair = _tiny(name), catalog.resolve("network", name).build()
        tiny, default = (sum(parameter.numel() for parameter in network.parameters()) for network in pair)
        assert tiny < default / 4, name


def test_every_network_of_the_catalogue_has_a_tiny_instance():
    assert sorted(TINY) == catalog.names("network")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_clips_of_odd_size_keep_their_shape(make, frames, count):
    restored = restore_clip(make(), frames[:count], looks_at_range=False)  # untrained, it may leave the range
    assert restored.shape == (count, 97, 131, 3)
    assert restored.dtype == np.uint8


@pytest.mark.parametrize("size", ["smallest", "one pixel more"])
def test_a_clip_at_the_least_that_a_network_declares_is_restored(make, frames, size):
    network = make().eval()
    spec = network.spec
    side = max(spec.min_size_px, spec.size_multiple)
    with torch.no_grad():
        smallest = network(torch.rand(1, spec.min_frames, 3, side, side))
    assert smallest.shape == (1, spec.min_frames, 3, side, side)
    assert torch.isfinite(smallest).all()
    if size == "one pixel more":
        clip = frames[: spec.min_frames, : side + 1, : side + 1]
        assert restore_clip(network, clip).shape == clip.shape


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", sorted(WITH_TINY))
def test_sixteen_bits_give_nearly_the_same_frames_or_fall_back(name, frames, precision):
    torch.manual_seed(0)
    network = TINY[name]()
    clip = frames[:2, :48, :64]
    told = []
    restored = restore_clip(network, clip, precision=precision, report=told.append).astype(int)
    expected = restore_clip(network, clip).astype(int)
    if told[0].plan.precision == "float32":
        np.testing.assert_array_equal(restored, expected)
    else:
        assert np.abs(restored - expected).mean() < 1.5


@pytest.mark.parametrize("name", sorted(WITH_TINY))
def test_tiles_and_windows_restore_every_pixel_of_an_odd_size(name, frames):
    torch.manual_seed(0)
    network = TINY[name]()
    clip = frames[:4, :, :113]
    whole = restore_clip(network, clip).astype(int)
    cut = restore_clip(network, clip, window=3, overlap=1, tile=(128, 104), context_px=16).astype(int)
    assert np.abs(cut - whole).mean() < 20  # a tile left out would be off by 100 and more


def _largest_difference(network, frames, **cut):
    """Between the clip in one go and cut up, of the range; 16 bits show what 8 would round off."""
    fine = frames.astype(np.uint16) * 257
    whole, found = restore_clip(network, fine), restore_clip(network, fine, **cut)
    return np.abs(found.astype(int) - whole).max() / 65535


@pytest.mark.parametrize("name", sorted(WITH_TINY - BOTH_WAYS))
def test_windows_are_the_whole_clip_where_the_context_is_finite_or_the_state_is_carried(name, frames):
    torch.manual_seed(0)
    network = TINY[name]()
    context = network.spec.context_frames
    clip = np.concatenate((frames, frames[::-1]))[:7, :40, :48]
    for window in (1, 2, 3, 6) if context is None else (2 * context + 1, 2 * context + 2):
        assert _largest_difference(network, clip, window=window) < 1e-4, window


def test_networks_without_a_finite_context_carry_a_state_or_run_both_ways():
    found = {name for name in WITH_TINY if TINY[name]().spec.context_frames is None}
    carrying = {name for name in found if TINY[name]().spec.carries_state}
    assert carrying >= {"estrnn", "ifirnn"}
    assert found - carrying == BOTH_WAYS


@pytest.mark.parametrize("name", ["estrnn", "ifirnn"])
def test_a_state_is_carried_in_every_tile(name, frames):
    torch.manual_seed(0)
    network = TINY[name]()
    clip = frames[:4, :40, :113].astype(np.uint16) * 257
    cut = {"tile": (40, 104), "context_px": 16}
    whole, found = restore_clip(network, clip, **cut), restore_clip(network, clip, window=2, **cut)
    assert np.abs(found.astype(int) - whole).max() < 1e-4 * 65535


def test_a_state_dict_carries_the_whole_network(make, frames):
    network, other = make(), make()
    clip = frames[:3, :40, :48]
    before = restore_clip(network, clip)
    assert not np.array_equal(restore_clip(other, clip), before)
    other.load_state_dict(network.state_dict(), strict=True)
    np.testing.assert_array_equal(restore_clip(other, clip), before)


def test_every_trainable_parameter_gets_a_finite_gradient_that_is_not_zero(make):
    network = make().train()
    torch.manual_seed(1)
    for parameter in network.parameters():
        if not parameter.any():  # layers that start at zero hide those before them
            nn.init.normal_(parameter, std=0.02)
    clip = torch.rand(1, 4, 3, 48, 64)  # the second order of BasicVSR++ shows from the third frame on
    (network(clip) - clip.roll(1, dims=-1)).square().mean().backward()
    trainable = trainable_parameters(network)
    assert trainable
    for name, parameter in trainable:
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_the_same_clip_gives_the_same_bytes(make, frames):
    network = make()
    first, second = (restore_clip(network, frames[:2], looks_at_range=False) for _ in range(2))
    np.testing.assert_array_equal(first, second)
