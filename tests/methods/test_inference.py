import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hvdbench.errors import FitError, InputError
from hvdbench.methods.inference.plan import make_plan
from hvdbench.methods.inference.restore import restore_clip, restore_stream
from hvdbench.methods.inference.windows import plan_windows, stream_parts, stream_windows
from hvdbench.networks.spec import NetworkSpec, trainable_parameters


class Identity(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.inner = nn.Dropout(0.5)
        self.seen = []

    def forward(self, clip):
        assert not torch.is_grad_enabled()
        self.seen.append(clip)
        return self.inner(clip)


class NeighbourMean(nn.Module):
    """Mean of two frames back, the frame and two ahead, weighted; the ends repeat."""

    spec = NetworkSpec(context_frames=2)

    def forward(self, clip):
        padded = torch.cat((clip[:, :1], clip[:, :1], clip, clip[:, -1:], clip[:, -1:]), dim=1)
        count = clip.shape[1]
        return sum(share * padded[:, i : i + count] for i, share in enumerate((0.1, 0.2, 0.4, 0.1, 0.2)))


class Echo(nn.Module):
    """Half of the frame after, and half of a mean of all before that fades; results come a frame late."""

    spec = NetworkSpec(carries_state=True)

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, clip):
        return self.forward_from(clip, None, is_end=True)[0]

    def forward_from(self, clip, state, *, is_end):
        self.seen.append(clip.shape[1])
        mean, restored = (None, []) if state is None else (state[0], [])
        for frame in (*clip.unbind(1), *([clip[:, -1]] if is_end else [])):
            if mean is not None:
                restored.append((mean + frame) / 2)
            mean = frame if mean is None else 0.7 * mean + 0.3 * frame
        return torch.stack(restored, dim=1) if restored else clip[:, :0], (mean,)


def _clip(frames, height=97, width=131):
    return np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


