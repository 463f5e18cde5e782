"""Find pyiqa's weights, and make a metric without network access.

Importing this imports neither torch nor pyiqa.
"""

import contextlib
import io
import os
import shutil
import socket
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from hvdbench.errors import WeightsError
from hvdbench.weights.registry import KNOWN
from hvdbench.workspace.manifest import file_sha256
from hvdbench.workspace.paths import weights_folder

WEIGHTLESS = frozenset(
    {
        "cw_ssim",
        "entropy",
        "fsim",
        "gmsd",
        "mad",
        "ms_ssim",
        "nlpd",
        "piqe",
        "psnr",
        "psnry",
        "ssim",
        "ssimc",
        "vif",
        "vsi",
    }
)
"""pyiqa's metrics that need no file; the only ones without a truth are piqe and entropy."""

_BACKBONES: Mapping[str, str] = {  # what torchvision fetches besides
    "lpips": "alexnet-owt-7be5be79.pth",
    "dists": "vgg16-397923af.pth",
}


def missing_weights(name: str) -> str | None:
    """Return a sentence about a file that a metric lacks, or None if none is known to; pyiqa is not imported.

    For the metrics in hvdbench's registry every file is known. The others are only known to need a file: where the
    caches contain none at all, they lack it.
    """
    if name in WEIGHTLESS:
        return None
    for known in KNOWN:
        if known.name == name:
            if not any((folder / known.file_name).is_file() for folder in _folders()):
                return f"metric '{name}' needs {known.file_name}, which is not here: {known.how_to_get}"
            backbone = _BACKBONES.get(name)
            if backbone and not any((folder / backbone).is_file() for folder in _folders()):
                place = weights_folder() / backbone
                return f"metric '{name}' also needs torchvision's {backbone}, which is not here: put it at {place}"
            return None
    if any(
        file.is_file() for folder in (*_folders(), _hugging_face()) if folder.is_dir() for file in folder.rglob("*")
    ):
        return None
    return _nowhere(name, "its weights")


def weight_digests(name: str) -> list[str]:
    """Return the SHA-256 of each file of a metric in hvdbench's registry, as far as it is here; of others nothing."""
    files = [known.file_name for known in KNOWN if known.name == name]
    files += [_BACKBONES[name]] if files and name in _BACKBONES else []
    found = (next((folder / file for folder in _folders() if (folder / file).is_file()), None) for file in files)
    return [file_sha256(path) for path in found if path is not None]


def _nowhere(name: str, what: str) -> str:
    return (
        f"metric '{name}' needs {what}, which {weights_folder()} and pyiqa's cache do not contain: hvdbench downloads "
        "nothing; get them from https://huggingface.co/chaofengc/IQA-PyTorch-Weights and put them there"
    )


def _folders() -> tuple[Path, Path, Path]:
    """List the folders where weights may lie: hvdbench's folder, pyiqa's cache and torchvision's."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    hub = Path(os.environ.get("TORCH_HOME") or cache_home / "torch") / "hub"
    return weights_folder(), hub / "pyiqa", hub / "checkpoints"


def _hugging_face() -> Path:
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = Path(os.environ.get("HF_HOME") or cache_home / "huggingface")
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub")


@contextlib.contextmanager
def closed(name: str) -> Iterator[None]:
    """Prevent network access, and running code from a file, while a metric is made, for the whole process.

    What pyiqa or torchvision would download is taken from hvdbench's folder by its name, and copied to their cache.

    Raises:
        WeightsError: within the block, if a file is nowhere.
    """
    import torch

    load = torch.load

    def plain_load(*args: Any, **options: Any) -> Any:
        return load(*args, **(options | {"weights_only": True}))

    def from_folder(url: str, dst: str, *args: Any, **options: Any) -> None:
        file = Path(url.split("?")[0]).name
        own = weights_folder() / file
        if not own.is_file():
            raise WeightsError(_nowhere(name, file))
        Path(dst).parent.mkdir(parents=True, exist_ok=True)
        part = Path(f"{dst}.part{os.getpid()}")
        shutil.copyfile(own, part)
        part.replace(dst)

    def no_network(*args: Any, **options: Any) -> Any:
        raise OSError("the network is closed while a metric is made")

    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(mock.patch.dict(os.environ, HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1"))
        for target in (socket, "getaddrinfo"), (socket, "create_connection"):
            stack.enter_context(mock.patch.object(*target, no_network))
        import huggingface_hub.constants
        import pyiqa.utils.download_util

        stack.enter_context(mock.patch.object(huggingface_hub.constants, "HF_HUB_OFFLINE", True))
        stack.enter_context(mock.patch.object(torch, "load", plain_load))
        stack.enter_context(mock.patch.object(torch.hub, "download_url_to_file", from_folder))
        stack.enter_context(mock.patch.object(pyiqa.utils.download_util, "download_url_to_file", from_folder))
        yield
