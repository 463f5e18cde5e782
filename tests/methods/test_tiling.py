import logging

import numpy as np
import pytest
import torch
from torch import nn

from hvdbench import catalog
from hvdbench.errors import FitError
from hvdbench.methods.inference import memory
from hvdbench.methods.inference.estimate import Estimate, duration_text
from hvdbench.methods.inference.plan import make_plan, plan_inference
from hvdbench.methods.inference.restore import restore_clip
from hvdbench.methods.inference.tiling import (
    FEATHER_PX,
    GLOBAL_CONTEXT_PX,
    blend_tiles,
    plan_tiles,
    smallest_tile,
    tile_context,
    tiled_px,
)
from hvdbench.networks.spec import NetworkSpec


class Convolutions(nn.Module):
    """Three 3x3 convolutions at half size: 8 px of context, and zeros beyond the picture's edges."""

    spec = NetworkSpec(size_multiple=2, context_px=8, context_frames=0)

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1, output_padding=1)

    def forward(self, clip):
        x = self.up(torch.relu(self.middle(torch.relu(self.down(clip.flatten(0, 1))))))
        return (clip.flatten(0, 1) + x).unflatten(0, clip.shape[:2])


class AddsMean(nn.Module):
    """Every pixel takes up some of the mean of all that the network was given: the whole picture is its context."""

    spec = NetworkSpec(context_frames=0)

    def forward(self, clip):
        return 0.7 * clip + 0.3 * clip.mean(dim=(-1, -2), keepdim=True)


def _tiled(network, clip, tile, context_px):
    height, width = clip.shape[-2:]
    tiles = plan_tiles(height, width, (tile, tile), network.spec, context_px)
    assert len(tiles) > 1
    with torch.no_grad():
        return blend_tiles(tiles, lambda t: network(clip[..., t.top : t.bottom, t.left : t.right]), height, width)


def _slope(height, width):
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((rows / height + columns / width) / 2).expand(1, 1, 3, height, width)