SPECS = {
    "plain": NetworkSpec(),
    "multiple of 4": NetworkSpec(size_multiple=4, min_frames=4),
    "at least 256": NetworkSpec(size_multiple=8, min_size_px=250),
    "estrnn": NetworkSpec(size_multiple=4, channel_order="bgr", value_range=(-0.5, 0.5)),
    "0 to 255": NetworkSpec(size_multiple=32, value_range=(0, 255)),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
@pytest.mark.parametrize("frames", [1, 5])
def test_a_network_that_changes_nothing_gives_the_same_frames(spec, frames):
    clip = _clip(frames)
    clip.flags.writeable = False
    network = Identity(spec)
    np.testing.assert_array_equal(restore_clip(network, clip), clip)
    _, count, _, height, width = network.seen[0].shape
    assert height % spec.size_multiple == width % spec.size_multiple == 0
    assert min(height, width) >= spec.min_size_px
    assert count >= spec.min_frames


def test_all_levels_survive_the_way_there_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    for spec in SPECS.values():
        np.testing.assert_array_equal(restore_clip(Identity(spec), levels), levels)


def test_a_network_gets_the_order_and_range_it_asks_for():
    frames = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    frames[..., 0] = 255  # red
    network = Identity(NetworkSpec(channel_order="bgr", value_range=(-0.5, 0.5)))
    restore_clip(network, frames)
    assert network.seen[0][0, 0, :, 0, 0].tolist() == [-0.5, -0.5, 0.5]
    assert network.seen[0].dtype == torch.float32


def test_the_padding_mirrors_and_repeats_where_it_cannot():
    network = Identity(NetworkSpec(size_multiple=4))
    frames = _clip(1, height=6, width=1)
    restore_clip(network, frames)
    seen = (network.seen[0][0, 0, 0] * 255).round()
    column = frames[0, :, 0, 0].tolist()
    assert seen[:, 0].tolist() == [*column, column[4], column[3]]
    assert (seen == seen[:, :1]).all()


def test_halves_round_up_and_values_outside_are_clamped():
    class Shift(Identity):
        def forward(self, clip):
            return clip + self.shift

    network = Shift(NetworkSpec(value_range=(0, 255)))
    frames = np.array([0, 100, 255], dtype=np.uint8).reshape(1, 1, 1, 3)
    for shift, expected in ((0.5, [1, 101, 255]), (0.25, [0, 100, 255]), (-0.75, [0, 99, 254])):
        network.shift = shift
        assert restore_clip(network, frames).reshape(3).tolist() == expected


@pytest.mark.parametrize("window", [5, 6, 9, 12, 40])
def test_windows_change_nothing_where_the_context_is_finite(window):
    clip = _clip(12, 8, 10)
    np.testing.assert_array_equal(
        restore_clip(NeighbourMean(), clip, window=window), restore_clip(NeighbourMean(), clip)
    )


def test_windows_bound_the_frames_handed_over_and_tell_progress():
    network = Identity(NetworkSpec())
    told = []
    clip = _clip(20, 8, 8)
    restored = restore_clip(network, clip, window=8, progress=lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(restored, clip)
    assert {seen.shape[1] for seen in network.seen} == {8}
    assert told == [(6, 20), (10, 20), (14, 20), (20, 20)]  # 2 frames of overlap by default


@pytest.mark.parametrize(("frames", "window", "overlap"), [(1, 4, 1), (10, 10, 3), (10, 3, 1), (11, 7, 2), (100, 9, 0)])
def test_windows_keep_each_frame_once_with_context_on_both_sides(frames, window, overlap):
    windows = plan_windows(frames, window, overlap)
    kept = [frame for _, _, first, last in windows for frame in range(first, last)]
    assert kept == list(range(frames))
    for start, stop, first, last in windows:
        assert stop - start == min(window, frames)
        assert start == 0 or first - start >= overlap
        assert stop == frames or stop - last >= overlap


def test_a_window_without_a_centre_is_refused():
    with pytest.raises(ValueError, match="keeps no frame"):
        restore_clip(Identity(NetworkSpec()), _clip(9, 8, 8), window=4, overlap=2)
    with pytest.raises(ValueError, match="choose a window over 4"):
        restore_clip(NeighbourMean(), _clip(9, 8, 8), window=4)
    with pytest.raises(ValueError, match="too short for this network"):
        restore_clip(Identity(NetworkSpec(min_frames=5)), _clip(9, 8, 8), window=4)


def test_the_training_mode_of_each_part_comes_back_even_after_an_error():
    class Fails(Identity):
        def forward(self, clip):
            assert not self.inner.training
            raise RuntimeError("no memory")

    network = Fails(NetworkSpec()).train()
    network.frozen = nn.Dropout(0.5).eval()
    with pytest.raises(RuntimeError, match="no memory"):
        restore_clip(network, _clip(1, 8, 8))
    assert network.training
    assert network.inner.training
    assert not network.frozen.training


def test_results_that_are_no_numbers_or_another_shape_are_refused():
    class Bad(Identity):
        def forward(self, clip):
            return self.change(clip)

    network = Bad(NetworkSpec())
    network.change = lambda clip: clip / 0 * 0
    with pytest.raises(FitError, match="not finite"):
        restore_clip(network, _clip(1, 8, 8))
    network.change = lambda clip: clip[:, 1:]
    with pytest.raises(ValueError, match="the shape must stay the same"):
        restore_clip(network, _clip(3, 8, 8))


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 8, 8, 3)),
        np.zeros((2, 8, 8, 3), np.int16),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
    ],
)
def test_other_arrays_than_frames_are_refused(frames):
    with pytest.raises(ValueError, match="frames must be"):
        restore_clip(Identity(NetworkSpec()), frames)


