"""Weights: which files are known, where they belong, and reading them without running what they contain."""

import argparse
import hashlib
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvdbench.errors import WeightsError
from hvdbench.paths import weights_folder

if TYPE_CHECKING:
    from torch import Tensor, nn

SUFFIXES = (".pth", ".pt", ".tar", ".safetensors")
_CONTAINERS = ("state_dict", "params", "params_ema", "model", "model_state")
_WRAPPERS = ("module.model.", "module.")
_GENERATORS = ("generator.", "generator_ema.")
_BOOKKEEPING = ("step_counter",)
_CODE_PHRASES = (
    "unsupported global",
    "unsupported class",
    "trying to call reduce",
    "can only build",
    "can only create",
)
_LISTED_KEYS = 5
_HASH_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class KnownWeights:
    """A weight file that somebody published; none is part of hvdbench."""

    name: str
    network: str
    file_name: str
    """Under :func:`hvdbench.paths.weights_folder`."""
    page: str
    """Where to read about it and download it."""
    licence: str
    sha256: str | None
    """The digest or its first digits, where the publisher states it; else None."""
    note: str


_PYIQA = "https://huggingface.co/chaofengc/IQA-PyTorch-Weights"
KNOWN: tuple[KnownWeights, ...] = (
    KnownWeights(
        name="selfhvd",
        network="basicvsrpp",
        file_name="pretrain.pth",
        page="https://github.com/cshonglei/SelfHVD",
        licence="Apache-2.0 (repository)",
        sha256=None,
        note="Google Drive link in the README; holds a SPyNet, see there",
    ),
    KnownWeights(
        name="basicvsrpp_gopro",
        network="basicvsrpp",
        file_name="basicvsr_plusplus_deblur_gopro.pth",
        page="https://github.com/ckkelvinchan/BasicVSR_PlusPlus",
        licence="Apache-2.0 (repository)",
        sha256=None,
        note="Dropbox link in the README; save it under this name, that of its config; holds a SPyNet, see there",
    ),
    KnownWeights(
        name="spynet",
        network="spynet",
        file_name="spynet_20210409-c6c1bd09.pth",
        page="https://download.openmmlab.com/mmediting/restorers/basicvsr/spynet_20210409-c6c1bd09.pth",
        licence="non-commercial and scientific research (github.com/anuragranj/spynet)",
        sha256="c6c1bd09",
        note="the authors' weights, by way of github.com/sniklaus/pytorch-spynet, under MMEditing's key names",
    ),
    KnownWeights(
        name="sea_raft_spring_m",
        network="sea_raft",
        file_name="Tartan-C-T-TSKH-spring540x960-M.pth",
        page="https://github.com/princeton-vl/SEA-RAFT",
        licence="BSD-3-Clause (repository)",
        sha256=None,
        note="Google Drive link in the README; for the configuration spring-M",
    ),
    KnownWeights(
        name="vgg19",
        network="vgg19",
        file_name="vgg19-dcbb9e9d.pth",
        page="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        licence="BSD-3-Clause (torchvision); trained on ImageNet, whose pictures are for research",
        sha256="dcbb9e9d",
        note="torchvision's VGG19_Weights.IMAGENET1K_V1",
    ),
    KnownWeights(
        name="musiq",
        network="musiq",
        file_name="musiq_koniq_ckpt-e95806b9.pth",
        page=_PYIQA,
        licence="PolyForm-Noncommercial-1.0.0 (pyiqa)",
        sha256=None,
        note="pyiqa's metric musiq, trained on KonIQ-10k",
    ),
    KnownWeights(
        name="maniqa",
        network="maniqa",
        file_name="ckpt_koniq10k.pt",
        page=_PYIQA,
        licence="PolyForm-Noncommercial-1.0.0 (pyiqa)",
        sha256=None,
        note="pyiqa's metric maniqa, trained on KonIQ-10k; timm fetches a ViT-B/8 besides when it is made",
    ),
)

SIGNATURES: Mapping[str, tuple[str, ...]] = {
    "rvrt": ("deform_align.backward_1.proj_v.1.bias",),
    "basicvsrpp": ("feat_extract.4.main.0.weight", "deform_align.backward_1.conv_offset.0.weight"),
    "estrnn": ("cell.F_B0.weight", "cell.F_B1.rdb.dense_layers.0.conv.weight"),
    "ifirnn": ("rnncell0.F_B.0.weight",),
    "sea_raft": ("cnet.layer1.0.conv1.weight", "fnet.layer1.0.conv1.weight"),
    "spynet": ("basic_module.0.basic_module.0.conv.weight",),
    "cdvd_tsp": ("recons_net.inBlock.0.0.weight", "flow_net.moduleNetwork.moduleRefiner.moduleMain.0.weight"),
    "pwc_net": ("moduleExtractor.moduleOne.0.weight", "moduleRefiner.moduleMain.0.weight"),
    "nafnet": ("intro.weight", "ending.weight", "middle_blks.0.sca.1.weight"),
    "hypercut": ("f_func.model.1.weight", "hyperplane.hyperplane"),
    "fusion": ("first.weight", "body.0.conv1.weight", "last.weight"),
}
"""Keys that together tell which network a state dict belongs to."""


def weights_status() -> list[tuple[KnownWeights, Path, bool]]:
    """List the known weights, the path where each belongs, and whether a file is there. Imports no torch."""
    folder = weights_folder()
    return [(known, folder / known.file_name, (folder / known.file_name).is_file()) for known in KNOWN]


