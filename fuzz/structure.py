"""Damage that keeps a file's form: what lies behind checksums, lengths and compression is changed and written anew."""

import ast
import io
import json
import random
import struct
import zlib
from typing import Any

import h5py
import numpy as np

from fuzz.mutation import changed_value

_SIZES = (0, 1, 2, 3, 7, 255, 256, 4096, 10_000, 65_535, 100_000, 2**31 - 1, 2**31, 2**32 - 1)
_PNG = b"\x89PNG\r\n\x1a\n"
_EXTRA = (
    b"PLTE",
    b"tRNS",
    b"gAMA",
    b"iCCP",
    b"sRGB",
    b"eXIf",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"tEXt",
    b"zTXt",
    b"cICP",
    b"sBIT",
)
_TYPES = ("<f4", "<f8", "<f2", ">f8", "|u1", "<u2", "<i8", "|b1", "<c16", "|O", "|S3", "<U4", "<M8[s]", "|V8", "")
_SHAPES: tuple[Any, ...] = (
    (), (0,), (4,), (4, 6), (6, 4), (24,), (1, 4, 6), (4, 6, 1), (0, 6), (2**31,), (2**40, 2**40), (-1, 6), (4.5, 6),
    "x", None, 24, [4, 6], (True, 6), (10**400,), (4,) * 40,
)  # fmt: skip
_HEADS: dict[str, tuple[Any, ...]] = {
    "dtype": ("F64", "F32", "F16", "BF16", "I64", "I8", "U8", "BOOL", "F8_E4M3", "C64", "x"),
    "shape": ([], [0], [1], [12], [2, 2, 3], [3, 4], [2**40, 2**40], [-1], [1.5], [2**64]),
    "data_offsets": ([0, 0], [0, 4], [0, 48], [48, 52], [52, 48], [2**40, 2**41], [0], [-4, 0]),
}


def changed_png(data: bytes, drawn: random.Random) -> bytes:
    """Change a head, pixels, or the order of the chunks of a PNG, and write checksums and compression that fit."""
    chunks = _chunks(data)
    if not chunks:
        return data
    kind = drawn.randrange(6)
    if kind == 0:
        return _PNG + b"".join(
            _chunk(name, _changed_head(body, drawn) if name == b"IHDR" else body) for name, body in chunks
        )
    if kind in (1, 2):
        return _PNG + b"".join(_chunk(name, body) for name, body in _with_other_rows(chunks, drawn))
    if kind == 3:
        at = drawn.randrange(len(chunks) + 1)
        chunks.insert(at, (drawn.choice(_EXTRA), drawn.randbytes(drawn.choice((0, 1, 4, 8, 13, 26, 768)))))
    elif kind == 4:
        a, b = drawn.randrange(len(chunks)), drawn.randrange(len(chunks))
        chunks[a], chunks[b] = chunks[b], chunks[a]
    elif drawn.random() < 0.5:
        del chunks[drawn.randrange(len(chunks))]
    else:
        chunks.append(drawn.choice(chunks))
    return _PNG + b"".join(_chunk(name, body) for name, body in chunks)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], len(_PNG)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def _changed_head(body: bytes, drawn: random.Random) -> bytes:
    """Change a side, the depth, the kind of colours, or the interlacing (PNG, section 11.2.1)."""
    if len(body) != 13:
        return body
    values = list(struct.unpack(">IIBBBBB", body))
    at = drawn.randrange(7)
    values[at] = drawn.choice(_SIZES) if at < 2 else drawn.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return struct.pack(">IIBBBBB", *values)


