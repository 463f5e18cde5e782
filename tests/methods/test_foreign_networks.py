"""Torch modules of others: single pictures and clips, what is found out, checked and refused; TorchScript; spandrel."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_model import directly, made_clip, restore, save_scripted, small_net, smooth_clip, write_module
from torch import nn

from hvdbench.errors import FitError, InputError, RecipeError, WeightsError
from hvdbench.methods.foreign.adapting import NetworkInput, SpecSettings, as_video_network
from hvdbench.methods.foreign.calling import WholeClips
from hvdbench.methods.foreign.single_image import FrameByFrame
from hvdbench.methods.inference.options import InferenceOptions
from hvdbench.methods.inference.restore import restore_clip
from hvdbench.methods.opening import open_method
from hvdbench.networks.nafnet import NAFNet

MODULE = "made_networks_of_others"


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("their_package")
    write_module(folder, MODULE)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    del sys.modules[MODULE]


@pytest.fixture
def weights(tmp_path) -> Path:
    path = tmp_path / "small.pth"
    torch.save(small_net().state_dict(), path)
    return path


def opened(name: str, weights: Path | None = None, **settings):
    return open_method(f"{MODULE}:{name}", weights=weights, settings=settings)


@pytest.mark.parametrize("size", [(37, 53), (1, 1), (64, 64), (3, 200)])
def test_a_model_for_single_pictures_runs_frame_by_frame_on_any_size(weights, size):
    clip = made_clip(3, *size)
    network = opened("Net", weights).scheme.open()
    assert isinstance(network, FrameByFrame)
    np.testing.assert_array_equal(restore(opened("Net", weights), clip), directly(small_net(), clip))


def test_windows_and_their_length_change_nothing_for_single_pictures(weights):
    clip = made_clip(11, 16, 16)
    whole = restore(opened("Net", weights), clip)
    np.testing.assert_array_equal(restore(opened("Net", weights, window=3), clip), whole)
    np.testing.assert_array_equal(restore(opened("Net", weights), clip, inference=InferenceOptions(window=4)), whole)


def test_a_model_for_clips_sees_the_whole_clip():
    clip = made_clip(4, 20, 24)
    mean = np.floor(clip.astype(np.float64).mean(axis=0) + 0.5)
    restored = restore(opened("ClipMean"), clip)
    assert np.abs(restored - mean).max() <= 1  # float32 on halves
    assert (restored == restored[:1]).all()


def test_what_a_model_declares_is_kept_and_what_is_set_comes_first():
    declared = opened("Declared").scheme.open()
    assert (declared.spec.channel_order, declared.spec.value_range) == ("bgr", (0.0, 255.0))
    changed = opened("Declared", spec={"channel_order": "rgb"}).scheme.open()
    assert (changed.spec.channel_order, changed.spec.value_range) == ("rgb", (0.0, 255.0))


def test_colours_and_range_reach_the_model_as_set():
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(x)
            return x

    spec = SpecSettings(channel_order="bgr", value_range=(0, 255))
    network = as_video_network(Spy(), NetworkInput(takes="one", spec=spec))
    frame = np.zeros((1, 2, 2, 3), np.uint8)
    frame[..., 0] = 200
    np.testing.assert_array_equal(restore_clip(network, frame), frame)
    assert seen[0].shape == (1, 3, 2, 2)
    assert seen[0][0, :, 0, 0].tolist() == [0.0, 0.0, 200.0]


def test_a_size_multiple_is_padded_to(weights):
    clip = made_clip(2, 21, 30)
    restored = restore(opened("Halving", weights, spec={"size_multiple": 8}), clip)
    padded = np.pad(clip, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(restored, directly(small_net(), padded)[:, :21, :30])
    with pytest.raises(FitError, match=r"fails on \(1, 3, 21, 30\): ValueError: sides must be multiples of 8"):
        restore(opened("Halving", weights), clip)


def test_a_network_that_leaves_out_frames_is_refused_with_the_numbers():
    with pytest.raises(FitError, match="the network returns 5 frames for a clip of 9"):
        restore(opened("Shortened", takes="clip"), made_clip(9, 16, 16))


def test_a_network_that_leaves_out_two_frames_at_each_end_restores_the_middle_one_of_five():
    clip = made_clip(9, 16, 16)
    np.testing.assert_array_equal(restore(opened("Shortened"), clip), clip)


def middles(clip: np.ndarray) -> np.ndarray:
    """Return what the made network Middle makes of a clip: its ends are repeated."""
    padded = np.concatenate([clip[:1], clip, clip[-1:]]).astype(np.float32) / 255
    near = padded[1:-1] - 0.1 * padded[:-2] + 0.1 * padded[2:]
    return np.floor(near.clip(0, 1) * 255 + 0.5).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "takes"),
    [("Middle", "clip"), ("MiddleKept", "clip"), ("MiddleOfStack", "stack"), ("MiddleOfVolume", "volume")],
)
@pytest.mark.parametrize("is_said", [False, True])
def test_a_network_that_restores_the_middle_frame_restores_every_frame_in_its_turn(name, takes, is_said):
    settings = {"takes": takes, "frames": 5} if is_said else {}
    clip = made_clip(7, 20, 24)
    method = opened(name, own_weights=True, **settings)
    np.testing.assert_array_equal(restore(method, clip), middles(clip))
    assert method.scheme.open().spec.context_frames == 2
    windows = restore(method, clip, inference=InferenceOptions(window=6))
    np.testing.assert_array_equal(windows, middles(clip))


def test_colours_before_time_are_found_out_and_can_be_said():
    clip = made_clip(4, 20, 24)
    torch.manual_seed(0)
    conv = nn.Conv3d(3, 3, 3, padding=1)
    given = torch.from_numpy(clip).permute(3, 0, 1, 2)[None].float() / 255
    with torch.no_grad():
        restored = torch.floor(conv(given).clamp(0, 1) * 255 + 0.5)[0].permute(1, 2, 3, 0)
    torch.manual_seed(0)
    network = as_video_network(nn.Conv3d(3, 3, 3, padding=1))
    np.testing.assert_array_equal(restore_clip(network, clip), restored.numpy())
    assert isinstance(network, WholeClips)
    assert network.layout == "volume"
    np.testing.assert_array_equal(restore_clip(as_video_network(conv, NetworkInput(takes="volume")), clip), restored)


def test_what_a_trial_cannot_show_of_a_window_is_asked_for():
    with pytest.raises(
        InputError, match=r"all of these work: takes = 'clip', frames = 5; takes = 'clip', frames = 3; takes = 'vol"
    ):
        opened("AnyMiddle")
    clip = made_clip(4, 8, 8)
    restored = restore(opened("AnyMiddle", frames=3, takes="clip"), clip)
    mean = np.stack([clip[[max(0, i - 1), i, min(3, i + 1)]].mean(axis=0) for i in range(4)])
    assert np.abs(restored - mean).max() <= 1
    with pytest.raises(FitError, match="where that is the middle frame, set frames"):
        restore(opened("AnyMiddle", takes="clip"), clip)
    with pytest.raises(RecipeError, match="a window of 4 frames has no middle one"):
        opened("AnyMiddle", frames=4)
    with pytest.raises(InputError, match="takes = 'stack' needs frames"):
        opened("AnyMiddle", takes="stack")
    with pytest.raises(InputError, match="takes = 'one' and frames = 3 exclude one another"):
        opened("AnyMiddle", takes="one", frames=3)


@pytest.mark.parametrize("name", ["Noisy", "NoisyByNumpy", "NoisyByPython"])
@pytest.mark.parametrize("settings", [{"takes": "one"}, {"takes": "clip"}])
def test_what_a_network_draws_hangs_on_the_seed_alone(name, settings):
    clip = smooth_clip(3)
    method = opened(name, **settings)
    once = restore(method, clip, seed=1)
    np.random.default_rng().random()
    torch.rand(3)
    np.testing.assert_array_equal(restore(method, clip, seed=1), once)
    assert (restore(method, clip, seed=2) != once).any()


def test_a_trial_leaves_every_generator_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    opened("Noisy", takes="auto")
    restore(opened("NoisyByNumpy", takes="one"), smooth_clip(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_that_changes_its_input_is_found_out_like_any_other():
    clip = smooth_clip(3)
    network = opened("InPlace").scheme.open()
    assert isinstance(network, FrameByFrame)
    np.testing.assert_array_equal(restore(opened("InPlace"), clip), np.floor(clip / 2 + 0.5))


def test_a_network_that_takes_both_and_differs_in_the_last_bits_runs_frame_by_frame(weights):
    assert isinstance(opened("Alike", weights).scheme.open(), FrameByFrame)


def test_values_that_are_not_finite_are_refused_before_and_while_it_runs():
    with pytest.raises(InputError, match=r"gives values that are not finite on noise in \[0, 1\]"):
        opened("NotFinite")
    with pytest.raises(FitError, match="values that are not finite"):
        restore(opened("NotFinite", takes="one"), made_clip(1))


@pytest.mark.parametrize(("name", "settings"), [("Leaves", {"takes": "one"}), ("LeavesDeclared", {})])
def test_a_network_that_calls_sys_exit_ends_in_one_sentence(name, settings):
    with pytest.raises(FitError, match=r"the network fails on \(.*\): it calls sys\.exit"):
        restore(opened(name, **settings), made_clip(1))


def test_one_reason_for_every_layout_is_the_reason():
    with pytest.raises(InputError, match=r"the model works on nothing that it is given: it calls sys\.exit"):
        opened("Leaves")
    with pytest.raises(InputError, match=r"the model works on nothing that it is given: KeyError: 'nothing works'"):
        opened("Broken")


def test_a_network_that_declares_its_spec_is_checked_like_one_that_does_not():
    with pytest.raises(FitError, match=r"returns a tuple with .*: name the restored part with the setting output"):
        restore(opened("PairDeclared"), made_clip(1))


@pytest.mark.parametrize(("name", "found"), [("Levels", r"\[0, 255\]"), ("Signed", r"\[-1, 1\]")])
def test_results_of_another_range_are_refused_and_not_clamped(name, found):
    words = rf"{name} returns values in {found} where \[0, 1\] is expected: set spec\.value_range"
    with pytest.raises(FitError, match=words):
        restore(opened(name), smooth_clip(2))


def test_results_that_can_hardly_be_restored_frames_are_warned_of(caplog):
    restore(opened("Correction"), smooth_clip(2))
    assert "1.0 % of the contrast of the blurry ones: does it return a correction alone?" in caplog.text
    caplog.clear()
    restore(opened("Overdone"), made_clip(2))
    assert "% of its values lie outside [0, 1] and are clamped" in caplog.text
    caplog.clear()
    restore(opened("Invert"), smooth_clip(2))
    assert not caplog.text


def test_a_network_that_enlarges_is_refused():
    network = as_video_network(nn.Upsample(scale_factor=2), NetworkInput(takes="one"))
    with pytest.raises(FitError, match="turns 16x12 px into 32x24 px"):
        restore_clip(network, made_clip(1, 12, 16))


@pytest.mark.parametrize(("name", "output"), [("Pair", 1), ("Pair", -1), ("Named", "restored")])
def test_the_part_that_is_named_is_taken(name, output):
    clip = made_clip(2)
    np.testing.assert_array_equal(restore(opened(name, output=output), clip), 255 - clip)


@pytest.mark.parametrize(
    ("name", "output", "words"),
    [
        (
            "Pair",
            None,
            r"returns a tuple with 0: \(1, 8, 8\), 1: \(1, 3, 8, 8\): name the restored part with the setting",
        ),
        ("Named", None, "returns a dict with 'flow'"),
        ("Pair", 5, "output = 5 names no part of it"),
        ("Named", "sharp", "output = 'sharp' names no part of it"),
        ("Invert", 0, "returns a single tensor"),
        ("Whole", None, "returns uint8, and floats are expected"),
        ("Broken", None, "fails on .*KeyError: 'nothing works'"),
    ],
)
def test_what_is_no_restored_picture_is_refused(name, output, words):
    with pytest.raises(FitError, match=words):
        restore(opened(name, output=output, takes="one"), made_clip(1, 8, 8))


def test_a_model_that_takes_both_alike_runs_frame_by_frame_and_one_that_differs_is_asked_for():
    clip = made_clip(3)
    np.testing.assert_array_equal(restore(opened("Invert"), clip), 255 - clip)
    with pytest.raises(InputError, match="alike, with different results: set takes = 'one' or 'clip'"):
        opened("Both")
    assert isinstance(opened("Both", takes="clip").scheme.open(), WholeClips)


def test_a_network_with_parameters_needs_weights_unless_it_has_its_own():
    for name in ("Net", "ready", "made"):
        with pytest.raises(WeightsError, match="has no weights, so its output would be random"):
            opened(name)
    clip = made_clip(1)
    torch.manual_seed(0)
    expected = restore(opened("ready", own_weights=True), clip)
    np.testing.assert_array_equal(restore(opened("made", own_weights=True), clip), expected)


def test_arguments_reach_the_class(tmp_path):
    torch.save(small_net(6).state_dict(), tmp_path / "six.pth")
    clip = made_clip(1)
    restored = restore(opened("Net", tmp_path / "six.pth", network_arguments={"width": 6}), clip)
    np.testing.assert_array_equal(restored, directly(small_net(6), clip))
    with pytest.raises(WeightsError, match=r"does not fit Net: .*of another shape"):
        opened("Net", tmp_path / "six.pth")
    with pytest.raises(InputError, match=r"cannot be made with wide = 6: TypeError"):
        opened("Net", tmp_path / "six.pth", network_arguments={"wide": 6})
    with pytest.raises(InputError, match="already been built"):
        opened("made", network_arguments={"width": 6})
    with pytest.raises(InputError, match=r"it made an object of the type str, not a torch\.nn\.Module"):
        opened("wrong")


def test_a_spec_out_of_range_and_a_window_that_cannot_be_are_one_sentence(weights):
    with pytest.raises(RecipeError, match="'size_multiple': Input should be greater than or equal to 1"):
        opened("Net", weights, spec={"size_multiple": 0})
    with pytest.raises(InputError, match=rf"network '{MODULE}:ClipMean': a window of 2 frames keeps no frame"):
        restore(opened("ClipMean", window=2, overlap=1), made_clip(4))


@pytest.mark.parametrize("freeze", [False, True])
def test_torchscript_gives_what_its_module_gives(tmp_path, freeze):
    path = save_scripted(small_net(), tmp_path / "net.ts", freeze=freeze)
    clip = made_clip(3)
    method = open_method(str(path))
    np.testing.assert_array_equal(restore(method, clip), directly(small_net(), clip))
    short = restore(method, clip, inference=InferenceOptions(precision="bfloat16"))
    assert 0 < np.abs(short.astype(int) - directly(small_net(), clip)).max() <= 8
    np.testing.assert_array_equal(restore(method, clip), directly(small_net(), clip))  # the fourth call, too
    automatic = restore(method, clip, inference=InferenceOptions(window="auto", tile="auto"))
    np.testing.assert_array_equal(automatic, directly(small_net(), clip))


def test_torchscript_may_take_clips(tmp_path):
    class Fade(nn.Module):
        def forward(self, clip):
            return clip * torch.linspace(1, 0, clip.shape[1])[:, None, None, None]

    path = save_scripted(Fade(), tmp_path / "fade.pt", shape=(1, 5, 3, 16, 16))
    restored = restore(open_method(str(path)), made_clip(5, 16, 16))
    assert not restored[-1].any()


def test_a_file_that_is_no_torchscript_is_refused(tmp_path):
    (tmp_path / "junk.ts").write_bytes(b"junk" * 100)
    torch.save(small_net().state_dict(), tmp_path / "state.ts")
    whole = save_scripted(small_net(), tmp_path / "whole.ts").read_bytes()
    (tmp_path / "cut.ts").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.ts").write_bytes(b"")
    for name, words in {
        "junk": "is not a TorchScript file",
        "state": "is not a TorchScript file",
        "cut": "cut.ts is damaged",
        "empty": "it is empty",
        "missing": "missing.ts does not exist",
    }.items():
        with pytest.raises(WeightsError, match=words):
            open_method(str(tmp_path / f"{name}.ts"))
    (tmp_path / "a.ts").mkdir()
    with pytest.raises(WeightsError, match="is a folder: name the file in it"):
        open_method(f"torchscript:{tmp_path / 'a.ts'}")


def nafnet_file(path: Path) -> Path:
    torch.manual_seed(3)
    network = NAFNet(width=8, enc_blk_nums=(1, 1), middle_blk_num=1, dec_blk_nums=(1, 1))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(("beta", "gamma")):
                parameter.fill_(0.5)
    torch.save({"params": network.state_dict()}, path)
    return path


def test_spandrel_and_our_own_network_restore_alike_from_one_checkpoint(tmp_path):
    pytest.importorskip("spandrel", reason="the extra spandrel is not installed")
    path = nafnet_file(tmp_path / "naf.pth")
    clip = made_clip(2, 37, 53)
    # It pads with black inside, where it is not given multiples; ours are given mirrored ones.
    theirs = open_method(f"spandrel:{path}", settings={"spec": {"size_multiple": 4}})
    arguments = {"width": 8, "enc_blk_nums": [1, 1], "middle_blk_num": 1, "dec_blk_nums": [1, 1]}
    ours = open_method("nafnet", weights=path, settings={"network_arguments": arguments})
    difference = restore(theirs, clip).astype(int) - restore(ours, clip)
    assert np.abs(difference).max() <= 1
    assert (restore(theirs, clip) != clip).mean() > 0.5
    assert (theirs.name, ours.name) == ("naf", "nafnet-naf")


def test_spandrel_takes_a_state_dict_of_any_container_and_ending(tmp_path):
    pytest.importorskip("spandrel", reason="the extra spandrel is not installed")
    from safetensors.torch import save_file

    state = torch.load(nafnet_file(tmp_path / "naf.pth"), weights_only=True)["params"]
    save_file(state, tmp_path / "bare.safetensors")
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "held.ckpt")
    frames = [
        restore(open_method(f"spandrel:{tmp_path / name}"), made_clip(1)) for name in ("bare.safetensors", "held.ckpt")
    ]
    np.testing.assert_array_equal(*frames)


def test_a_checkpoint_that_spandrel_cannot_use_is_refused(tmp_path):
    spandrel = pytest.importorskip("spandrel", reason="the extra spandrel is not installed")
    torch.save(small_net().state_dict(), tmp_path / "unknown.pth")
    with pytest.raises(WeightsError, match=rf"belongs to no network that spandrel {spandrel.__version__} knows"):
        open_method(f"spandrel:{tmp_path / 'unknown.pth'}")
    with pytest.raises(WeightsError, match=r"not\.pth does not exist"):
        open_method(f"spandrel:{tmp_path / 'not.pth'}")
    from spandrel.architectures.Compact import Compact

    enlarging = Compact(num_feat=8, num_conv=1, upscale=2)
    torch.save(enlarging.state_dict(), tmp_path / "twice.pth")
    with pytest.raises(InputError, match="a scale of 2: 3 in, 3 out and a scale of 1 are needed"):
        open_method(f"spandrel:{tmp_path / 'twice.pth'}")


def test_a_checkpoint_with_code_is_refused_before_spandrel_sees_it(tmp_path):
    pytest.importorskip("spandrel", reason="the extra spandrel is not installed")

    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "it_ran",)

    torch.save({"params": small_net().state_dict(), "beside": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="contains pickled code"):
        open_method(f"spandrel:{tmp_path / 'evil.pth'}")
    assert not (tmp_path / "it_ran").exists()


def test_a_missing_spandrel_is_said_with_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    path = tmp_path / "small.pth"
    torch.save(small_net().state_dict(), path)
    with pytest.raises(InputError, match=r"spandrel is not installed: run pip install hvdbench\[spandrel\]"):
        open_method(f"spandrel:{path}")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_models_of_others_run_on_a_gpu(tmp_path, weights):
    clip = made_clip(3)
    scripted = open_method(str(save_scripted(small_net(), tmp_path / "net.ts", freeze=True)))
    for method in (opened("Net", weights), scripted):
        difference = restore(method, clip, device="cuda").astype(int) - restore(method, clip)
        assert np.abs(difference).max() <= 1
