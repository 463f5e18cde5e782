"""BasicVSR++ and ESTRNN with flow from outside: sharp neighbours reach blurry frames, and the rest stays as it was."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hvdbench.methods.building import build_network, flow_of_pictures
from hvdbench.networks.basicvsrpp import BasicVSRPlusPlus
from hvdbench.networks.layers.neighbour_blend import REACH, FrameBlend, NeighbourBlend


def texture(side: int = 64) -> Tensor:
    """Smooth noise, (1, 3, side, side)."""
    noise = torch.rand(1, 3, side // 4, side // 4, generator=torch.Generator().manual_seed(0))
    return functional.interpolate(noise, size=(side, side), mode="bicubic").clamp(0, 1)


def blurred(picture: Tensor) -> Tensor:
    return functional.avg_pool2d(functional.pad(picture, (4, 4, 4, 4), mode="replicate"), 9, 1)


def clip_with_sharp(frame: int, frames: int = 5) -> tuple[Tensor, Tensor]:
    """A still clip in which one frame is sharp, (1, T, 3, 64, 64), and that frame."""
    sharp = texture()
    pictures = [sharp if i == frame else blurred(sharp) for i in range(frames)]
    return torch.stack(pictures, 1), sharp


def small() -> torch.nn.Module:
    return build_network("basicvsrpp@small", {}).eval().requires_grad_(False)


def test_a_blurry_frame_takes_over_what_a_sharp_neighbour_shows():
    clip, sharp = clip_with_sharp(2)
    restored = small()(clip)
    before, after = ((picture - sharp).abs().mean() for picture in (clip[:, 1], restored[:, 1]))
    assert after < 0.5 * before
    assert (restored[:, 2] - sharp).abs().mean() < 0.1 * before


def test_frames_out_of_reach_do_not_take_part():
    clip, _ = clip_with_sharp(REACH + 1)
    torch.testing.assert_close(small()(clip)[:, 0], clip[:, 0], atol=1e-3, rtol=0)


def test_a_neighbour_whose_flow_does_not_lead_back_is_left_out():
    clip, _ = clip_with_sharp(2)
    network = small()
    network.given_flow = lambda a, b: torch.full((len(a), 2, *a.shape[-2:]), 5.0)
    before = (clip[:, 1] - texture()).abs().mean()
    assert (network(clip)[:, 1] - clip[:, 1]).abs().mean() < 0.05 * before


def test_it_starts_at_the_identity_and_learns_from_there():
    network = build_network("basicvsrpp@small", {})
    network.start_at_identity()
    clip, sharp = clip_with_sharp(1, frames=3)
    torch.testing.assert_close(network(clip), clip, atol=1e-6, rtol=0)
    (network(clip) - sharp[:, None]).abs().mean().backward()
    assert network.blend.strength.grad < 0


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_clips_of_any_length_are_restored(frames):
    clip = torch.rand(2, frames, 3, 24, 32)
    assert small()(clip).shape == clip.shape


def test_the_flow_is_that_of_dis_in_px_with_x_first():
    wide = texture(80)
    flow = flow_of_pictures(wide[..., 8:72, 8:72], wide[..., 8:72, 5:69])  # the picture moves 3 px to the right
    torch.testing.assert_close(flow.mean((0, 2, 3)), torch.tensor([3.0, 0.0]), atol=0.2, rtol=0)


def test_without_a_flow_it_says_what_is_missing():
    network = BasicVSRPlusPlus(8, 1, flow="given", full_size_channels=8)
    with pytest.raises(ValueError, match="given_flow is not set"):
        network(torch.rand(1, 2, 3, 16, 16))


def test_estrnn_blends_the_same_frames_in_its_own_colours_and_goes_on_from_its_state():
    clip, sharp = clip_with_sharp(2)
    network = build_network("estrnn@small", {}).eval().requires_grad_(False)
    bgr = clip.flip(2) - 0.5
    restored = network(bgr)
    before, after = ((picture - sharp).abs().mean() for picture in (clip[:, 1], (restored[:, 1] + 0.5).flip(1)))
    assert after < 0.5 * before
    first, state = network.forward_from(bgr[:, :3], None, is_end=False)
    rest, _ = network.forward_from(bgr[:, 3:], state, is_end=True)
    torch.testing.assert_close(torch.cat((first, rest), 1), restored, atol=1e-6, rtol=0)
    network.start_at_identity()
    torch.testing.assert_close(network(bgr), bgr, atol=1e-6, rtol=0)


def still(blend: NeighbourBlend, frame: Tensor, neighbour: Tensor, cue: Tensor | None = None) -> Tensor:
    """Return what a blend makes of a frame and one neighbour that nothing moves between."""
    flow = torch.zeros(1, 2, *frame.shape[-2:])
    return frame + blend(frame, [(1, neighbour, flow, flow)], cue)


def test_a_blend_of_wide_places_takes_the_sharper_frame_and_hardly_touches_a_sharp_one():
    sharp = texture()
    blend = FrameBlend().requires_grad_(False)
    before, after = ((made - sharp).abs().mean() for made in (blurred(sharp), still(blend, blurred(sharp), sharp)))
    assert after < 0.1 * before
    spoilt = (still(blend, sharp, blurred(sharp)) - sharp).abs().mean()
    assert spoilt < 0.02 * before


def test_a_small_flat_place_does_not_decide_which_frame_is_sharper():
    """Inside 7 px of one place the blurry frame has more contrast, by chance; the frame around it has less."""
    sharp, soft = texture(), blurred(texture())
    soft[..., 28:36, 28:36] = sharp[..., 28:36, 28:36]
    sharp[..., 28:36, 28:36] = sharp[..., 28:36, 28:36].mean()
    wide, near = (made.contrast(sharp, soft)[..., 32, 32] for made in (FrameBlend(), NeighbourBlend()))
    assert float(near) < 0 < float(wide)


def test_the_correction_of_a_blend_sees_the_cue_that_it_is_given():
    sharp = texture()
    blend = FrameBlend(cues=1)
    torch.nn.init.normal_(blend.weigh[-1].weight, generator=torch.Generator().manual_seed(1))
    found = [still(blend, blurred(sharp), sharp, torch.full((1, 1, 64, 64), value)) for value in (0.0, 1.0)]
    assert not torch.allclose(*found)
    assert FrameBlend().weigh[0].weight.shape[1] == blend.weigh[0].weight.shape[1] - 1


def test_weights_of_the_other_blend_are_refused_though_their_shapes_fit():
    with pytest.raises(RuntimeError, match="compares_wide_places"):
        FrameBlend().load_state_dict(NeighbourBlend().state_dict())
