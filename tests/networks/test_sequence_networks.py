"""Networks of sequences from one blurry picture: their sizes, their starts, and what they return for a training."""

import pytest
import torch

from hvdbench.catalog import resolve
from hvdbench.networks.related.jin import JinSequence
from hvdbench.networks.related.purohit import MotionDecoder, PurohitSequence, flow_terms, scales_of
from hvdbench.networks.related.sequence import MIDDLE, frames_of
from hvdbench.networks.related.zhong import Decomposer, class_of, guess_terms, rough_of, signs_of

NAMES = ("jin_sequence", "purohit_sequence", "zhong_sequence")


def values_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def made(name, **arguments):
    torch.manual_seed(0)
    return resolve("network", name).build("tiny", **arguments)


def inputs_of(network, side=80):
    torch.manual_seed(1)
    inputs = torch.rand(2, network.inputs, side, side)
    if network.inputs == 5:
        inputs[:, 3:] = torch.where(inputs[:, 3:] > 0.5, 1.0, -1.0)
    return inputs


def test_sizes_are_those_of_the_published_networks():
    with torch.device("meta"):
        jin, purohit, decomposer = JinSequence(), PurohitSequence(), Decomposer(5)
    assert values_of(jin.centre) == 4_972_032
    assert values_of(jin.third) + values_of(jin.fifth) == 7_868_928
    assert (values_of(jin.second), values_of(jin.first)) == (2_686_208, 2_686_208)
    assert (values_of(purohit.encoder), values_of(purohit.decoder)) == (1_648_704, 2_905_004)
    assert values_of(decomposer) == 64_612_757


