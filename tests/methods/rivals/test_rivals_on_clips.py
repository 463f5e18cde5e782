"""Rivals on a network for clips, from one start: the windows that they make, and what they leave as it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from hvdbench.labels.sharpness import BELOW, SharpLabels
from hvdbench.methods.recipe import load_method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.rivals.blur2blur.settings import DeblurrerSettings
from hvdbench.methods.rivals.bluref.fit import BlurefFit
from hvdbench.methods.rivals.bluref.settings import BlurefSettings
from hvdbench.methods.rivals.ren.objective import RenObjective
from hvdbench.methods.rivals.ren.settings import RenMamlSettings, RenSettings

COUNT = 9


def clip() -> np.ndarray:
    """Return a textured picture that drifts, uint8 (9, 64, 64, 3); every other frame is soft."""
    wide = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.float32)
    wide = (wide + np.roll(wide, 1, 0) + np.roll(wide, 1, 1) + np.roll(wide, (1, 1), (0, 1))) / 4
    frames = []
    for number in range(COUNT):
        frame = wide[number : number + 64, number : number + 64]
        frames.append(frame if number % 4 == 0 else (frame + np.roll(frame, 2, 1) + np.roll(frame, -2, 1)) / 3)
    return np.stack(frames).round().astype(np.uint8)


def labels() -> SharpLabels:
    is_sharp = np.arange(COUNT) % 4 == 0
    return SharpLabels(np.where(is_sharp, 2.0, 1.0), is_sharp, 1.5, (BELOW,) * COUNT, "paper")


@pytest.mark.parametrize("name", ["ren2020_estrnn", "bluref_estrnn", "blur2blur_estrnn"])
def test_a_rival_restores_a_clip_with_estrnn(name: str) -> None:
    method = load_method(f"{name}_small", overrides={}).with_fit_steps(2)
    found = method.restore(clip(), labels(), Budget())
    assert found.frames.shape == clip().shape
    again = method.restore(clip(), labels(), Budget())
    np.testing.assert_array_equal(found.frames, again.frames)


def test_windows_repeat_the_ends_and_have_the_blurry_frame_in_the_middle() -> None:
    settings = BlurefSettings(network="estrnn@tiny", window_frames=5, steps=2)
    fit = BlurefFit(clip(), labels().is_selected, settings, Budget())
    windows = fit._windows(clip())
    todo = np.flatnonzero(~labels().is_selected)
    assert windows.shape == (len(todo), 64, 64, 15)
    np.testing.assert_array_equal(windows[..., 6:9], clip()[todo])
    np.testing.assert_array_equal(windows[0][..., :3], clip()[0])
    np.testing.assert_array_equal(windows[-1][..., 12:], clip()[-1])
    with pytest.raises(ValidationError, match="has no middle one"):
        BlurefSettings(window_frames=4)


class Recorder(nn.Module):
    """A network that returns its input, and keeps it."""

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        self.seen = window
        return window


def test_each_copy_of_a_patch_has_a_kernel_of_its_own_and_the_first_is_that_of_one_copy() -> None:
    batch = {"blurry": torch.rand(2, 1, 3, 48, 48), "index": torch.tensor([3, 4])}
    base = {"network": "estrnn@tiny", "loss": {"perceptual": 0}, "critic": {"weight": 0}, "kernels": {"size_px": 9}}
    seen = {}
    for blurs in (1, 3):
        objective = RenObjective(RenSettings.model_validate(base | {"blurs": blurs}), 0)
        network = Recorder()
        objective.loss(network, batch, 0)
        seen[blurs] = network.seen
    assert seen[3].shape[:2] == (2, 3)
    torch.testing.assert_close(seen[3][:, 0], seen[1][:, 0])
    assert (seen[3][:, 1] - seen[3][:, 0]).abs().max() > 0.01
    assert (seen[3][:, 2] - seen[3][:, 1]).abs().max() > 0.01


@pytest.mark.parametrize(
    ("name", "key"),
    [("ren2020_estrnn", "start_from"), ("bluref_estrnn", "start_from"), ("blur2blur_estrnn", "deblurrer")],
)
def test_other_content_of_the_starting_weights_is_another_method(name: str, key: str, tmp_path: Path) -> None:
    digests = []
    for content in (b"one", b"two"):
        (tmp_path / "w.safetensors").write_bytes(content)
        start: object = str(tmp_path / "w.safetensors")
        changed = start if key == "start_from" else {"start_from": start}
        digests.append(load_method(f"{name}_small", overrides={key: changed}).digest)
    assert digests[0] != digests[1]
    assert load_method(name).digest  # the weights trained on GoPro are not there


def test_settings_that_would_be_passed_over_are_refused() -> None:
    with pytest.raises(ValidationError, match="one of a network for pictures"):
        RenMamlSettings.model_validate({"network": "ren_unet@tiny", "blurs": 2})
    with pytest.raises(ValidationError, match="set steps to 0"):
        DeblurrerSettings(start_from="estrnn_pretrained", steps=5)
