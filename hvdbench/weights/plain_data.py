"""Stand-ins for what training code saves beside weights: plain data is read as dead values, and code not at all.

``torch.load(weights_only=True)`` builds tensors and refuses every other name in a pickle. Under the names listed here
it finds a stand-in, so that a path, a date or an array of NumPy's neither runs anything nor keeps a file from being
read.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path", "PurePath")
_VALUES = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    *(f"{module}.{name}" for module in ("pathlib", "pathlib._local") for name in _PATHS),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"builtins.{name}" for name in ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "range", "slice")),
    *(f"builtins.{name}" for name in ("str", "tuple")),
    "collections.deque",
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
    "zoneinfo.ZoneInfo._unpickle",
    "numpy.ndarray",  # it is named as the type that an array is made of
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",  # since NumPy 2
    *(f"numpy.random._pickle.__{maker}_ctor" for maker in ("randomstate", "generator", "bit_generator")),
    *(f"numpy.random.{kind}" for kind in ("_mt19937.MT19937", "_pcg64.PCG64", "_philox.Philox", "_sfc64.SFC64")),
    "numpy.random.bit_generator.SeedSequence",
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
)
_DICTS = (
    "collections.defaultdict",
    "easydict.EasyDict",
    "addict.addict.Dict",
    "yacs.config.CfgNode",
    "mmcv.utils.config.ConfigDict",
    "mmengine.config.config.ConfigDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
)
_ARRAYS = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")


class PlainData(list[Any]):
    """A value that nobody here needs; its type alone is known. It is a list because torch appends to nothing else."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, *arguments: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Forget what the value holds."""


class PlainDict:
    """What a class derived from ``dict`` becomes: a plain one, because torch sets no items of others."""

    def __new__(cls, *arguments: object) -> "OrderedDict[Any, Any]":  # type: ignore[misc]
        """Return an empty dict; the items follow in the pickle."""
        return OrderedDict()


class PlainType(PlainData):
    """A type of NumPy's numbers, such as ``f4``, with its order of bytes."""

    def __init__(self, name: object = "", *arguments: object) -> None:
        super().__init__()
        self.name, self.order = str(name), "="

    def __setstate__(self, state: object) -> None:
        """Keep the order of bytes."""
        if isinstance(state, tuple) and len(state) > 1:
            self.order = str(state[1])


class PlainArray(PlainData):
    """An array of NumPy's: its shape, type and bytes, of which :meth:`tensor` makes numbers."""

    def __init__(self, *arguments: object) -> None:
        super().__init__()
        self._state: Any = None

    def __setstate__(self, state: object) -> None:
        """Keep the shape, type and bytes."""
        self._state = state

    def tensor(self) -> "Tensor | None":
        """Return the numbers; None where it holds something else, or fewer bytes than its shape needs."""
        import numpy as np
        import torch

        try:
            _, shape, kind, is_fortran, content = self._state
            dtype = np.dtype(kind.name).newbyteorder(kind.order)
            numbers = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
            return torch.from_numpy(np.array(numbers, dtype.newbyteorder("="), order="C"))
        except (TypeError, ValueError, AttributeError):
            return None


def stand_ins() -> list[Any]:
    """List the stand-ins with the names that they stand under, as ``torch.serialization.safe_globals`` takes them."""
    named: list[tuple[type, tuple[str, ...]]] = [
        (PlainData, _VALUES),
        (PlainDict, _DICTS),
        (PlainType, ("numpy.dtype",)),
        (PlainArray, _ARRAYS),
    ]
    return [(kind, name) for kind, names in named for name in names]