def test_a_spec_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="1 or more"):
        NetworkSpec(size_multiple=0)
    with pytest.raises(ValueError, match="must be below the second"):
        NetworkSpec(value_range=(1, 1))
    with pytest.raises(ValueError, match="0 or more"):
        NetworkSpec(context_px=-1)
    with pytest.raises(ValueError, match="single frames"):
        NetworkSpec(carries_state=True, min_frames=2)


@pytest.mark.parametrize(
    ("frames", "window", "overlap"), [(1, 4, 1), (4, 4, 1), (5, 4, 1), (10, 3, 1), (11, 7, 2), (30, 9, 0), (12, 5, 2)]
)
def test_a_stream_is_cut_into_the_windows_of_a_clip_and_holds_no_more_than_one_frame_beyond(frames, window, overlap):
    clip = _clip(frames, 2, 2)
    given = []

    def come():
        for frame in clip:
            given.append(frame)
            yield frame

    found = []
    for part in stream_windows(come(), window, overlap):
        assert len(given) <= part.start + window + 1
        np.testing.assert_array_equal(part.frames, clip[part.start : part.start + len(part.frames)])
        found.append((part.start, part.start + len(part.frames), part.first, part.last))
        assert part.is_end == (part.last == frames)
    assert found == plan_windows(frames, window, overlap)


def test_parts_follow_one_another_and_hold_no_more_than_one_frame_beyond():
    clip = _clip(7, 2, 2)
    given = []
    found = []
    for part in stream_parts((given.append(0) or frame for frame in clip), 3):
        np.testing.assert_array_equal(part.frames, clip[part.start : part.last])
        assert part.first == part.start
        assert len(given) <= part.last + 1
        found.append((part.start, part.last, part.is_end))
    assert found == [(0, 3, False), (3, 6, False), (6, 7, True)]
    assert [part.is_end for part in stream_parts(clip[:6], 3)] == [False, True]


@pytest.mark.parametrize("window", [1, 2, 5, 8, 40])
def test_with_its_state_carried_a_network_restores_windows_as_one_clip(window):
    clip, network, told = _clip(8, 8, 10), Echo(), []
    whole = restore_clip(network, clip)
    np.testing.assert_array_equal(restore_clip(network, clip, window=window), whole)
    assert sum(network.seen) == 16  # each frame goes in once
    plan = make_plan(network.spec, window=window)
    assert (plan.carry_state, plan.overlap) == (True, 0)
    np.testing.assert_array_equal(list(restore_stream(network, iter(clip), plan, report=told.append)), whole)
    assert told[0].frame_count == 8
    assert list(restore_stream(network, iter(()), plan)) == []


def test_a_state_belongs_to_its_tile():
    clip, network = _clip(4, 8, 150), Echo()
    whole = restore_clip(network, clip).astype(int)
    tiled = restore_clip(network, clip, window=1, tile=(8, 100), context_px=4)
    assert np.abs(tiled - whole).max() <= 1  # halves may round either way


def test_windows_overlap_where_the_state_is_left_or_an_overlap_is_given():
    network = Echo()
    for choice in ({"carry_state": False}, {"overlap": 2}):
        plan = make_plan(network.spec, window=8, **choice)
        assert (plan.carry_state, plan.overlap) == (False, 2)
    assert not make_plan(network.spec).carry_state  # the whole clip has nobody to hand it to
    assert make_plan(network.spec, window=8).describe() == (
        "windows of 8 frames, the state carried on, whole frames, float32 on cpu"
    )
    with pytest.raises(ValueError, match="does not carry a state"):
        make_plan(NetworkSpec(), window=8, carry_state=True)
    with pytest.raises(ValueError, match="windows that carry a state do not overlap"):
        make_plan(network.spec, window=8, carry_state=True, overlap=1)
    with pytest.raises(ValueError, match="1 frame or more"):
        make_plan(network.spec, window=0)


def test_a_network_that_loses_frames_between_windows_is_refused():
    class Forgets(Echo):
        def forward_from(self, clip, state, *, is_end):
            restored, state = super().forward_from(clip, state, is_end=False)
            return restored, state

    with pytest.raises(ValueError, match="returned 7 frames for 8"):
        restore_clip(Forgets(), _clip(8, 8, 8), window=4)


