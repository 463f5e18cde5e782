"""Take a state dict out of what training code wraps around it: containers, wrappers, counters and generators."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvdbench.errors import WeightsError
from hvdbench.weights.plain_data import PlainArray
from hvdbench.weights.unpacking import some

if TYPE_CHECKING:
    from torch import Tensor

_CONTAINERS = (
    "state_dict",
    "params",
    "params_ema",
    "model",
    "model_state",
    "model_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema",
)
_DEEPEST = 4
_WRAPPERS = ("module.model.", "module.", "_orig_mod.")
_WRAPPED = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")  # of torch's, wherever they stand
_GENERATORS = ("generator.", "generator_ema.")
_COUNTERS = ("step_counter", "n_averaged", "total_ops", "total_params")  # of mmedit, of averaged models, of thop
_LIGHTNING_MODEL = "model."


def unwrap(content: Any, path: Path) -> "tuple[dict[str, Tensor], list[str]]":
    """Take the state dict out of what training code saves it in; return which, in words.

    Several state dicts beside one another, none of them under a known name, are kept under their names as prefixes:
    which of them a network fits shows when it is loaded.
    """
    steps = []
    for _ in range(_DEEPEST):  # one container may hold another
        content = _by_name(content)
        key = next((key for key in _CONTAINERS if _state_dicts(content.get(key))), None)
        if key is None:
            break
        beside = [f"'{other}'" for other in content if other != key]
        steps.append(f"taken from '{key}'" + (f" (beside it: {some(beside)})" if beside else ""))
        content = content[key]
    found = _state_dicts(content)
    if not found:
        raise WeightsError(f"{path} does not contain a state dict, neither bare nor in anything that it contains")
    if len(found) > 1:
        steps.append(f"several state dicts, each under its name: {some([repr(name) for name in found])}")
        return {f"{name}.{key}": value for name, one in found.items() for key, value in _tensors(one).items()}, steps
    ((name, state_dict),) = found.items()
    if name:
        steps.append(f"taken from '{name}'")
    tensors = _tensors(state_dict)
    left_out = [f"'{key}'" for key in state_dict if key not in tensors]
    if left_out:
        steps.append(f"no tensors, left out: {some(left_out)}")
    return tensors, steps


def _by_name(content: Any) -> Mapping[Any, Any]:
    """Return what a container holds by name; the parts of a tuple or list go by their numbers."""
    if isinstance(content, Mapping):
        return content
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        return {str(number): part for number, part in enumerate(content) if isinstance(part, Mapping)}
    return {}


def _state_dicts(content: Any, depth: int = _DEEPEST) -> dict[str, Mapping[Any, Any]]:
    """Find the state dicts in a container, by the names that lead to them; the name of itself is empty."""
    if isinstance(content, Mapping) and 2 * len(_tensors(content)) > len(content):
        return {"": content}
    if depth == 0:
        return {}
    found = {}
    for key, part in _by_name(content).items():
        if isinstance(key, str):
            for name, state_dict in _state_dicts(part, depth - 1).items():
                found[f"{key}.{name}" if name else key] = state_dict
    return found


def _tensors(content: Mapping[Any, Any]) -> "dict[str, Tensor]":
    """Return the tensors of a mapping by name, those among them that were saved as arrays of NumPy's too."""
    import torch

    made = {
        key: value.tensor() if isinstance(value, PlainArray) else value
        for key, value in content.items()
        if isinstance(key, str)
    }
    return {key: value for key, value in made.items() if isinstance(value, torch.Tensor)}


def strip_prefixes(state_dict: "dict[str, Tensor]", *, is_lightning: bool) -> "tuple[dict[str, Tensor], list[str]]":
    """Drop counters, the prefixes of wrappers, and all but the generator where there is one; return which."""
    steps = []
    kept = {key: value for key, value in state_dict.items() if key.rpartition(".")[2] not in _COUNTERS}
    if len(kept) < len(state_dict):
        steps.append(f"counters left out: {some([key for key in state_dict if key not in kept])}")
    while prefix := _wrapper_of(kept):  # one wrapper may hold another: a compiled model in a parallel one
        kept = {key.removeprefix(prefix): value for key, value in kept.items()}
        steps.append(f"prefix '{prefix}' taken off")
    for wrapper in _WRAPPED:
        if any(wrapper in key.split(".") for key in kept):
            kept = {".".join(part for part in key.split(".") if part != wrapper): kept[key] for key in kept}
            steps.append(f"'{wrapper}' taken off inside the keys")
    for prefix in (*_GENERATORS, _LIGHTNING_MODEL) if is_lightning else _GENERATORS:
        if any(key.startswith(prefix) for key in kept):
            left_out = [key for key in kept if not key.startswith(prefix)]
            kept = {key.removeprefix(prefix): value for key, value in kept.items() if key.startswith(prefix)}
            others = f", others left out: {some(left_out)}" if left_out else ""
            steps.append(f"the keys under '{prefix}' taken{others}")
            break
    return kept, steps


def _wrapper_of(keys: Iterable[str]) -> str | None:
    """Return the prefix of a wrapper that all keys share, None where there is none."""
    names = list(keys)
    return next((prefix for prefix in _WRAPPERS if names and all(name.startswith(prefix) for name in names)), None)
