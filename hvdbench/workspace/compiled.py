"""Compile loops with Numba, and cache them on disk if that is possible."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


def compiled(function: Compiled, **options: Any) -> Compiled:
    """Compile for this machine without the interpreter's lock, and cache on disk if a folder for that can be written.

    Numba is imported only by the call, because its import alone takes longer than most commands.

    Args:
        function: function of arrays and numbers.
        options: options of ``numba.njit``.
    """
    import numba

    jit: Any = numba.njit  # how far Numba annotates itself changes from version to version
    try:
        made = jit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        made = jit(nogil=True, **options)(function)
    return cast(Compiled, made)


def compiled_loop(function: Compiled) -> Compiled:
    """Compile as :func:`compiled` does; division by zero returns infinity, and a product and a sum may be fused.

    The order of operations stays, so one machine always returns the same bytes.
    """
    return compiled(function, error_model="numpy", fastmath={"contract"})