def _with_other_rows(chunks: list[tuple[bytes, bytes]], drawn: random.Random) -> list[tuple[bytes, bytes]]:
    """Change the filters and bytes of the rows, or their number, and compress them again in one to three chunks."""
    try:
        rows = bytearray(zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT")))
    except zlib.error:
        return chunks
    for _ in range(drawn.choice((1, 4, 40)) if rows else 0):
        rows[drawn.randrange(len(rows))] = drawn.randrange(256)
    if drawn.random() < 0.3:
        rows = rows[: drawn.randrange(len(rows) + 1)]
    elif drawn.random() < 0.2:
        rows += drawn.randbytes(500)
    packed = zlib.compress(bytes(rows), drawn.choice((0, 1, 9)))
    cuts = sorted(drawn.randrange(len(packed) + 1) for _ in range(drawn.randrange(3)))
    parts = [(b"IDAT", packed[a:b]) for a, b in zip([0, *cuts], [*cuts, len(packed)], strict=True)]
    at = next(number for number, (name, _) in enumerate(chunks) if name == b"IDAT")
    return [*chunks[:at], *parts, *(one for one in chunks[at:] if one[0] != b"IDAT")]


def changed_array(data: bytes, drawn: random.Random) -> bytes:
    """Change type, order, shape or numbers of an ``.npy`` file, whose head keeps a length that fits."""
    try:
        end = 10 + int.from_bytes(data[8:10], "little")
        head, body = ast.literal_eval(data[10:end].decode("latin-1")), data[end:]
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return data
    if not isinstance(head, dict):
        return data
    kind = drawn.randrange(6)
    if kind == 0:
        head["descr"] = drawn.choice(_TYPES)
    elif kind == 1:
        head["shape"] = drawn.choice(_SHAPES)
    elif kind == 2:
        head["fortran_order"] = drawn.choice((True, False, None, 1, "x"))
    elif kind == 3:
        number = drawn.choice((np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300, 1e-300, 5e-324))
        made = bytearray(body)
        at = drawn.randrange(max(1, len(body) // 8)) * 8
        made[at : at + 8] = (
            struct.pack("<d", number) if drawn.random() < 0.5 else struct.pack("<ff", 1e38, np.float32(np.nan))
        )
        body = bytes(made)
    elif kind == 4:
        body = body[: drawn.randrange(len(body) + 1)] if drawn.random() < 0.5 else body * 2
    else:
        head.pop(drawn.choice(sorted(head)), None) if drawn.random() < 0.5 and head else head.update(x=1)
    text = repr(head).encode("latin-1", "replace") + b"\n"
    if len(text) > 65_000:
        return data
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def changed_tensors(data: bytes, drawn: random.Random) -> bytes:
    """Change the JSON in the head of a ``.safetensors`` file, whose length is made to fit."""
    length = int.from_bytes(data[:8], "little")
    try:
        head = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        return data
    entry = head.get(drawn.choice(sorted(head))) if isinstance(head, dict) and head else None
    kind = drawn.random()
    if kind < 0.6 and isinstance(entry, dict):
        name = drawn.choice(sorted(_HEADS))
        entry[name] = drawn.choice(_HEADS[name])
    elif kind < 0.7 and isinstance(head, dict):
        head["__metadata__"] = drawn.choice(({}, {"a": "b"}, {"a": 1}, [], "x", None))
    else:
        head = changed_value(head, drawn)
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def changed_hdf5(data: bytes, drawn: random.Random) -> bytes:
    """Change a field, an attribute or a name of an HDF5 file, which stays a valid one."""
    made = io.BytesIO(data)
    try:
        with h5py.File(made, "r+") as file:
            names: list[str] = []
            file.visit(names.append)
            _change_within(file, drawn.choice(names or ["/"]), drawn)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, NotImplementedError):
        return data
    return made.getvalue()


def _change_within(file: h5py.File, name: str, drawn: random.Random) -> None:
    kind, node = drawn.randrange(7), file[name]
    if kind == 0:
        del file[name]
    elif kind == 1:
        file.move(name, drawn.choice(("x", "../x", f"{name}x", "is_selected", "t_s", "clips")))
    elif kind == 2:
        place = file if drawn.random() < 0.5 else node
        key = drawn.choice([*place.attrs] or ["x"])
        value = drawn.choice(
            (0, -1, 1e300, np.nan, "", "x", "../x", "zstd", "raw", [1, 2], [["a"]], 2**63 - 1, b"\xff", True)
        )
        place.attrs[key] = value
    elif kind == 3:
        place = file if drawn.random() < 0.5 else node
        if [*place.attrs]:
            del place.attrs[drawn.choice([*place.attrs])]
    elif isinstance(node, h5py.Group):
        file.create_dataset(
            f"{name}/{drawn.choice(('blur', 'sharp', 'x', 'is_selected'))}", data=np.zeros((3, 4), "u1")
        )
    else:
        _change_field(file, name, node, drawn)


def _change_field(file: h5py.File, name: str, field: h5py.Dataset, drawn: random.Random) -> None:
    """Write a field with another shape, type, filter or content in its place; declared sizes may be huge."""
    shape = [min(side, 1000) for side in field.shape] or [1]
    kind, attributes = drawn.randrange(6), dict(field.attrs)
    values = field[()] if field.size and field.size < 1 << 20 else np.zeros(1)
    del file[name]
    if kind == 0:
        shape[drawn.randrange(len(shape))] = drawn.choice((0, 1, 2, 10_000, 10**7, 2**31, 2**40))
        file.create_dataset(
            name, tuple(shape), drawn.choice(("u1", "f8", "i8")), chunks=tuple(min(n, 64) or 1 for n in shape)
        )
    elif kind == 1:
        file[name] = np.asarray(values).reshape(-1)[: drawn.randrange(4)]
    elif kind == 2:
        file[name] = np.zeros(
            shape if np.prod(shape) < 1 << 20 else (1,), drawn.choice(("f4", "i2", "u8", "S5", "c8", "?"))
        )
    elif kind == 3:
        file[name] = drawn.choice(("x", "", 1.0, ["a", "b"], [["a"]], [1, 2, 3], np.array([("a", 1)], "S1,i4")))
    elif kind == 4:
        file.create_dataset(
            name, tuple(shape), "f8", chunks=True, maxshape=(None,) * len(shape), compression="gzip", fillvalue=7
        )
    else:
        changed = np.array(values)
        if changed.dtype.kind == "f":
            changed.reshape(-1)[: drawn.randrange(1, 3)] = drawn.choice((np.nan, np.inf, -1e300, 0.0))
        file[name] = changed
        file[name].attrs.update(attributes)
