"""Compile loops by Numba, kept on disk where that can be."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def compiled(function: Compiled, **options: Any) -> Compiled:
    """Compile for this machine without the interpreter's lock, cached on disk where a folder for that can be written.

    Numba is imported by the call, not before: its import alone takes longer than most commands.

    Args:
        function: of arrays and numbers.
        options: of ``numba.njit``.
    """
    import numba

    jit: Any = numba.njit  # how far Numba annotates itself changes from version to version
    try:
        made = jit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        made = jit(nogil=True, **options)(function)
    return cast(Compiled, made)


def compiled_loop(function: Compiled) -> Compiled:
    """Compile as :func:`compiled` does; a division by zero gives infinity, and a product and a sum may be fused.

    Their order stays, so one machine always gives the same bytes.
    """
    return compiled(function, error_model="numpy", fastmath={"contract"})
