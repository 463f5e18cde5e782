"""Provide attention to sampled places and deformable convolution as PyTorch operators for the CPU.

Their results are those of ``grid_sample``, a softmax and products, but they keep no sample in memory. They have first
derivatives only. Off the CPU, and for sizes that do not suit, callers use PyTorch's own operators.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from hvdbench.networks.layers import attention_kernel, convolution_kernel

_TAPS = 9
_SLOTS = 2
_RUN_PLACES = 512  # places per thread whose columns are in memory at once


def is_served(features: Tensor) -> bool:
    """Return whether these operators take a tensor: one on the CPU, in float32 or less."""
    return features.device.type == "cpu" and features.dtype != torch.float64


def _each(task: Callable[[int], None], count: int) -> None:
    """Call a task that frees Python's lock for 0 .. count - 1, on as many threads as PyTorch uses."""
    threads = min(torch.get_num_threads(), count)
    if threads == 1:
        for number in range(count):
            task(number)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(task, range(count)))


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().numpy() for tensor in tensors]


@torch.library.custom_op("hvdbench::sampled_attention", mutates_args=(), device_types="cpu")
def _attention(query: Tensor, key: Tensor, value: Tensor, offset_0: Tensor, offset_1: Tensor) -> tuple[Tensor, Tensor]:
    attended, weights = _attention_like(query, key, value, offset_0, offset_1)
    arrays = _arrays(query, key, value, offset_0, offset_1, attended, weights)
    groups = offset_0.shape[2] // 2

    def task(number: int) -> None:
        q, k, v, o_0, o_1, a, w = (array[number // groups] for array in arrays)
        attention_kernel.attend(q, k, v, (o_0, o_1), number % groups, a, w)

    _each(task, len(query) * groups)
    return attended, weights


@_attention.register_fake
def _attention_like(
    query: Tensor, key: Tensor, value: Tensor, offset_0: Tensor, offset_1: Tensor
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(query), query.new_empty((*query.shape[:-1], _SLOTS * _TAPS))


@torch.library.custom_op("hvdbench::sampled_attention_backward", mutates_args=(), device_types="cpu")
def _attention_backward(
    query: Tensor, key: Tensor, value: Tensor, offset_0: Tensor, offset_1: Tensor, weights: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    taken = (query, key, value, offset_0, offset_1)
    grown = [torch.zeros_like(tensor) for tensor in taken]
    arrays = _arrays(*taken, weights, gradient.contiguous(), *grown)
    groups = offset_0.shape[2] // 2

    def task(number: int) -> None:
        q, k, v, o_0, o_1, w, g, to_q, to_k, to_v, to_0, to_1 = (array[number // groups] for array in arrays)
        attention_kernel.attend_backward(q, k, v, (o_0, o_1), number % groups, w, g, to_q, to_k, to_v, (to_0, to_1))

    _each(task, len(query) * groups)
    return grown[0], grown[1], grown[2], grown[3], grown[4]


@_attention_backward.register_fake
def _attention_backward_like(
    query: Tensor, key: Tensor, value: Tensor, offset_0: Tensor, offset_1: Tensor, weights: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    like = [torch.empty_like(tensor) for tensor in (query, key, value, offset_0, offset_1)]
    return like[0], like[1], like[2], like[3], like[4]


def _keep_attention(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*inputs, output[1])


def _attention_gradients(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, ...]:
    return tuple(_attention_backward(*ctx.saved_tensors, gradient))


_attention.register_autograd(_attention_gradients, setup_context=_keep_attention)


def _channels_last(features: Tensor, heads: int) -> Tensor:
    """Rearrange (N, 2, C, h, w) of any dtype to (N, 2, h*w, heads, C/heads), float32."""
    return features.float().flatten(3).transpose(2, 3).unflatten(3, (heads, -1)).contiguous()


def sampled_attention(query: Tensor, key: Tensor, value: Tensor, offsets: Sequence[Tensor], *, heads: int) -> Tensor:
    """Attend to 9 places in either frame of another clip, on the CPU in float32.

    Args:
        query: queries, (N, 2, C, h, w).
        key: keys, of the same shape.
        value: values, of the same shape.
        offsets: (N, 2, G, 9, 2, h, w) for each slot, (y, x) in px from the tap; G is even, and G / 2 divides ``heads``.
        heads: number of heads, each of consecutive channels.

    Returns:
        The attended values, (N, 2, C, h, w), in the dtype of ``query``.
    """
    scaled = _channels_last(query * (query.shape[2] // heads) ** -0.5, heads)
    moved = [offset.float().contiguous() for offset in offsets]
    attended, _ = _attention(scaled, _channels_last(key, heads), _channels_last(value, heads), *moved)
    return attended.flatten(3).transpose(2, 3).reshape(query.shape).to(query.dtype)


def _runs(places: int) -> list[tuple[int, int]]:
    """Cut the places of a picture into runs whose columns are in memory together, several for each thread."""
    step = _RUN_PLACES * torch.get_num_threads()
    return [(first, min(first + step, places)) for first in range(0, places, step)]


def _fill(columns: Tensor, taken: Sequence[Any], first: int) -> None:
    """Sample the columns (places, 9, G, c) of a run, in parts."""
    held = columns.numpy()
    features, offset, mask = taken

    def task(number: int) -> None:
        part = held[number * _RUN_PLACES : (number + 1) * _RUN_PLACES]
        start = first + number * _RUN_PLACES
        convolution_kernel.gather(features, offset, mask, start, part)

    _each(task, -(-len(held) // _RUN_PLACES))


def _give_back(columns: Tensor, taken: Sequence[Any], grown: Sequence[Any], first: int) -> None:
    """Turn the gradient of a run's columns into the gradients of what they were sampled from."""
    gradient = columns.numpy()
    features, offset, mask = taken
    to_features, to_offset, to_mask = grown

    def task(group: int) -> None:
        convolution_kernel.gather_backward(
            features, offset, mask, group, first, gradient, to_features, to_offset, to_mask
        )

    _each(task, len(features))


@torch.library.custom_op("hvdbench::sampled_convolution", mutates_args=(), device_types="cpu")
def _convolution(features: Tensor, offset: Tensor, mask: Tensor, matrix: Tensor) -> Tensor:
    batch, groups, places, channels = features.shape
    result = features.new_empty((batch, places, matrix.shape[1]))
    arrays = _arrays(features, offset, mask)
    runs = _runs(places)
    columns = features.new_empty((runs[0][1], _TAPS, groups, channels))
    for entry in range(batch):
        for first, last in runs:
            held = columns[: last - first]
            _fill(held, [array[entry] for array in arrays], first)
            torch.mm(held.flatten(1), matrix, out=result[entry, first:last])
    return result


@_convolution.register_fake
def _convolution_like(features: Tensor, offset: Tensor, mask: Tensor, matrix: Tensor) -> Tensor:
    return features.new_empty((len(features), features.shape[2], matrix.shape[1]))


@torch.library.custom_op("hvdbench::sampled_convolution_backward", mutates_args=(), device_types="cpu")
def _convolution_backward(
    features: Tensor, offset: Tensor, mask: Tensor, matrix: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    batch, groups, places, channels = features.shape
    taken = (features, offset, mask)
    grown = [torch.zeros_like(features), torch.empty_like(offset), torch.empty_like(mask)]
    arrays, to = _arrays(*taken), _arrays(*grown)
    of_matrix = torch.zeros_like(matrix)
    runs = _runs(places)
    columns = features.new_empty((runs[0][1], _TAPS, groups, channels))
    for entry in range(batch):
        for first, last in runs:
            held, above = columns[: last - first], gradient[entry, first:last]
            _fill(held, [array[entry] for array in arrays], first)
            of_matrix.addmm_(held.flatten(1).T, above)
            torch.mm(above, matrix.T, out=held.view(last - first, -1))
            _give_back(held, [array[entry] for array in arrays], [array[entry] for array in to], first)
    return grown[0], grown[1], grown[2], of_matrix


@_convolution_backward.register_fake
def _convolution_backward_like(
    features: Tensor, offset: Tensor, mask: Tensor, matrix: Tensor, gradient: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    like = [torch.empty_like(tensor) for tensor in (features, offset, mask, matrix)]
    return like[0], like[1], like[2], like[3]


def _keep_convolution(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _convolution_gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
    return tuple(_convolution_backward(*ctx.saved_tensors, gradient.contiguous()))


_convolution.register_autograd(_convolution_gradients, setup_context=_keep_convolution)


def sampled_convolution(features: Tensor, offset: Tensor, weight: Tensor, bias: Tensor, mask: Tensor) -> Tensor:
    """Convolve with 3x3 taps, each moved by its own offset and scaled by its mask, on the CPU in float32.

    Args:
        features: features, (N, C, h, w).
        offset: (N, 18 G, h, w), (y, x) in px for each of G groups of channels and each tap.
        weight: weight of the convolution, (O, C, 3, 3).
        bias: bias of the convolution, (O,).
        mask: factor on each tap, (N, 9 G, h, w).

    Returns:
        The result, (N, O, h, w), in the dtype of ``features``.
    """
    height, width = features.shape[2:]
    groups = mask.shape[1] // _TAPS
    blocks = features.float().flatten(2).unflatten(1, (groups, -1)).transpose(2, 3).contiguous()  # (N, G, h*w, C/G)
    offset = offset.float().unflatten(1, (groups, _TAPS, 2)).contiguous()
    mask = mask.float().unflatten(1, (groups, _TAPS)).contiguous()
    matrix = weight.float().permute(0, 2, 3, 1).reshape(len(weight), -1).T  # (9 C, O)
    convolved = _convolution(blocks, offset, mask, matrix) + bias.float()
    return convolved.transpose(1, 2).unflatten(2, (height, width)).to(features.dtype)
