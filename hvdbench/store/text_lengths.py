"""Check the lengths of texts in HDF5 files before HDF5 makes room for them.

A text or list of any length is stored as a reference of 16 bytes: its length, and a place in a heap. HDF5 makes room
for the length (4 GB of texts at most) before it looks at the heap, so that a few damaged bytes take gigabytes. It
offers no way to ask for the length alone, so the references are read here, from where the file format has them. The
heaps that they name are walked through, too.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
from h5py import h5a, h5o, h5t

_REFERENCE = 16  # bytes: 4 of length, 8 of the heap's address, 4 of the number within the heap
_SIDES = (8, 8)  # bytes of addresses and of lengths in every file that this checks
_MOST_HEAD = 1 << 24
_MOST_BLOCKS = 1000
_CONTINUED, _ATTRIBUTE = 0x10, 0x0C  # kinds of messages in the head of a group or field


def check_texts(node: h5py.Group | h5py.Dataset, source: Any = None) -> None:
    """Check what a group's or field's attributes, and a field's values, declare as lengths of texts and lists.

    Args:
        node: the group (its members are not looked at) or field.
        source: the object that the file was opened from, with ``seek`` and ``read``; None for a file on the disk.

    Raises:
        ValueError: if the file is too small to hold what is declared, if the heap of the texts is damaged, or if texts
            are stored in a form in which their lengths cannot be checked.
        OSError: if the file cannot be read.
    """
    attributes = {}
    for name in node.attrs:
        found = h5a.open(node.id, name.encode())
        unit = _unit(found.get_type(), f"the attribute {name}")
        if unit:
            attributes[name] = unit, found.get_space().get_select_npoints()
    unit = _unit(node.id.get_type(), str(node.name)) if isinstance(node, h5py.Dataset) else 0
    if not attributes and not unit:
        return
    with Path(node.file.filename).open("rb") if source is None else nullcontext(source) as file:
        size, base = node.file.id.get_filesize(), node.file.userblock_size
        if unit:
            _check(file, base, size, _values(node, file, size), unit, str(node.name))
        if attributes:
            stored = dict(_attributes(file, node))
        for name, (unit, count) in attributes.items():
            if len(stored.get(name, b"")) < count * _REFERENCE:
                raise ValueError(f"the text of the attribute {name} is stored in a form that is not read")
            _check(file, base, size, stored[name][: count * _REFERENCE], unit, f"the attribute {name}")


def _unit(kind: h5t.TypeID, name: str) -> int:
    """Return the bytes of one unit of what has any length (1: text), and 0 where every value has the same length."""
    if isinstance(kind, h5t.TypeStringID):
        return int(kind.is_variable_str())
    if isinstance(kind, h5t.TypeVlenID):
        inner = kind.get_super()
        if not _has_parts(inner):
            return int(inner.get_size())
    elif not _has_parts(kind):
        return 0
    raise ValueError(f"{name} holds texts or lists within other values, which is not read")


def _has_parts(kind: h5t.TypeID) -> bool:
    if isinstance(kind, h5t.TypeCompoundID):
        return any(_has_parts(kind.get_member_type(number)) for number in range(kind.get_nmembers()))
    if isinstance(kind, h5t.TypeArrayID):
        return _has_parts(kind.get_super())
    return isinstance(kind, h5t.TypeVlenID) or (isinstance(kind, h5t.TypeStringID) and kind.is_variable_str())


def _check(file: Any, base: int, size: int, references: bytes, unit: int, name: str) -> None:
    declared, heaps = 0, set()
    for at in range(0, len(references), _REFERENCE):
        length = int.from_bytes(references[at : at + 4], "little")
        declared += unit * length
        if length:
            heaps.add(base + int.from_bytes(references[at + 4 : at + 12], "little"))
    if declared > size:
        raise ValueError(f"{name} declares {declared} bytes of text, and the file has {size}")
    for heap in heaps:
        _check_heap(file, heap, size, name)


def _check_heap(file: Any, start: int, size: int, name: str) -> None:
    """Check that the pieces of a heap follow each other; HDF5 goes on for ever at a free piece of no bytes.

    Raises:
        ValueError: if they do not, or if the heap ends after the file.
    """
    head = _read(file, start, 16) if start + 16 <= size else b""
    length = int.from_bytes(head[8:], "little")
    if head[:4] != b"GCOL" or start + length > size:
        raise ValueError(f"the texts of {name} do not lie in a heap within the file")
    at = 16
    while at + 16 <= length:
        piece = _read(file, start + at, 16)
        number, held = int.from_bytes(piece[:2], "little"), int.from_bytes(piece[8:], "little")
        step = 16 + -(-held // 8) * 8 if number else held  # number 0: a free piece, whose size has its head in it
        if step < 16 or at + step > length:
            raise ValueError(f"the heap with the texts of {name} is damaged")
        at += step


def _values(field: h5py.Dataset, file: Any, size: int) -> bytes:
    if not field.size or not field.id.get_storage_size():
        return b""  # nothing was written, so that every value is empty
    start, length = field.id.get_offset(), field.size * _REFERENCE
    if start is None or start + length > size:
        raise ValueError(f"the texts of {field.name} are not one piece within the file")
    return _read(file, start, length)


def _read(file: Any, start: int, length: int) -> bytes:
    file.seek(start)
    data = bytes(file.read(length))
    if len(data) < length:
        raise ValueError("the file ends within its own structure")
    return data


def _attributes(file: Any, node: h5py.Group | h5py.Dataset) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each attribute in the head of a group or field, and the bytes of its value."""
    for kind, body in _messages(file, node):
        if kind != _ATTRIBUTE or len(body) < 8:
            continue
        version, sides = body[0], [int.from_bytes(body[at : at + 2], "little") for at in (2, 4, 6)]
        start = 9 if version == 3 else 8  # the third version has a byte for the encoding of the name
        name = body[start : start + sides[0]].split(b"\0")[0].decode("utf-8", "replace")
        whole = [-(-side // 8) * 8 if version == 1 else side for side in sides]  # the first version fills up to 8 bytes
        yield name, body[start + sum(whole) :]


def _messages(file: Any, node: h5py.Group | h5py.Dataset) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and content of each message in the head of a group or field, in either form of heads.

    Raises:
        ValueError: if the head is damaged.
    """
    made = node.file.id.get_create_plist()
    if made.get_sizes() != _SIDES:
        raise ValueError("the file's addresses are not of 8 bytes, which is not read")
    base = made.get_userblock()
    start = base + h5o.get_info(node.id).addr
    first = _read(file, start, 16)
    is_new = first[:4] == b"OHDR"
    if is_new:
        flags = first[5]
        start += 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        wide = 1 << (flags & 3)
        length, start = int.from_bytes(_read(file, start, wide), "little"), start + wide
        head = 6 if flags & 4 else 4
    else:
        length, start, head = int.from_bytes(first[8:12], "little"), start + 16, 8
    blocks, total = [(start, length)], 0
    for number, (start, length) in enumerate(blocks):  # grows as it goes
        total += length
        if number > _MOST_BLOCKS or total > _MOST_HEAD:
            raise ValueError(f"the head of {node.name} is damaged")
        block, at = _read(file, start, length), 0
        while at + head <= len(block):
            kind = block[at] if is_new else int.from_bytes(block[at : at + 2], "little")
            side = int.from_bytes(block[at + 1 : at + 3] if is_new else block[at + 2 : at + 4], "little")
            body = block[at + head : at + head + side]
            at += head + side
            if kind == _CONTINUED and side >= 16:
                more, length = int.from_bytes(body[:8], "little") + base, int.from_bytes(body[8:16], "little")
                blocks.append((more + 4, length - 8) if is_new else (more, length))  # OCHK before, a checksum after
            yield kind, body
