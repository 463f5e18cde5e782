"""What figures were measured on."""

import platform
from pathlib import Path

import torch

from hvdbench.workspace.engine import usable_cores


def machine() -> str:
    """Describe cores, processor and versions."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.is_file() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = named[0] if named else platform.processor() or "CPU"
    return f"{usable_cores()} cores of {processor}, torch {torch.__version__}, Python {platform.python_version()}"