def known_weights(name: str) -> KnownWeights:
    """Find known weights by their name.

    Raises:
        WeightsError: no such name.
    """
    for known in KNOWN:
        if known.name == name:
            return known
    raise WeightsError(f"no known weights are named '{name}' (known: {', '.join(known.name for known in KNOWN)})")


def guess_network(keys: Iterable[str]) -> str | None:
    """Name the network whose parameters are called like this, None where no signature fits."""
    present = set(keys)
    return next((name for name, signature in SIGNATURES.items() if present.issuperset(signature)), None)


def load_checkpoint(path: Path, *, expected_sha256: str | None = None) -> "dict[str, Tensor]":
    """Read a state dict from a weight file, bare of the containers and prefixes that training code puts around it.

    Nothing in the file is executed: pickles are read with ``weights_only=True``.

    Args:
        path: a .pth, .pt, .tar (all of ``torch.save``) or .safetensors file.
        expected_sha256: digest of the file in hex, or its first digits.

    Returns:
        Tensors on the CPU by parameter name.

    Raises:
        WeightsError: no such file, another kind of file, another digest, a damaged file, one that holds code, or
            one without a state dict.
    """
    if not path.is_file():
        raise WeightsError(_missing_message(path))
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"{path} is no weight file: its name must end in one of {', '.join(SUFFIXES)}")
    if expected_sha256 is not None:
        _check_sha256(path, expected_sha256)
    return _strip_prefixes(_unwrap(_read(path), path))


def load_into(network: "nn.Module", state_dict: "Mapping[str, Tensor]", source: Path) -> None:
    """Load every parameter and buffer of a network; nothing may be missing or left over.

    Args:
        network: changed in place, and only if all fits.
        state_dict: as :func:`load_checkpoint` gives it.
        source: the file it came from, for the message.

    Raises:
        WeightsError: names or shapes differ.
    """
    own = network.state_dict()
    missing = [key for key in own if key not in state_dict]
    unexpected = [key for key in state_dict if key not in own]
    reshaped = [
        f"{key} {tuple(state_dict[key].shape)} instead of {tuple(value.shape)}"
        for key, value in own.items()
        if key in state_dict and state_dict[key].shape != value.shape
    ]
    findings = [
        f"{len(found)} {what} ({', '.join(found[:_LISTED_KEYS])}{', ...' if len(found) > _LISTED_KEYS else ''})"
        for what, found in (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
        if found
    ]
    if findings:
        guess = guess_network(state_dict)
        looks = f"its keys look like those of {guess}" if guess else "its keys look like those of no known network"
        raise WeightsError(f"{source} does not fit {type(network).__name__}: {'; '.join(findings)}; {looks}")
    network.load_state_dict(dict(state_dict), strict=True)


def _missing_message(path: Path) -> str:
    """Say that a weight file is not there, and how to get it where it is a known one."""
    for known in KNOWN:
        if path.name == known.file_name:
            return (
                f"the weights {path} are missing: get them from {known.page} ({known.note}; licence: {known.licence}) "
                f"and put them at {weights_folder() / known.file_name}"
            )
    return f"the weights {path} are missing"


def _check_sha256(path: Path, expected: str) -> None:
    """Refuse a file whose digest does not start with the expected digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    if not digest.hexdigest().startswith(expected.lower()):
        raise WeightsError(
            f"{path} has sha256 {digest.hexdigest()}, expected {expected}: download it again, it is cut off or altered"
        )


def _read(path: Path) -> Any:
    """Read what a weight file holds, without running any of it."""
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path, device="cpu")
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if any(phrase in str(error).lower() for phrase in _CODE_PHRASES):
            raise WeightsError(
                f"{path} holds pickled code beside its tensors, which is never run: "
                "save its state dict alone, best as .safetensors"
            ) from error
        raise WeightsError(f"{path} is damaged or no weight file: download it again") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (MemoryError, ImportError):
        raise
    except Exception as error:  # damaged bytes can make the readers fail in any way
        raise WeightsError(f"{path} is damaged or no weight file: download it again") from error


def _unwrap(content: Any, path: Path) -> "dict[str, Tensor]":
    """Take the state dict out of the containers that training code saves it in."""
    import torch

    for _ in _CONTAINERS:  # one may hold another
        if isinstance(content, Mapping):
            content = next((content[key] for key in _CONTAINERS if isinstance(content.get(key), Mapping)), content)
    if isinstance(content, Mapping) and content and all(isinstance(value, torch.Tensor) for value in content.values()):
        return dict(content)
    raise WeightsError(f"{path} holds no state dict, neither bare nor under {', '.join(_CONTAINERS)}")


def _strip_prefixes(state_dict: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Drop the prefixes of wrappers, all but the generator where there is one, and book-keeping."""
    for prefix in _WRAPPERS:
        if all(key.startswith(prefix) for key in state_dict):
            state_dict = {key.removeprefix(prefix): value for key, value in state_dict.items()}
    for prefix in _GENERATORS:
        if any(key.startswith(prefix) for key in state_dict):
            chosen = {key: value for key, value in state_dict.items() if key.startswith(prefix)}
            state_dict = {key.removeprefix(prefix): value for key, value in chosen.items()}
            break
    return {key: value for key, value in state_dict.items() if key not in _BOOKKEEPING}