@pytest.mark.parametrize("name", NAMES)
def test_a_network_that_starts_at_the_identity_returns_copies_of_the_blurry_picture(name):
    network = made(name)
    network.start_at_identity()
    inputs = inputs_of(network)
    with torch.no_grad():
        frames = network(inputs)
    assert frames.shape == (2, 7, 3, 80, 80)
    torch.testing.assert_close(frames, inputs[:, None, :3].expand_as(frames), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_start_at_the_identity_can_be_left(name):
    network = made(name)
    network.start_at_identity()
    inputs = inputs_of(network, 40)
    target = torch.linspace(0, 1, 7)[None, :, None, None, None]
    losses = []
    for _ in range(3):
        network.zero_grad()
        loss = (network(inputs) - target).square().mean()
        loss.backward()
        losses.append(float(loss.detach()))
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.grad is not None:
                    parameter -= 0.02 * parameter.grad
    assert float((network(inputs) - target).detach().square().mean()) < 0.9 * losses[0]


def last_inputs_of(network):
    """Return what the last layers of a network get, each as its spread over the pixels of a picture of blocks."""
    last = [network.stage1.last, network.stage2.last] if hasattr(network, "stage1") else list(network.decoder.flows)
    found = []
    for layer in last:
        layer.register_forward_pre_hook(lambda _, given: found.append(float(given[0].std(dim=(2, 3)).mean())))
    inputs = inputs_of(network)
    blocks = torch.rand(2, 3, 10, 10).repeat_interleave(8, 2).repeat_interleave(8, 3)
    with torch.no_grad():
        network(torch.cat((blocks, inputs[:, 3:]), dim=1))
    return found


@pytest.mark.parametrize("name", ["purohit_sequence", "zhong_sequence"])
def test_a_start_lets_the_picture_through_to_the_last_layers(name):
    drawn, started = made(name), made(name)
    started.start_at_identity()
    before, after = last_inputs_of(drawn)[0], last_inputs_of(started)[0]
    assert before < 0.005
    assert 5 * before < after < 1


@pytest.mark.parametrize("name", NAMES)
def test_sizes_that_do_not_fit_are_refused(name):
    network = made(name)
    least = network.min_size_px
    with pytest.raises(ValueError, match=f"multiples of {network.size_multiple}, not"):
        network(torch.zeros(1, network.inputs, least + 1, least))
    with pytest.raises(ValueError, match="takes \\(N, "):
        network(torch.zeros(1, network.inputs + 1, least, least))


def test_outer_frames_of_jin_are_made_by_one_network_from_the_inner_ones():
    network = made("jin_sequence")
    inputs = inputs_of(network)
    with torch.no_grad():
        frames = network(inputs)
        sixth = network.second(inputs, frames[:, MIDDLE], frames[:, 4])
        seventh = network.first(inputs, frames[:, 4], frames[:, 5])
    torch.testing.assert_close(frames[:, 5], sixth)
    torch.testing.assert_close(frames[:, 6], seventh)


def test_the_sizes_of_purohit_are_unpacked_as_they_were_packed():
    network = made("purohit_sequence")
    inputs = inputs_of(network, 64)
    with torch.no_grad():
        planes = network.planes(inputs)
        centre = network.centre(inputs[:, None])[:, 0]
    found = scales_of(planes)
    assert [tuple(one.shape[-2:]) for one in found] == [(64, 64), (32, 32), (16, 16), (8, 8)]
    torch.testing.assert_close(found[0], frames_of(planes))
    for level, frames in enumerate(found):  # the middle frame is never moved
        torch.testing.assert_close(frames[:, MIDDLE], torch.nn.functional.avg_pool2d(centre, 2**level))


def test_a_constant_flow_has_a_length_and_no_variation():
    network = made("purohit_sequence", centre_given=True)
    network.start_at_identity()
    with torch.no_grad():
        network.decoder.flows[-1].bias.copy_(torch.tensor([3.0, -1.0]))  # px, at the whole size
    inputs = torch.rand(1, 6, 32, 40)
    with torch.no_grad():
        length, variation = flow_terms(network.planes(inputs))
    assert float(length) == pytest.approx(2.0)
    assert float(variation) == pytest.approx(0.0)
    frames = network(inputs)
    torch.testing.assert_close(frames[0, 0, :, 5:20, 5:20], inputs[0, 3:, 4:19, 8:23], atol=1e-5, rtol=0)


def test_a_flow_of_a_small_size_counts_double_at_the_next():
    decoder = MotionDecoder((4, 5, 6), 8)
    for head in decoder.flows:
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    torch.nn.init.ones_(decoder.flows[0].bias)
    flows = decoder(torch.zeros(1, 8, 2, 3), 2)
    assert [float(flow.detach().mean()) for flow in flows[1]] == pytest.approx([8, 4, 2, 1])


def test_a_given_middle_frame_is_what_purohit_moves():
    network = made("purohit_sequence", centre_given=True)
    network.start_at_identity()
    inputs = torch.rand(1, 6, 32, 32)
    frames = network(inputs)
    torch.testing.assert_close(frames, inputs[:, None, 3:].expand(-1, 7, -1, -1, -1), atol=1e-5, rtol=0)


def test_classes_and_signs_belong_together():
    classes = torch.arange(5).reshape(1, 1, 5)
    signs = signs_of(classes)
    assert signs[0, :, 0].T.tolist() == [[0, 0], [1, 1], [-1, 1], [-1, -1], [1, -1]]
    assert torch.equal(class_of(signs), classes)


def test_where_nothing_moves_the_first_stage_of_zhong_is_the_blurry_picture():
    network = made("zhong_sequence").eval()
    inputs = inputs_of(network, 40)
    inputs[:, 3:, :, :20] = 0
    rough = rough_of(network.planes(inputs))
    torch.testing.assert_close(rough[..., :20], inputs[:, None, :3, :, :20].expand(-1, 7, -1, -1, -1))
    assert not torch.allclose(rough[..., 20:], inputs[:, None, :3, :, 20:].expand(-1, 7, -1, -1, -1))


def test_the_divergence_is_that_of_two_normal_distributions():
    network = made("zhong_sequence").eval()
    inputs = inputs_of(network, 40)
    mean, log_variance = network.predictor.encode(inputs[:, :3], inputs[:, 3:])
    given = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(given, torch.distributions.Normal(0.0, 1.0)).sum(dim=1).mean()
    logits, divergence = guess_terms(network.planes(inputs))
    torch.testing.assert_close(divergence, expected)
    torch.testing.assert_close(logits, network.predictor(inputs[:, :3], mean))


def test_guesses_depend_on_what_is_drawn_and_the_others_do_not():
    zhong, jin = made("zhong_sequence").eval(), made("jin_sequence").eval()
    with torch.no_grad():
        zhong.predictor.last.weight.mul_(30)  # untrained, all codes give nearly the same classes
    blurry = torch.rand(1, 3, 40, 40)

    def guessed(network, seed):
        with torch.no_grad():
            return network.guesses(blurry, torch.Generator().manual_seed(seed))

    assert torch.equal(guessed(zhong, 0), guessed(zhong, 0))
    assert not torch.equal(guessed(zhong, 0), guessed(zhong, 1))
    assert torch.equal(guessed(jin, 0), guessed(jin, 1))
