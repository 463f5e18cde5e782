"""Read a ``.npy`` file of others, whose header may be damaged or claim more than the file holds."""

import tokenize
from pathlib import Path
from typing import Any

import numpy as np


def load_array(path: Path) -> Any:
    """Return what a file of NumPy's holds; nothing is unpickled, and no more memory is taken than the file has bytes.

    Returns:
        The array in memory; for an archive of several, NumPy's own mapping.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged, or holds Python objects.
    """
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # compares the size of the file with the header's
    except (tokenize.TokenError, SyntaxError, EOFError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(f"its header is damaged ({type(error).__name__})") from error
    return np.array(mapped) if isinstance(mapped, np.ndarray) else mapped
