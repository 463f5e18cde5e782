"""SelfHVD's equations against values worked out by hand, by OpenCV and by the NumPy twin of the blur."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hvdbench.methods.blur.reblur import reblur
from hvdbench.methods.selfhvd.equations import (
    earlier_output,
    laplacian_variance,
    mask_at,
    perceptual_loss,
    reblur_loss,
    reblur_tensor,
    reconstruction_loss,
    self_enhanced_loss,
    self_enhanced_perceptual_loss,
    sharp_frame_is_better,
    spatial_consistency_loss,
    stage1_loss,
    stage2_loss,
)


def pictures(count: int = 2, height: int = 16, width: int = 20, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def flat(*values: float) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 3, 8, 8).clone()


def uniform_motion(x_px: float, y_px: float, like: Tensor) -> Tensor:
    motion = torch.zeros(len(like), 2, *like.shape[-2:])
    motion[:, 0], motion[:, 1] = x_px, y_px
    return motion


def test_reconstruction_is_the_masked_mean_distance():
    mask = torch.zeros(2, 1, 8, 8)
    assert reconstruction_loss(flat(0.9, 0.8), flat(0.1, 0.1), mask) == 0
    mask[0, :, :4] = 1  # a quarter of all pixels, off by 0.8
    assert reconstruction_loss(flat(0.9, 0.8), flat(0.1, 0.1), mask) == pytest.approx(0.2)
    mask[1] = 0.5  # half of all pixels, half trusted, off by 0.7
    assert reconstruction_loss(flat(0.9, 0.8), flat(0.1, 0.1), mask) == pytest.approx(0.2 + 0.175)


def test_no_gradient_reaches_what_the_mask_hides():
    restored = pictures().requires_grad_()
    mask = torch.ones(2, 1, 16, 20)
    mask[..., :10] = 0
    reconstruction_loss(restored, pictures(seed=1), mask).backward()
    assert (restored.grad[..., :10] == 0).all()
    assert (restored.grad[..., 10:] != 0).all()


def test_laplacian_variance_is_that_of_opencv_inside_the_border():
    batch = pictures(3)
    for picture, found in zip(batch, laplacian_variance(batch), strict=True):
        rgb = 255 * picture.permute(1, 2, 0).numpy()
        gray = (rgb @ np.array([0.299, 0.587, 0.114])).astype(np.float64)
        inside = cv2.Laplacian(gray, cv2.CV_64F, ksize=1)[1:-1, 1:-1]
        assert found.item() == pytest.approx(inside.var(), rel=1e-5)


def test_laplacian_variance_of_a_known_picture():
    assert laplacian_variance(flat(0.5)).item() == pytest.approx(0, abs=1e-6)
    dot = torch.zeros(1, 3, 5, 5)
    dot[..., 2, 2] = 1  # inside the border: -4, four times 1, four times 0
    expected = 255**2 * np.var([0, 1, 0, 1, -4, 1, 0, 1, 0])
    assert laplacian_variance(dot).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("covered", "contrast", "expected"), [(0.75, 2.0, True), (0.75, 0.5, False), (0.25, 2.0, False), (0.25, 0.5, False)]
)
def test_the_sharp_frame_is_taken_where_it_is_trusted_and_sharper(covered, contrast, expected):
    teacher = 0.25 + 0.25 * pictures(1)
    warped_sharp = 0.25 + 0.25 * contrast * pictures(1)
    mask = torch.zeros(1, 1, 16, 20)
    mask[..., : int(20 * covered)] = 1
    assert sharp_frame_is_better(warped_sharp, mask, teacher, tau=0.5).tolist() == [expected]


def test_the_threshold_on_coverage_is_strict_and_its_own():
    sharp, teacher = pictures(1), 0.5 * pictures(1)
    half = torch.full((1, 1, 16, 20), 0.5)
    assert sharp_frame_is_better(sharp, half, teacher, tau=0.5).tolist() == [False]
    assert sharp_frame_is_better(sharp, half, teacher, tau=0.4).tolist() == [True]
    assert sharp_frame_is_better(sharp, half, sharp, tau=0.4).tolist() == [False]  # as sharp is not sharper


def test_each_picture_of_a_batch_has_its_own_target():
    restored, sharp, teacher = flat(0.5, 0.5), flat(0.6, 0.6), flat(0.1, 0.1)
    mask = torch.ones(2, 1, 8, 8)
    mask[0] = 0.5
    to_sharp, to_teacher = 0.5 * 0.1, 0.4
    for chosen, expected in {
        (True, True): (0.5 * 0.1 + 0.1) / 2,
        (True, False): (to_sharp + to_teacher) / 2,
        (False, False): to_teacher,  # the teacher is not masked
    }.items():
        loss = self_enhanced_loss(restored, sharp, mask, teacher, torch.tensor(chosen))
        assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("take_sharp", [True, False])
def test_no_gradient_flows_into_teacher_and_anchor(take_sharp):
    restored, teacher, anchor = (pictures(1, seed=seed).requires_grad_() for seed in range(3))
    chosen = torch.tensor([take_sharp])
    loss = self_enhanced_loss(restored, pictures(1, seed=3), torch.ones(1, 1, 16, 20), teacher, chosen)
    (loss + spatial_consistency_loss(restored, anchor)).backward()
    assert teacher.grad is None
    assert anchor.grad is None
    assert restored.grad.abs().sum() > 0


def test_spatial_consistency_is_the_mean_distance_to_the_anchor():
    assert spatial_consistency_loss(flat(0.5, 0.2), flat(0.5, 0.2)) == 0
    assert spatial_consistency_loss(flat(0.5, 0.2), flat(0.4, 0.5)).item() == pytest.approx(0.2)


def test_an_earlier_state_restores_without_gradient():
    earlier = nn.Conv2d(3, 3, 1)
    restored = earlier_output(earlier, pictures())
    assert not restored.requires_grad
    torch.testing.assert_close(restored, earlier(pictures()).detach())


def test_a_mask_shrinks_to_the_mean_of_the_pixels_of_each_cell():
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4, :2] = 1  # half of the first cell of 4 x 4 px
    shrunk = mask_at(mask, torch.zeros(1, 512, 2, 2))
    torch.testing.assert_close(shrunk, torch.tensor([[[[0.5, 0.0], [0.0, 0.0]]]]))


def test_the_perceptual_loss_is_the_masked_mean_distance_of_features():
    own, sharp = torch.full((2, 5, 2, 2), 0.7), torch.full((2, 5, 2, 2), 0.3)
    mask = torch.ones(2, 1, 8, 8)
    assert perceptual_loss(own, sharp, mask).item() == pytest.approx(0.4)
    mask[0, :, :4] = 0  # one of two pictures, its upper cells
    assert perceptual_loss(own, sharp, mask).item() == pytest.approx(0.4 * 0.75)
    mask[1, :, :, :2] = 0  # a quarter of the other's mask: half of two of its four cells
    assert perceptual_loss(own, sharp, mask).item() == pytest.approx(0.4 * (0.5 + 0.75) / 2)


def test_the_perceptual_loss_of_stage_two_follows_the_choice_made_on_pictures():
    own, sharp, teacher = (torch.full((2, 4, 2, 2), level) for level in (0.5, 0.6, 0.1))
    mask = torch.full((2, 1, 8, 8), 0.5)
    for chosen, expected in {
        (True, True): 0.5 * 0.1,
        (True, False): (0.5 * 0.1 + 0.4) / 2,  # the teacher is not masked
        (False, False): 0.4,
    }.items():
        loss = self_enhanced_perceptual_loss(own, sharp, mask, teacher, torch.tensor(chosen))
        assert loss.item() == pytest.approx(expected)


def test_features_of_targets_have_no_gradient():
    own, sharp, teacher = (torch.rand(2, 4, 2, 2, requires_grad=True) for _ in range(3))
    mask = torch.ones(2, 1, 8, 8)
    loss = perceptual_loss(own, sharp, mask)
    (loss + self_enhanced_perceptual_loss(own, sharp, mask, teacher, torch.tensor([True, False]))).backward()
    assert own.grad.abs().sum() > 0
    assert sharp.grad is None
    assert teacher.grad is None


def test_the_stages_add_their_terms_by_weight():
    first, consistency, perceptual = torch.tensor(0.2), torch.tensor(0.3), torch.tensor(0.5)
    assert stage1_loss(first, perceptual, 1.0).item() == pytest.approx(0.7)
    assert stage1_loss(first, perceptual, 0.0).item() == pytest.approx(0.2)
    assert stage2_loss(first, consistency, perceptual, 1.0, 1.0).item() == pytest.approx(1.0)
    assert stage2_loss(first, consistency, perceptual, 2.0, 0.1).item() == pytest.approx(0.2 + 0.6 + 0.05)


def test_without_motion_or_exposure_nothing_is_blurred():
    picture = pictures()
    still, moving = uniform_motion(0, 0, picture), uniform_motion(5, -3, picture)
    torch.testing.assert_close(reblur_tensor(picture, still, 0.7), picture, atol=1e-5, rtol=0)
    torch.testing.assert_close(reblur_tensor(picture, moving, 0.0), picture, atol=1e-5, rtol=0)


@pytest.mark.parametrize("axis", [0, 1])
def test_an_even_motion_is_a_box_blur_of_its_length(axis):
    picture = pictures(1, 24, 28)
    motion = uniform_motion(*((20, 0) if axis == 0 else (0, 20)), picture)
    # 11 samples over 0.5 * 20 px are a step of one pixel
    found = reblur_tensor(picture, motion, 0.5, samples=11)[0].permute(1, 2, 0).numpy()
    box = cv2.blur(picture[0].permute(1, 2, 0).numpy(), (11, 1) if axis == 0 else (1, 11))
    np.testing.assert_allclose(found[6:-6, 6:-6], box[6:-6, 6:-6], atol=1e-5)


def test_the_blur_is_that_of_the_numpy_side_up_to_interpolation():
    y, x = np.mgrid[:40, :48].astype(np.float32)
    smooth = np.stack([np.sin(x / 5 + c) * np.cos(y / 6 - c) for c in range(3)], axis=-1).astype(np.float32)
    motion = np.stack([4 + 0.05 * y, 0.1 * x - 3], axis=-1).astype(np.float32)
    picture = torch.from_numpy(smooth).permute(2, 0, 1)[None]
    found = reblur_tensor(picture, torch.from_numpy(motion).permute(2, 0, 1)[None], 0.8)[0].permute(1, 2, 0).numpy()
    assert np.abs(smooth - found).max() > 0.1  # the blur is no trifle
    np.testing.assert_allclose(found[4:-4, 4:-4], reblur(smooth, motion, 0.8)[4:-4, 4:-4], atol=0.02)


def test_each_picture_is_blurred_along_its_own_motion():
    batch = pictures(2)
    motion = uniform_motion(8, 0, batch)
    motion[1] = 0
    found = reblur_tensor(batch, motion, 0.5)
    torch.testing.assert_close(found[1], batch[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(found[:1], reblur_tensor(batch[:1], motion[:1], 0.5))
    assert (found[0] - batch[0]).abs().max() > 0.05


def test_the_reblur_loss_counts_only_pictures_whose_blur_is_explained():
    restored = pictures()
    motion = uniform_motion(6, 2, restored)
    blurry = reblur_tensor(restored, motion, 0.5)
    both = torch.tensor([True, True])
    assert reblur_loss(restored, blurry, motion, 0.5, both).item() == pytest.approx(0, abs=1e-7)
    wrong = blurry.clone()
    wrong[1] += 0.1
    assert reblur_loss(restored, wrong, motion, 0.5, both).item() == pytest.approx(0.05, abs=1e-6)
    assert reblur_loss(restored, wrong, motion, 0.5, torch.tensor([True, False])).item() == pytest.approx(0, abs=1e-7)


def test_the_reblur_loss_leads_back_to_the_sharp_picture():
    sharp = pictures(1, 12, 12)
    motion = uniform_motion(4, 0, sharp)
    blurry = reblur_tensor(sharp, motion, 0.5)
    restored = blurry.clone().requires_grad_()
    loss = reblur_loss(restored, blurry, motion, 0.5, torch.tensor([True]))
    loss.backward()
    with torch.no_grad():
        better = restored - 0.5 * restored.grad / restored.grad.abs().max() * 0.05
    assert reblur_loss(better, blurry, motion, 0.5, torch.tensor([True])) < loss