def test_all_levels_of_16_bits_survive_the_way_there_and_back():
    levels = np.arange(65536, dtype=np.uint16).reshape(1, 256, 256, 1).repeat(3, axis=3)
    for spec in SPECS.values():
        restored = restore_clip(Identity(spec), levels)
        assert restored.dtype == np.uint16
        np.testing.assert_array_equal(restored, levels)
    tiled = restore_clip(Identity(NetworkSpec(context_px=0)), levels, tile=128)
    np.testing.assert_array_equal(tiled, levels)


def test_16_bits_go_in_as_the_same_colours_as_8():
    network = Identity(NetworkSpec())
    clip = _clip(2, 8, 8)
    restored = list(restore_stream(network, iter(clip.astype(np.uint16) * 257), make_plan(network.spec, window=1)))
    restore_clip(network, clip)
    torch.testing.assert_close(torch.cat(network.seen[:2], dim=1), network.seen[2], atol=1e-7, rtol=0)
    np.testing.assert_array_equal(restored, clip.astype(np.uint16) * 257)


def test_halves_of_16_bits_round_up_and_are_clamped():
    class Shift(Identity):
        def forward(self, clip):
            return clip + 0.5

    network = Shift(NetworkSpec(value_range=(0, 65535)))
    frames = np.array([0, 100, 65535], dtype=np.uint16).reshape(1, 1, 1, 3)
    assert restore_clip(network, frames).reshape(3).tolist() == [1, 101, 65535]


def test_parameters_that_a_spec_calls_frozen_are_not_trainable():
    network = nn.ModuleDict({"flow": nn.Linear(2, 2), "flow_head": nn.Linear(2, 2)})
    assert len(trainable_parameters(network)) == 4
    network.spec = NetworkSpec(frozen=("flow", "flow_head.bias"))
    assert [name for name, _ in trainable_parameters(network)] == ["flow_head.weight"]
    network.spec = NetworkSpec(frozen=("head",))
    with pytest.raises(ValueError, match="'head' frozen"):
        trainable_parameters(network)


def test_a_stream_gives_the_frames_of_the_clip_one_by_one():
    clip = _clip(12, 8, 10)
    network = NeighbourMean()
    plan = make_plan(network.spec, window=6)
    stream = restore_stream(network, iter(clip), plan)
    np.testing.assert_array_equal(list(stream), restore_clip(network, clip))
    assert list(restore_stream(network, iter(()), plan)) == []


def test_a_stream_leaves_gradients_on_between_frames_and_the_network_as_it_was_when_closed():
    network = Identity(NetworkSpec()).train()
    stream = restore_stream(network, iter(_clip(9, 8, 8)), make_plan(network.spec, window=4, overlap=1))
    next(stream)
    assert torch.is_grad_enabled()
    assert not network.training
    stream.close()
    assert network.training
    assert network.inner.training


def test_a_stream_whose_frames_change_size_or_type_is_refused():
    network = Identity(NetworkSpec())
    frames = [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)]
    with pytest.raises(InputError, match="frame 1 is 9x8 px, but those before it are 8x8"):
        list(restore_stream(network, iter(frames), make_plan(network.spec)))
    frames = [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint16)]
    with pytest.raises(InputError, match="frame 1 is uint16, but those before it are uint8"):
        list(restore_stream(network, iter(frames), make_plan(network.spec)))
    with pytest.raises(ValueError, match="frames must be"):
        list(restore_stream(network, iter([np.zeros((8, 8), np.uint8)]), make_plan(network.spec)))


