import pytest
import torch
from torchvision.ops import deform_conv2d

from hvdbench.networks.basicvsrpp import DeformableAlignment
from hvdbench.networks.layers.guided_attention import GuidedDeformableAttention
from hvdbench.networks.layers.sampling import sampled_attention, sampled_convolution

HEIGHT, WIDTH = 5, 7


def attention_inputs(channels, groups):
    torch.manual_seed(0)
    features = [torch.randn(2, 2, channels, HEIGHT, WIDTH) for _ in range(3)]
    offsets = [2 * torch.randn(2, 2, groups, 9, 2, HEIGHT, WIDTH) for _ in range(2)]  # some point outside
    return [tensor.requires_grad_() for tensor in (*features, *offsets)]


def convolution_inputs(channels, groups):
    torch.manual_seed(0)
    offset = 2 * torch.randn(2, 18 * groups, HEIGHT, WIDTH)
    mask, weight = torch.rand(2, 9 * groups, HEIGHT, WIDTH), torch.randn(3, channels, 3, 3)
    inputs = (torch.randn(2, channels, HEIGHT, WIDTH), offset, weight, torch.randn(3), mask)
    return [tensor.requires_grad_() for tensor in inputs]


def gradients(result, inputs):
    return torch.autograd.grad(result.square().sum(), inputs)


@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (2, 4), (3, 2)])
def test_attention_and_its_gradients_are_those_of_stored_samples(heads, groups):
    layer = GuidedDeformableAttention(6, deformable_groups=groups, heads=heads, max_residue_px=10)
    inputs = attention_inputs(12, groups)
    ours = sampled_attention(*inputs[:3], inputs[3:], heads=heads)
    theirs = layer._attend_to_samples(*inputs[:3], inputs[3:])
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradients(ours, inputs), gradients(theirs, inputs), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(("channels", "groups"), [(16, 2), (18, 2), (20, 4)])
def test_the_convolution_and_its_gradients_are_those_of_torchvision(channels, groups):
    features, offset, weight, bias, mask = inputs = convolution_inputs(channels, groups)
    ours = sampled_convolution(features, offset, weight, bias, mask)
    theirs = deform_conv2d(features, offset, weight, bias, padding=1, mask=mask)
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(gradients(ours, inputs), gradients(theirs, inputs), atol=5e-3, rtol=1e-4)


@pytest.mark.parametrize("far", [float("nan"), float("inf"), -1e30, 3e9])
def test_places_out_of_all_reach_are_outside_the_picture(far):
    features, offset, weight, bias, mask = (tensor.detach() for tensor in convolution_inputs(8, 2))
    convolved = sampled_convolution(features, torch.full_like(offset, far), weight, bias, mask)
    torch.testing.assert_close(convolved, bias.view(1, 3, 1, 1).expand_as(convolved))


def test_the_number_of_threads_changes_nothing():
    attention, convolution = attention_inputs(12, 4), convolution_inputs(16, 2)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            attended = sampled_attention(*attention[:3], attention[3:], heads=4)
            convolved = sampled_convolution(*convolution)
            results.append([attended, *gradients(attended, attention), convolved])
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(*results, atol=0, rtol=0)


def test_half_precision_is_widened_and_given_back():
    inputs = [tensor.detach() for tensor in attention_inputs(12, 4)]
    narrow = [tensor.bfloat16() for tensor in inputs]
    attended = sampled_attention(*narrow[:3], inputs[3:], heads=4)
    assert attended.dtype == torch.bfloat16
    torch.testing.assert_close(
        attended.float(), sampled_attention(*inputs[:3], inputs[3:], heads=4), atol=0.1, rtol=0.05
    )


def test_operators_are_registered_with_shapes_and_gradients():
    attention = attention_inputs(12, 4)
    rows = [tensor.detach().flatten(3).transpose(2, 3).unflatten(3, (4, -1)).contiguous() for tensor in attention[:3]]
    given = [tensor.detach().requires_grad_() for tensor in (*rows, *attention[3:])]
    checks = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(torch.ops.hvdbench.sampled_attention.default, tuple(given), test_utils=checks)


def test_an_alignment_in_double_precision_takes_pytorchs_own_operator():
    layer = DeformableAlignment(4, deform_groups=2, max_residue_px=10).double()
    aligned = layer(*(torch.rand(1, channels, 4, 4, dtype=torch.float64) for channels in (8, 12, 2, 2)))
    assert aligned.dtype == torch.float64
