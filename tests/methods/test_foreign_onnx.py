"""ONNX files: free and fixed sizes, single pictures and clips, types, outputs, weights beside the file, bad files."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_model import directly, made_clip, restore, small_net
from torch import nn

from hvdbench.errors import FitError, InputError, WeightsError
from hvdbench.methods.foreign.adapting import NetworkInput
from hvdbench.methods.foreign.onnx import OnnxModel, weight_files
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.opening import open_method

onnx = pytest.importorskip("onnx", reason="onnx, which makes the files, is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")


def save_graph(path, nodes, inputs, outputs, initializers=(), **options):
    graph = onnx.helper.make_graph(nodes, "net", inputs, outputs, initializers)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path, **options)
    return path


def value(name, shape, kind="FLOAT"):
    return onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape)


def save_net(path: Path, net: nn.Sequential | None = None, shape=(1, 3, "h", "w"), **options) -> Path:
    """Save the small net, which takes single pictures."""
    net = net or small_net()
    weights = [onnx.numpy_helper.from_array(tensor.numpy(), key) for key, tensor in net.state_dict().items()]
    nodes = [
        onnx.helper.make_node("Conv", ["x", "0.weight", "0.bias"], ["a"], pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Tanh", ["a"], ["b"]),
        onnx.helper.make_node("Conv", ["b", "2.weight", "2.bias"], ["y"], pads=[1, 1, 1, 1]),
    ]
    return save_graph(path, nodes, [value("x", shape)], [value("y", shape)], weights, **options)


def save_identity(path: Path, shape, kind="FLOAT", node="Identity") -> Path:
    nodes = [onnx.helper.make_node(node, ["x"], ["y"])]
    return save_graph(path, nodes, [value("x", shape, kind)], [value("y", shape, kind)])


def save_clip_mean(path: Path, shape) -> Path:
    """Every frame becomes the mean of all that come in together."""
    nodes = [
        onnx.helper.make_node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1),
        onnx.helper.make_node("Shape", ["x"], ["s"]),
        onnx.helper.make_node("Expand", ["m", "s"], ["y"]),
    ]
    return save_graph(path, nodes, [value("x", shape)], [value("y", shape)])


@pytest.mark.parametrize("size", [(37, 53), (1, 1), (64, 80)])
@pytest.mark.parametrize("batch", [1, "n"])
def test_a_file_for_single_pictures_gives_what_the_module_gives(tmp_path, size, batch):
    clip = made_clip(3, *size)
    method = open_method(str(save_net(tmp_path / "net.onnx", shape=(batch, 3, "h", "w"))))
    difference = restore(method, clip).astype(int) - directly(small_net(), clip)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01


@pytest.mark.parametrize("fixed", [(64, 64), (48, 96), (64, "w")])
@pytest.mark.parametrize("size", [(64, 64), (100, 150), (20, 30), (50, 200)])
def test_a_file_of_a_fixed_size_runs_over_any_size_in_tiles(tmp_path, fixed, size):
    method = open_method(str(save_net(tmp_path / "net.onnx", shape=(1, 3, *fixed))))
    clip = made_clip(1, *size)
    restored = restore(method, clip).astype(int)
    expected = directly(small_net(), clip)
    inside = np.s_[:, 2:-2, 2:-2]  # at the border it sees mirrored pixels where the whole picture ends
    assert np.abs(restored - expected)[inside].max() <= 1


def test_only_the_fixed_size_reaches_the_file(tmp_path, monkeypatch):
    model = OnnxModel(save_identity(tmp_path / "id.onnx", (1, 3, 64, 64)), NetworkInput())
    seen = []
    run = model._run
    monkeypatch.setattr(model, "_run", lambda pictures: seen.append(tuple(pictures.shape)) or run(pictures))
    picture = torch.rand(1, 3, 90, 130)
    torch.testing.assert_close(model(picture), picture)
    assert set(seen) == {(1, 3, 64, 64)}


def test_a_fixed_size_too_small_for_tiles_is_refused_for_larger_pictures(tmp_path):
    method = open_method(str(save_identity(tmp_path / "id.onnx", (1, 3, 16, 16))))
    np.testing.assert_array_equal(restore(method, made_clip(2, 10, 16)), made_clip(2, 10, 16))
    with pytest.raises(
        FitError, match="takes only pictures of 16x16 px, which is too small for tiles of a picture of 40x20"
    ):
        restore(method, made_clip(1, 20, 40))


def test_a_file_for_clips_sees_them_whole_and_one_of_fixed_length_in_windows(tmp_path):
    clip = made_clip(7, 12, 16)
    mean = np.floor(clip.astype(np.float64).mean(axis=0) + 0.5)
    free = restore(open_method(str(save_clip_mean(tmp_path / "free.onnx", (1, "t", 3, "h", "w")))), clip)
    assert np.abs(free - mean).max() <= 1
    fixed = open_method(str(save_clip_mean(tmp_path / "three.onnx", (1, 3, 3, "h", "w"))), settings={"takes": "clip"})
    windows = restore(fixed, clip)
    assert windows.shape == clip.shape
    assert np.abs(windows[0] - clip[:3].astype(float).mean(axis=0)).max() <= 1
    assert np.abs(windows[-1] - clip[-3:].astype(float).mean(axis=0)).max() <= 1
    assert restore(fixed, clip[:2]).shape == (2, 12, 16, 3)  # the last frame is repeated
    assert restore(fixed, clip, inference=InferenceOptions(window=3)).shape == clip.shape
    with pytest.raises(InputError, match="takes 3 frames at once, not 5"):
        restore(fixed, clip, inference=InferenceOptions(window=5))


def test_a_clip_file_of_fixed_length_and_size_pads_and_tiles(tmp_path):
    clip = made_clip(4, 90, 70)
    method = open_method(str(save_identity(tmp_path / "id.onnx", (1, 2, 3, 64, 64))))
    np.testing.assert_array_equal(restore(method, clip), clip)


def test_half_precision_files_are_fed_their_own_type(tmp_path):
    clip = made_clip(2)
    method = open_method(str(save_identity(tmp_path / "half.onnx", (1, 3, "h", "w"), "FLOAT16")))
    np.testing.assert_array_equal(restore(method, clip), clip)  # 11 bits hold 256 levels


def test_windows_and_tiles_by_memory_can_be_asked_for(tmp_path):
    clip = made_clip(3)
    method = open_method(str(save_identity(tmp_path / "id.onnx", (1, 3, "h", "w"))))
    np.testing.assert_array_equal(restore(method, clip, inference=InferenceOptions(window="auto", tile="auto")), clip)


def test_asking_for_sixteen_bits_warns_once_and_goes_on(tmp_path, caplog):
    method = open_method(str(save_identity(tmp_path / "id.onnx", (1, 3, "h", "w"))))
    clip = made_clip(2)
    np.testing.assert_array_equal(restore(method, clip, inference=InferenceOptions(precision="bfloat16")), clip)
    assert len([record for record in caplog.records if "so it runs in float32" in record.message]) == 1


@pytest.mark.parametrize(
    ("shape", "kind", "words"),
    [
        ((1, "h", "w", 3), "FLOAT", r"its input is \(1, h, w, 3\); \(1, 3, H, W\), \(1, T, 3, H, W\), .* is needed"),
        ((4, 3, "h", "w"), "FLOAT", r"its input is \(4, 3, h, w\)"),
        ((1, 1, "h", "w"), "FLOAT", r"its input is \(1, 1, h, w\)"),
        (("h", "w"), "FLOAT", r"its input is \(h, w\)"),
        ((1, 3, "h", "w"), "UINT8", r"its input is tensor\(uint8\); float32 or float16"),
    ],
)
def test_an_input_that_is_no_picture_is_refused(tmp_path, shape, kind, words):
    path = save_identity(tmp_path / "net.onnx", shape, kind)
    with pytest.raises(InputError, match=words):
        open_method(str(path))


def test_several_inputs_and_outputs_are_named(tmp_path):
    shape = (1, 3, "h", "w")
    pair = [onnx.helper.make_node("Neg", ["x"], ["flow"]), onnx.helper.make_node("Identity", ["x"], ["restored"])]
    both = [value("flow", shape), value("restored", shape)]
    path = str(save_graph(tmp_path / "two.onnx", pair, [value("x", shape)], both))
    with pytest.raises(InputError, match=r"has 2 outputs \(flow, restored\): name one with the setting output"):
        open_method(path)
    with pytest.raises(InputError, match="none is 'sharp'"):
        open_method(path, settings={"output": "sharp"})
    clip = made_clip(1)
    for output in ("restored", 1, -1):
        np.testing.assert_array_equal(restore(open_method(path, settings={"output": output}), clip), clip)
    add = [onnx.helper.make_node("Add", ["x", "state"], ["y"])]
    inputs = [value("x", shape), value("state", shape)]
    with pytest.raises(InputError, match=r"has 2 inputs \(x, state\): a model with one input, the pictures, is needed"):
        open_method(str(save_graph(tmp_path / "add.onnx", add, inputs, [value("y", shape)])))


def test_a_file_that_changes_the_size_or_fails_is_one_sentence(tmp_path):
    nodes = [onnx.helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])]
    shapes = [value("x", (1, 3, "h", "w"))], [value("y", (1, 3, "a", "b"))]
    half = open_method(str(save_graph(tmp_path / "half.onnx", nodes, *shapes)))
    with pytest.raises(FitError, match="turns 16x12 px into 8x6 px"):
        restore(half, made_clip(1, 12, 16))
    target = onnx.numpy_helper.from_array(np.array([1, 3, 8, 8]), "s")
    nodes = [onnx.helper.make_node("Reshape", ["x", "s"], ["y"])]
    bound = open_method(str(save_graph(tmp_path / "bound.onnx", nodes, *shapes, [target])))
    with pytest.raises(FitError, match=r"bound\.onnx fails on 1x3x12x16: "):
        restore(bound, made_clip(1, 12, 16))


def test_weights_beside_the_file_are_found_part_of_the_digest_and_missed(tmp_path):
    path = save_net(tmp_path / "net.onnx", save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    data = tmp_path / "net.onnx.data"
    assert weight_files(path) == [data]
    method = open_method(str(path))
    clip = made_clip(1)
    assert np.abs(restore(method, clip).astype(int) - directly(small_net(), clip)).max() <= 1
    changed = bytearray(data.read_bytes())
    changed[0] ^= 1
    data.write_bytes(changed)
    assert open_method(str(path)).digest != method.digest
    data.unlink()
    with pytest.raises(WeightsError, match=r"has its weights in net\.onnx\.data, which is not beside it: copy both"):
        open_method(str(path))


def test_the_digest_follows_the_file(tmp_path):
    path = save_net(tmp_path / "net.onnx")
    digest = open_method(str(path)).digest
    save_net(path, small_net(6))
    assert open_method(str(path)).digest != digest


def test_a_file_that_is_no_onnx_is_refused(tmp_path):
    (tmp_path / "junk.onnx").write_bytes(b"junk" * 100)
    (tmp_path / "empty.onnx").write_bytes(b"")
    whole = save_net(tmp_path / "whole.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    for name in ("junk", "empty", "cut"):
        with pytest.raises(WeightsError, match=rf"{name}\.onnx cannot be read as ONNX: "):
            open_method(str(tmp_path / f"{name}.onnx"))
    with pytest.raises(WeightsError, match=r"missing\.onnx does not exist"):
        open_method(str(tmp_path / "missing.onnx"))


def test_a_missing_onnx_runtime_is_said_with_what_installs_it(tmp_path, monkeypatch):
    path = save_net(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"ONNX Runtime is not installed: run pip install hvdbench\[onnx\]"):
        open_method(str(path))


def save_middle(path: Path, shape, *, axis: int) -> Path:
    """Save what returns the middle one of three frames that follow one another along an axis."""
    index = onnx.numpy_helper.from_array(np.array(1, np.int64), "middle")
    nodes = [onnx.helper.make_node("Gather", ["x", "middle"], ["y"], axis=axis)]
    outputs = [value("y", [side for place, side in enumerate(shape) if place != axis])]
    return save_graph(path, nodes, [value("x", shape)], outputs, [index])


def save_middle_of_stack(path: Path) -> Path:
    numbers = {"begin": [3], "end": [6], "axis": [1]}
    held = [onnx.numpy_helper.from_array(np.array(value, np.int64), name) for name, value in numbers.items()]
    nodes = [onnx.helper.make_node("Slice", ["x", *numbers], ["y"])]
    return save_graph(path, nodes, [value("x", (1, 9, "h", "w"))], [value("y", (1, 3, "h", "w"))], held)


def test_a_file_that_returns_the_middle_frame_restores_every_frame_in_its_turn(tmp_path):
    clip = made_clip(4, 16, 20)
    free = save_middle(tmp_path / "free.onnx", (1, "t", 3, "h", "w"), axis=1)
    methods = [
        open_method(str(free), settings={"frames": 3}),
        open_method(str(save_middle(tmp_path / "volume.onnx", (1, 3, "t", "h", "w"), axis=2)), settings={"frames": 3}),
        open_method(str(save_middle_of_stack(tmp_path / "stack.onnx"))),
    ]
    for method in methods:
        np.testing.assert_array_equal(restore(method, clip), clip)
        assert method.scheme.open().spec.context_frames == 1
    with pytest.raises(InputError, match="takes any number of frames and returns one of them: set frames to an odd"):
        open_method(str(free))


def test_a_file_with_colours_before_time_takes_clips_and_one_that_may_be_either_is_asked_for(tmp_path):
    clip = made_clip(3, 16, 20)
    method = open_method(str(save_identity(tmp_path / "volume.onnx", (1, 3, "t", "h", "w"))))
    np.testing.assert_array_equal(restore(method, clip), clip)
    assert method.scheme.open().layout == "volume"
    either = str(save_identity(tmp_path / "either.onnx", (1, 3, 3, "h", "w")))
    with pytest.raises(InputError, match=r"frames before colours or behind them: set takes = 'clip' or 'volume'"):
        open_method(either)
    np.testing.assert_array_equal(restore(open_method(either, settings={"takes": "clip"}), clip), clip)
    with pytest.raises(InputError, match="what takes = 'one' says is needed"):
        open_method(either, settings={"takes": "one"})
