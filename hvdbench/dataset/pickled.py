"""Read plain data out of a pickle without unpickling it: nothing that the file names is imported or called.

Some releases keep boxes in pickles. Their opcodes are walked here, and numbers, texts, lists, tables and NumPy's arrays
are built of them; whatever else a file asks for is an error.
"""

import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.errors import InputError

_LONGEST_BYTES = 1 << 20  # a box takes some hundred
_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_GROUPS = {"TUPLE": tuple, "LIST": list}
_PASSED_OVER = ("PROTO", "FRAME", "STOP")
_VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)


@dataclass
class _Made:
    """What a name in the file would have made of its arguments; ``state`` is set afterwards."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


def read_pickled(file: Path) -> Any:
    """Return the data of a pickle; arrays and numbers of NumPy's are arrays.

    Raises:
        InputError: if the file is over 1 MiB or damaged, or asks for anything but plain data.
    """
    try:
        content = file.read_bytes()
        if len(content) > _LONGEST_BYTES:
            raise ValueError(f"it has {len(content)} bytes")
        return _plain(_walk(content))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{file} is not a pickle of plain data: {error}") from error


def _walk(content: bytes) -> Any:
    """Walk the opcodes and return the value that is left at the end."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _GROUPS:
            stack.append(_GROUPS[name](_since_mark(stack)))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("SETITEM", "SETITEMS", "DICT"):
            _set_items(stack, name)
        elif name in ("APPEND", "APPENDS"):
            added = [stack.pop()] if name == "APPEND" else _since_mark(stack)
            stack[-1].extend(added)
        elif name == "GLOBAL":
            stack.append(".".join(argument.split(" ")))
        elif name == "STACK_GLOBAL":
            stack[-2:] = [".".join(stack[-2:])]
        elif name == "REDUCE":
            stack[-2:] = [_Made(stack[-2], stack[-1])]
        elif name == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        elif name not in _PASSED_OVER:
            raise ValueError(f"it has the opcode {name}")
    return stack[-1]


def _since_mark(stack: list[Any]) -> list[Any]:
    start = max(index for index, value in enumerate(stack) if value is _MARK)
    taken = stack[start + 1 :]
    del stack[start:]
    return taken


def _set_items(stack: list[Any], name: str) -> None:
    if name == "SETITEM":
        added = [stack.pop() for _ in range(2)][::-1]
    else:
        added = _since_mark(stack)
    if name == "DICT":
        stack.append({})
    stack[-1].update(zip(added[::2], added[1::2], strict=True))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return _array(value) if isinstance(value, _Made) else value


def _array(made: _Made) -> Any:
    """Return the numbers that NumPy's own names would have made."""
    name = made.name.replace("numpy._core.", "numpy.core.")
    if name == "numpy.core.multiarray._reconstruct":
        _, shape, kind, is_fortran, content = made.state
        numbers = np.frombuffer(_bytes(content), _dtype(kind))
        return numbers.reshape(shape, order="F" if is_fortran else "C")
    if name == "numpy.core.numeric._frombuffer":
        content, kind, shape, order = made.arguments
        return np.frombuffer(_bytes(content), _dtype(kind)).reshape(shape, order=order)
    if name == "numpy.core.multiarray.scalar":
        return np.frombuffer(_bytes(made.arguments[1]), _dtype(made.arguments[0]))
    if name == "_codecs.encode":
        return _bytes(made)
    raise ValueError(f"it asks for {made.name}")


def _dtype(made: _Made) -> "np.dtype[Any]":
    if made.name != "numpy.dtype":
        raise ValueError(f"it asks for {made.name}")
    kind = np.dtype(str(made.arguments[0]))
    if kind.kind not in "iufb":
        raise ValueError(f"it has an array of {kind}")
    return kind.newbyteorder(made.state[1] if made.state else "=")


def _bytes(value: Any) -> bytes:
    """Return an array's bytes, which old protocols write as a text."""
    if isinstance(value, _Made) and value.name == "_codecs.encode":
        return str(value.arguments[0]).encode("latin1")
    if not isinstance(value, (bytes, bytearray)):
        raise ValueError(f"it has {type(value).__name__} where an array has bytes")
    return bytes(value)