class Multiply(nn.Module):
    """A matrix product, which autocast turns into 16 bits."""

    spec = NetworkSpec()

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, clip):
        product = clip @ torch.eye(clip.shape[-1])
        self.seen.append(product.dtype)
        return product


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_network_computes_in_the_precision_asked_for(precision):
    network, told = Multiply(), []
    clip = _clip(2, 16, 16)
    restored = restore_clip(network, clip, precision=precision, report=told.append)
    assert network.seen == [getattr(torch, precision)]
    assert told[0].plan.precision == precision
    assert np.abs(restored.astype(int) - clip).max() <= 1
    assert restore_clip(network, clip).dtype == np.uint8
    assert network.seen[-1] == torch.float32


def test_where_an_operator_has_no_16_bit_form_one_warning_is_logged_and_float32_is_used(caplog):
    class NoHalf(Multiply):
        def forward(self, clip):
            product = super().forward(clip)
            if product.dtype != torch.float32:
                raise RuntimeError("\"deformable_im2col\" not implemented for 'BFloat16'\nmore")
            return product

    network, told = NoHalf(), []
    clip = _clip(8, 16, 16)
    restored = restore_clip(network, clip, precision="bfloat16", window=4, report=told.append)
    np.testing.assert_array_equal(restored, clip)
    assert told[0].plan.precision == "float32"
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        "NoHalf does not run in bfloat16 on cpu, so it runs in float32 "
        "(\"deformable_im2col\" not implemented for 'BFloat16')"
    ]
    assert network.seen.count(torch.bfloat16) == 1


def test_a_network_that_declares_16_bits_unfit_is_run_in_float32(caplog):
    network = Multiply()
    network.spec = NetworkSpec(reduced_precision=False)
    restore_clip(network, _clip(1, 8, 8), precision="float16")
    assert network.seen == [torch.float32]
    assert "loses accuracy" in caplog.text


def test_an_error_that_has_nothing_to_do_with_precision_is_raised_as_it_is(caplog):
    class Fails(Identity):
        def forward(self, clip):
            raise RuntimeError("another reason")

    with pytest.raises(RuntimeError, match="another reason"):
        restore_clip(Fails(NetworkSpec()), _clip(1, 8, 8), precision="bfloat16")
    assert not caplog.records


def test_another_precision_is_refused():
    with pytest.raises(ValueError, match="must be one of float32, bfloat16, float16"):
        restore_clip(Multiply(), _clip(1, 8, 8), precision="half")


def test_memory_that_does_not_suffice_is_said_in_a_sentence():
    class Large(Identity):
        def forward(self, clip):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(FitError, match="is too small for 2 frames of 8x8 px"):
        restore_clip(Large(NetworkSpec()), _clip(2, 8, 8), precision="bfloat16")


def test_a_run_is_reported():
    told = []
    restore_clip(Identity(NetworkSpec()), _clip(6, 8, 8), window=4, report=told.append)
    assert len(told) == 1
    assert told[0].frame_count == 6
    assert told[0].frames_per_s == pytest.approx(6 / told[0].seconds)
    assert (told[0].plan.window, told[0].plan.overlap, told[0].plan.device) == (4, 1, "cpu")
    assert told[0].peak_bytes is None or told[0].peak_bytes > 1 << 20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak of a process is read from /proc")
def test_300_frames_of_720p_stay_under_2_gb():
    code = """
    import numpy, torch
    from hvdbench.methods.inference.plan import make_plan
    from hvdbench.methods.inference.restore import restore_stream
    from hvdbench.networks.estrnn import NETWORK

    torch.set_num_threads(1)
    network = NETWORK.build("tiny")
    frame = numpy.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=numpy.uint8)
    frames = (numpy.roll(frame, number, axis=1) for number in range(300))
    plan = make_plan(network.spec, window=8)
    told = []
    count = sum(1 for _ in restore_stream(network, frames, plan, report=told.append))
    print(count, told[0].peak_bytes, told[0].frames_per_s)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=1200
    )
    count, peak, _ = done.stdout.split()
    assert int(count) == 300
    assert int(peak) < 2e9