@pytest.mark.parametrize("tile", [64, 80, 97])
def test_tiles_change_nothing_where_the_context_is_finite(tile):
    network = Convolutions()
    clip = torch.rand(1, 2, 3, 126, 150, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = network(clip)
    tiled = _tiled(network, clip, tile, network.spec.context_px)
    assert (tiled - whole).abs().max() < 1e-3  # all over: the context lies beyond what is blended
    assert (_tiled(network, clip, tile, 0) - whole).abs().max() < (whole - clip).abs().max()


def test_the_declared_context_is_the_smallest_that_suffices_up_to_the_stride():
    network = Convolutions()
    clip = torch.rand(1, 1, 3, 64, 160, generator=torch.Generator().manual_seed(1))
    moved = clip.clone()
    moved[..., :80] = 0.5
    with torch.no_grad():
        change = (network(moved) - network(clip)).abs().amax(dim=(0, 1, 2, 3))
    reach = int(change.nonzero().max()) - 79
    assert 0 < reach <= network.spec.context_px


def test_a_clip_in_tiles_and_windows_is_the_clip():
    network = Convolutions()
    clip = np.random.default_rng(0).integers(0, 256, (7, 97, 131, 3), dtype=np.uint8)
    whole = restore_clip(network, clip).astype(int)
    tiled = restore_clip(network, clip, tile=(64, 70), window=3).astype(int)
    assert np.abs(tiled - whole).max() <= 1  # halves may round either way


@pytest.mark.parametrize(
    ("whole", "tile", "multiple", "context"), [(128, 96, 4, 8), (640, 100, 1, 20), (320, 104, 8, 32)]
)
def test_the_weights_of_tiles_sum_to_one_and_spare_the_context(whole, tile, multiple, context):
    spec = NetworkSpec(size_multiple=multiple)
    tiles = plan_tiles(whole, tile, (tile, tile), spec, context)
    total = torch.zeros(whole)
    for part in tiles:
        assert part.top % multiple == part.left % multiple == 0
        assert part.bottom - part.top <= tile
        assert part.bottom <= whole
        total[part.top : part.bottom] += part.row_weights
        if part.top:
            assert not part.row_weights[:context].any()
        if part.bottom < whole:
            assert not part.row_weights[part.bottom - part.top - context :].any()
        assert (part.row_weights >= 0).all()
    torch.testing.assert_close(total, torch.ones(whole))


def test_a_difference_between_tiles_is_spread_evenly_over_the_band():
    clip = _slope(96, 160)  # it falls from corner to corner, so that tiles have other means
    network = AddsMean()
    tiled = _tiled(network, clip, 128, GLOBAL_CONTEXT_PX)
    lefts = [tile.left for tile in plan_tiles(96, 160, (128, 128), network.spec, GLOBAL_CONTEXT_PX)]
    assert lefts == [0, 32]  # their middle is at 80, the band from 64 to 96
    slope = 0.5 / 160
    extra = 0.3 * 32 * slope  # by which the right tile is brighter
    steps = tiled[0, 0, 0, 0].diff()
    expected = torch.full((159,), 0.7 * slope)
    expected[64:95] += extra / FEATHER_PX
    expected[[63, 95]] += extra / FEATHER_PX / 2
    torch.testing.assert_close(steps, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "name",
    ["adds mean", "basicvsrpp", pytest.param("cdvd_tsp", marks=pytest.mark.slow), "estrnn", "ifirnn", "nafnet", "rvrt"],
)
def test_no_seam_shows_where_a_network_sees_the_whole_picture(name):
    torch.manual_seed(0)
    network = AddsMean() if name == "adds mean" else _tiny(name)
    picture = nn.functional.interpolate(torch.rand(1, 3, 12, 20), size=(96, 160), mode="bicubic").clamp(0, 1)
    clip = torch.stack([picture, picture.roll(2, dims=-1)], dim=1) + _slope(96, 160) / 4
    tiled = _tiled(network, clip, 128, tile_context(network.spec))
    with torch.no_grad():
        whole = network(clip)
    tiles = plan_tiles(96, 160, (128, 128), network.spec, tile_context(network.spec))
    assert [(tile.left, tile.right) for tile in tiles] == [(0, 128), (32, 160)]
    band = slice(80 - FEATHER_PX // 2 - 1, 80 + FEATHER_PX // 2 + 1)
    steps = tiled[..., 16:-16, :].diff(dim=-1).abs()
    elsewhere = torch.cat((steps[..., 16 : band.start], steps[..., band.stop : -16]), dim=-1)
    assert steps[..., band].max() <= 1.1 * elsewhere.max()
    added = (tiled - whole)[..., 16:-16, :].diff(dim=-1).abs()
    assert added.max() <= 0.1 * whole.diff(dim=-1).abs().max()


def _tiny(name):
    return catalog.resolve("network", name).build("tiny").eval()


def test_a_tile_that_is_too_small_is_refused_with_the_size_that_will_do():
    network = Convolutions()
    clip = np.zeros((1, 200, 200, 3), np.uint8)
    least = smallest_tile(network.spec, 8)
    assert least == 2 * 8 + FEATHER_PX + 2
    with pytest.raises(ValueError, match=f"must be {least} px or more"):
        restore_clip(network, clip, tile=least - 2)
    assert restore_clip(network, clip, tile=least).shape == clip.shape
    with pytest.raises(ValueError, match="0 px or more"):
        restore_clip(network, clip, tile=128, context_px=-1)


def test_tiles_larger_than_the_frame_change_nothing_to_the_bit():
    network = Convolutions()
    clip = np.random.default_rng(0).integers(0, 256, (1, 40, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(restore_clip(network, clip, tile=64), restore_clip(network, clip))


def test_the_measured_memory_is_that_of_the_tensors_that_live_together():
    class Wide(nn.Module):
        spec = NetworkSpec(context_frames=0)

        def forward(self, clip):
            wide = clip.repeat(1, 1, 10, 1, 1)  # 30 channels of 4 bytes
            return wide[:, :, :3] + 0.0

    cost = memory.measure_cost(Wide(), torch.device("cpu"), "float32")
    # Input 3 (and its flips and scalings before), 30, and the result 3, 4 bytes each.
    assert 4 * (3 + 30 + 3) <= cost.bytes_frame_px <= 4 * (3 + 30 + 3) + 12
    assert cost.bytes_px < 1


def test_the_cost_is_measured_once():
    network = Convolutions()
    first = memory.measure_cost(network, torch.device("cpu"), "float32")
    assert memory.measure_cost(network, torch.device("cpu"), "float32") is first


def test_much_memory_takes_the_clip_whole_and_little_takes_windows_then_tiles():
    network = Convolutions()
    plans = [plan_inference(network, (480, 640), frame_count=100, memory_bytes=m << 20) for m in (8000, 500, 40)]
    assert (plans[0].window, plans[0].tile) == (None, None)
    assert 4 <= plans[1].window < 100
    assert plans[1].tile is None
    assert plans[2].window == 4
    assert smallest_tile(network.spec, 8) <= plans[2].tile[0] < 480
    for plan, megabytes in zip(plans, (8000, 500, 40), strict=True):
        assert plan.estimated_bytes <= megabytes << 20
        assert plan.estimated_s > 0
    with pytest.raises(FitError, match="may be used"):
        plan_inference(network, (480, 640), frame_count=100, memory_bytes=1 << 20)


def test_a_stream_of_unknown_length_gets_a_window():
    plan = plan_inference(Convolutions(), (48, 64), memory_bytes=1 << 33)
    assert plan.window == 64
    assert plan.estimated_s is None
    longer = plan_inference(Convolutions(), (48, 64), window=128, tile=None)
    assert longer.window == 128
    assert longer.estimated_bytes > 1.5 * plan.estimated_bytes


def test_what_is_given_stays_and_the_rest_is_chosen():
    network = Convolutions()
    plan = plan_inference(network, (480, 640), frame_count=50, window=10, memory_bytes=60 << 20)
    assert plan.window == 10
    assert plan.tile is not None
    plan = plan_inference(network, (480, 640), frame_count=50, tile=128, memory_bytes=60 << 20)
    assert plan.tile == (128, 128)
    assert plan.window is None or plan.window >= 4


def test_an_automatic_plan_is_reported_and_gives_what_the_same_plan_by_hand_gives(monkeypatch, caplog):
    network = Convolutions()
    clip = np.random.default_rng(0).integers(0, 256, (9, 120, 160, 3), dtype=np.uint8)
    monkeypatch.setattr(memory, "memory_to_use", lambda device: 7 << 20)
    told = []
    with caplog.at_level(logging.INFO, "hvdbench"):
        restored = restore_clip(network, clip, window="auto", tile="auto", report=told.append)
    plan = told[0].plan
    assert plan.window is not None
    assert plan.describe() in caplog.text
    assert told[0].frame_count == 9
    assert told[0].frames_per_s > 0
    np.testing.assert_array_equal(restore_clip(network, clip, window=plan.window, tile=plan.tile), restored)


def test_a_state_that_is_carried_makes_short_windows_enough_and_its_memory_counts():
    network = _tiny("estrnn")
    plan = plan_inference(network, (480, 640), frame_count=1000, memory_bytes=2 << 30)
    assert (plan.window, plan.overlap, plan.tile, plan.carry_state) == (8, 0, None, True)
    assert plan.estimate.whole_bytes > 2 << 30
    cost = memory.measure_cost(network, torch.device("cpu"), "float32")
    # At a quarter of the size 4 channels of the recurrence and the features of 4 frames, 20 channels each.
    assert cost.state_bytes_px == 4 * (4 + 4 * 20) / 16
    left = plan_inference(network, (480, 640), frame_count=1000, window=8, carry_state=False, memory_bytes=2 << 30)
    assert left.estimated_bytes < plan.estimated_bytes
    assert left.estimated_s > plan.estimated_s
    cut = plan_inference(network, (480, 640), frame_count=1000, memory_bytes=80 << 20)
    assert cut.window == 1
    assert cut.tile[0] < 640
    assert plan_inference(network, (48, 64), frame_count=4).window is None


@pytest.mark.parametrize("tile", [64, 80, 97, 200])
def test_the_pixels_of_tiles_are_counted_without_making_them(tile):
    network = Convolutions()
    tiles = plan_tiles(126, 150, (tile, tile), network.spec, 8)
    expected = sum((part.bottom - part.top) * (part.right - part.left) for part in tiles)
    assert tiled_px(126, 150, (tile, tile), network.spec, 8) == expected


def test_an_estimate_says_what_a_run_takes_and_what_limits_it():
    estimate = Estimate((720, 1280), 300, 800 << 20, 4096 << 20, 16000 << 20, 0.8)
    assert estimate.seconds == 240
    assert estimate.describe() == (
        "300 frames of 1280x720 px: about 1.2 frames/s, 4 min 0 s, 800 MiB of the 4096 MiB that may be used "
        "(the whole clip at once would take 16000 MiB)"
    )
    stream = Estimate((720, 1280), None, 800 << 20, 400 << 20, None, 0.01)
    assert stream.seconds is None
    assert stream.describe() == (
        "a stream of 1280x720 px: about 100 frames/s, 800 MiB of the 400 MiB that may be used; "
        "it may not fit: take a shorter window or a smaller tile"
    )
    assert [duration_text(seconds) for seconds in (0.2, 59.4, 59.9, 250, 7500)] == [
        "1 s",
        "59 s",
        "1 min 0 s",
        "4 min 10 s",
        "2 h 5 min",
    ]


def test_memory_on_a_cpu_is_capped():
    assert 0 < memory.memory_to_use(torch.device("cpu")) <= 4 << 30


def test_a_plan_says_what_it_is():
    plan = make_plan(NetworkSpec(), window=12, tile=256, precision="bfloat16")
    assert plan.describe() == "windows of 12 frames, 3 of overlap, tiles of 256x256 px, bfloat16 on cpu"
