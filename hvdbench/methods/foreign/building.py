"""Make a torch network by its name in the catalogue or an import string, with its weights or not at all."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from hvdbench.catalog import NETWORKS, resolve
from hvdbench.errors import HvdbenchError, InputError, WeightsError
from hvdbench.methods.foreign.calling import reason
from hvdbench.methods.recipe import look_here
from hvdbench.networks.spec import NetworkSpec
from hvdbench.weights.checkpoints import load_checkpoint
from hvdbench.weights.fitting import load_into
from hvdbench.weights.registry import KNOWN
from hvdbench.workspace.paths import weights_folder


def build_network(
    name: str, arguments: Mapping[str, Any], weights: Path | None, *, own_weights: bool = False
) -> nn.Module:
    """Make a network, in evaluation, on the CPU.

    Args:
        name: of the catalogue (``estrnn``, ``estrnn@tiny``), or an import string of a class, a function that makes the
            module, or the module itself; the current folder is searched last.
        arguments: of the class or function.
        weights: a checkpoint, read without running anything in it; every key must fit.
        own_weights: what is named has its weights already.

    Raises:
        UnknownNameError: there is no such network.
        InputError: it cannot be made with these arguments, or restores no clips.
        WeightsError: it has parameters and no weights, or others' weights.
    """
    network = _make(name, arguments)
    if weights is not None:
        load_into(network, load_checkpoint(weights), weights)
    elif not own_weights and any(True for _ in network.parameters()):
        raise WeightsError(f"network '{name}' without weights would restore by chance: name a checkpoint (--weights)")
    return network.eval()


def find_weights(text: str) -> Path:
    """Find a checkpoint: a file, else the known weights of that name, else a file in the folder of weights.

    Raises:
        WeightsError: it is not there.
    """
    here = Path(text)
    known = next((known for known in KNOWN if known.name == text), None)
    there = weights_folder() / (known.file_name if known else text)
    if here.is_file() or (known is None and not there.is_file()):
        return here
    if not there.is_file():
        assert known is not None
        raise WeightsError(f"the weights '{text}' are missing: {known.how_to_get}")
    return there


def source_file(name: str) -> Path | None:
    """Give the file of the module that an import string names; None for the catalogue's and where there is none."""
    if ":" not in name:
        return None
    look_here()
    try:
        found = importlib.util.find_spec(name.partition(":")[0])
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(found.origin) if found and found.origin and Path(found.origin).is_file() else None


def _make(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    look_here()
    try:
        thing = resolve("network", name)
    except HvdbenchError:
        raise
    except Exception as error:  # a module of others can fail in any way as it is imported
        if ":" not in name:
            raise
        raise InputError(f"network '{name}' cannot be imported: {reason(error)}") from error
    if isinstance(thing, nn.Module):
        if arguments:
            raise InputError(f"network '{name}' is a module that is made already, so it takes no arguments")
        return thing
    try:
        made = thing(**arguments)
    except Exception as error:  # wrong arguments most of all, but the code is others'
        raise InputError(f"network '{name}' cannot be made with {dict(arguments)}: {reason(error)}") from error
    if not isinstance(made, nn.Module):
        raise InputError(f"network '{name}' is {type(made).__name__}: a torch.nn.Module, or what makes one, is needed")
    if name.partition("@")[0] in NETWORKS and not isinstance(getattr(made, "spec", None), NetworkSpec):
        raise InputError(f"network '{name}' restores no clips: it serves other networks or one method alone")
    return made
