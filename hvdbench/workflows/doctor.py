"""Examine an installation: report what is there, what is missing, and what to do about it.

Nothing heavy is imported in this process. Versions come from the packages' metadata, and torch is tried in another
process, so that even an installation whose torch crashes gets its answer.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from subprocess import TimeoutExpired, run
from typing import Literal

import hvdbench
from hvdbench.errors import HvdbenchError
from hvdbench.weights.registry import weights_status
from hvdbench.workspace import paths
from hvdbench.workspace.engine import usable_cores
from hvdbench.workspace.memory import free_memory
from hvdbench.workspace.parsing import parse_json

State = Literal["ok", "note", "problem"]

_OLDEST_PYTHON = (3, 11)
_OPENCV_WHEELS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_NEEDS_ROOT = {"gopro": "GoPro's high-rate clips are not used", "reds": "REDS's 120 fps clips are not used"}
_TORCH_PATIENCE_S = 12.0
_TORCH_PROBE = """
import json, torch
name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
print(json.dumps([torch.__version__, torch.version.cuda, name]), flush=True)
import torchvision
print("torchvision works", flush=True)
"""
_REINSTALL = "install hvdbench again with its dependencies (in a checkout: make install)"


@dataclass(frozen=True)
class Finding:
    """One thing that was examined, and its state.

    Attributes:
        topic: the subject in a word or two, e.g. ``torch``.
        state: ``ok`` where it works, ``note`` where it works but there is something to know, ``problem`` where
            something will fail until it is mended.
        text: one sentence, which also says what to do where there is something to do.
    """

    topic: str
    state: State
    text: str


def examine() -> list[Finding]:
    """Examine everything in some seconds; nothing is raised, whatever is broken."""
    return [finding for look in _LOOKS for finding in _guarded(look)]


def _guarded(look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    topic = look.__name__.strip("_").replace("_", " ")
    try:
        yield from look()
    except HvdbenchError as error:
        yield Finding(topic, "problem", str(error))
    except Exception as error:  # a broken environment can fail in any way, and that is the finding
        yield Finding(topic, "problem", f"could not be examined ({type(error).__name__}: {error}): {_REINSTALL}")


def _python() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _OLDEST_PYTHON:
        yield Finding("python", "problem", f"{found} at {sys.executable}: hvdbench needs 3.11 or newer")
    else:
        yield Finding("python", "ok", f"{found} at {sys.executable}")


def _hvdbench() -> Iterator[Finding]:
    try:
        yield Finding("hvdbench", "ok", f"{version('hvdbench')} at {Path(hvdbench.__file__).parent}")
    except PackageNotFoundError:
        yield Finding("hvdbench", "problem", f"{Path(hvdbench.__file__).parent} is not installed here: {_REINSTALL}")


def _packages() -> Iterator[Finding]:
    try:
        lines = [line for line in requires("hvdbench") or [] if "extra ==" not in line]
    except PackageNotFoundError:
        return  # already reported under hvdbench
    found = {name: _version(name) for name in (re.split(r"[^\w.-]", line)[0] for line in lines)}
    missing = sorted(name for name, number in found.items() if number is None)
    if missing:
        yield Finding("packages", "problem", f"missing: {', '.join(missing)}: {_REINSTALL}")
    there = sorted(f"{name} {number}" for name, number in found.items() if number is not None)
    if there:
        yield Finding("packages", "ok", ", ".join(there))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch() -> Iterator[Finding]:
    try:
        probe = run(
            [sys.executable, "-c", _TORCH_PROBE],
            capture_output=True,
            text=True,
            timeout=_TORCH_PATIENCE_S,
            check=False,
        )
    except TimeoutExpired:
        yield Finding(
            "torch", "note", f"was not imported within {_TORCH_PATIENCE_S:g} s, perhaps from a slow disk: ask again"
        )
        return
    lines = [line for line in probe.stdout.splitlines() if line.strip()]
    reason = (probe.stderr.strip().splitlines() or [f"exit code {probe.returncode}"])[-1]
    facts = next((line for line in lines if line.startswith("[")), None)
    if facts is None:
        yield Finding("torch", "problem", f"cannot be imported ({reason}): {_REINSTALL}")
        return
    number, cuda, device = parse_json(facts)
    yield _device(number, cuda, device)
    if "torchvision works" in lines:
        yield Finding("torchvision", "ok", f"{_version('torchvision')} works with torch {number}")
    else:
        yield Finding(
            "torchvision",
            "problem",
            f"{_version('torchvision')} does not work with torch {number} ({reason}): the two must come from the same "
            f"index; run: {sys.executable} -m pip uninstall -y torch torchvision, then {sys.executable} -m pip install "
            "torch torchvision",
        )


def _device(number: str, cuda: str | None, device: str | None) -> Finding:
    if device:
        return Finding("torch", "ok", f"{number}, computes on {device} (CUDA {cuda})")
    build = f"built for CUDA {cuda}, but no such device answers" if cuda else "a build without CUDA"
    return Finding("torch", "note", f"{number}, computes on the CPU ({build})")


def _opencv() -> Iterator[Finding]:
    found: dict[str, str] = {name: number for name in _OPENCV_WHEELS if (number := _version(name)) is not None}
    if not found:
        yield Finding("opencv", "problem", f"no OpenCV wheel is installed: {_REINSTALL}")
        return
    told = ", ".join(f"{name} {number}" for name, number in found.items())
    if len(set(found.values())) == 1:
        yield Finding("opencv", "ok", told)
        return
    newest = max(found.values(), key=lambda number: [int(part) for part in re.findall(r"\d+", number)])
    pins = " ".join(f"{name}=={newest}" for name in found)
    yield Finding(
        "opencv",
        "problem",
        f"{told} share one folder and differ, so what is imported is a mixture; run: {sys.executable} -m pip install "
        f"--force-reinstall --no-deps {pins}",
    )


def _folders() -> Iterator[Finding]:
    for name in ("recipes", "trajectories"):
        yield Finding("folders", "ok", f"{name}: {paths.home_folder(name)}")
    if not os.environ.get("HVDBENCH_HOME"):
        yield Finding(
            "folders", "ok", "HVDBENCH_HOME is unset: the installation's own recipes and trajectories are read"
        )


def _sources() -> Iterator[Finding]:
    for source, without in _NEEDS_ROOT.items():
        found = paths.root_setting(source)
        if found:
            root, named_by = found
            yield Finding("sources", "ok", f"{named_by}: {root}")
        else:
            variable = paths.root_variable(source)
            yield Finding("sources", "note", f"{variable} is unset: {without}; set it to the folder that contains them")


def _trajectories() -> Iterator[Finding]:
    from hvdbench.camera.index import MONST3R, read_index  # imported late because it loads SciPy

    root = paths.home_folder("trajectories")
    index = read_index(root)
    for name, entry in sorted(index.items()):
        if not (root / entry.folder).is_dir():
            yield Finding("trajectories", "problem", f"set '{name}' of {root / 'index.toml'} names no folder")
    estimated = sorted(name for name, entry in index.items() if entry.origin == MONST3R)
    if estimated:
        yield Finding("trajectories", "ok", f"sets estimated by MonST3R: {', '.join(estimated)}")
    else:
        yield Finding(
            "trajectories",
            "note",
            f"{root / 'index.toml'} lists no set estimated by MonST3R, so simulated paths take their place (found: "
            f"{', '.join(sorted(index)) or 'none'})",
        )


def _weights() -> Iterator[Finding]:
    yield Finding("weights", "ok", f"folder: {paths.weights_folder()} (HVDBENCH_WEIGHTS names another one)")
    for known, path, present in weights_status():
        if present:
            yield Finding("weights", "ok", f"{known.name}: {path}")
        else:
            facts = f"{known.note}; licence: {known.licence}"
            text = f"{known.name} is missing: get it from {known.page} ({facts}) and put it at {path}"
            yield Finding("weights", "note", text)


def _machine() -> Iterator[Finding]:
    free = free_memory()
    memory = "unknown" if free is None else f"{free / 2**30:.1f} GiB"
    yield Finding("machine", "ok", f"{usable_cores()} usable cores, free memory: {memory}")


def _licences() -> Iterator[Finding]:
    number = _version("pyiqa")
    if number:
        yield Finding(
            "licences",
            "note",
            f"pyiqa {number} is under PolyForm Noncommercial 1.0.0: its metrics (MUSIQ, MANIQA ...) are not for "
            "commercial use; hvdbench's own PSNR and SSIM do not need it",
        )


_LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python,
    _hvdbench,
    _packages,
    _torch,
    _opencv,
    _folders,
    _sources,
    _trajectories,
    _weights,
    _machine,
    _licences,
)
