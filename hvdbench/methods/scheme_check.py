"""Check that a class is a scheme, and refuse one whose hooks are misspelt, missing, or of another kind.

A misspelt hook would never be called, and nobody would notice; so a public member whose name is nearly a hook's is
refused when a method is opened. A class without the base class is accepted too, if it has the same members.
"""

import difflib
import functools
import inspect
from abc import ABC, ABCMeta
from collections.abc import Hashable, Mapping, Sequence
from types import FunctionType
from typing import Generic, cast

from hvdbench.catalog import resolve
from hvdbench.errors import InputError
from hvdbench.methods.scheme import Scheme, TrainedScheme
from hvdbench.recipe import Settings

AnyScheme = Scheme[Settings]

_BASES = (Scheme, TrainedScheme, Generic, ABC, object)
_MARKS = ("Settings", "restore")
"""Members by which a class is recognised as a scheme."""
_OF_TRAINED = ("objective", "restore_with")
"""Hooks that only a scheme with a trained network has."""
_NEAR = 0.75
"""Likeness (difflib) from which a name counts as a misspelling: about one wrong or misplaced letter in four."""


def scheme_class(name: str) -> type[AnyScheme]:
    """Find a scheme's class.

    Args:
        name: name of the catalogue, or import string.

    Raises:
        UnknownNameError: if there is no scheme of this name.
        InputError: if it is not a scheme, or a hook is misspelt, missing, or of another kind.
    """
    return as_scheme(name, resolve("scheme", name))


def as_scheme(name: str, thing: object) -> type[AnyScheme]:
    """Check a class against the hooks of :class:`Scheme`, and derive it from that class if it is not yet derived.

    Args:
        name: name or import string of the class, for error messages.
        thing: object that was found under it.

    Raises:
        InputError: if it is not a class, or a hook is misspelt, missing, or of another kind.
    """
    if not isinstance(thing, type):
        raise InputError(f"scheme '{name}' is {type(thing).__name__}, and a class derived from Scheme is expected")
    is_trained = issubclass(thing, TrainedScheme)
    own, hooks = _members(thing), _hooks(is_trained)
    _check_spelling(name, thing, own, hooks)
    if not is_trained and any(hook in own for hook in _OF_TRAINED):
        hook = next(hook for hook in _OF_TRAINED if hook in own)
        raise InputError(
            f"scheme '{name}' has '{hook}', which only a scheme with a trained network has: derive it from "
            "hvdbench.methods.scheme.TrainedScheme"
        )
    kind: type[AnyScheme] = thing if issubclass(thing, Scheme) else _derived(cast(Hashable, thing))
    _check_presence(name, kind, own)
    for hook in sorted(own.keys() & hooks.keys()):
        _check_kind(name, hook, own[hook], hooks[hook])
    try:
        inspect.signature(kind).bind(object())
    except TypeError as error:
        raise InputError(
            f"scheme '{name}' must be made with its settings alone, and its __init__ differs: {error}"
        ) from error
    return kind


def looks_like_scheme(thing: object) -> bool:
    """Return whether an imported object is meant as a scheme, and not as a network."""
    if not isinstance(thing, type) or any(base.__module__.partition(".")[0] == "torch" for base in thing.__mro__):
        return False
    members = _members(thing)
    return issubclass(thing, Scheme) or any(_nearest(name, _MARKS) for name in members)


def _check_spelling(name: str, kind: type, own: Mapping[str, object], hooks: Mapping[str, object]) -> None:
    """Refuse a public member whose name is nearly that of a hook which the class does not define."""
    package = kind.__module__.partition(".")[0]
    theirs = {
        member
        for base in kind.__mro__
        if base not in _BASES and base.__module__.partition(".")[0] == package
        for member in vars(base)
        if not member.startswith("_")
    }
    for member in sorted(theirs - hooks.keys()):
        hook = _nearest(member, [known for known in (*hooks, *_OF_TRAINED) if known not in own])
        if hook is not None and member not in _OF_TRAINED:
            raise InputError(
                f"scheme '{name}' has '{member}', which hvdbench never calls: '{hook}' is expected (if the member is "
                "the class's own, let its name begin with an underscore)"
            )


def _check_presence(name: str, kind: type[AnyScheme], own: Mapping[str, object]) -> None:
    settings = own.get("Settings")
    if not (isinstance(settings, type) and issubclass(settings, Settings)):
        found = "no 'Settings'" if settings is None else f"'Settings' that are {settings!r}"
        raise InputError(
            f"scheme '{name}' has {found}: a class derived from hvdbench.recipe.Settings is expected there"
        )
    missing = sorted(kind.__abstractmethods__)
    if missing:
        raise InputError(f"scheme '{name}' lacks {' and '.join(map(repr, missing))}, which every such scheme needs")


def _check_kind(name: str, hook: str, found: object, expected: object) -> None:
    """Refuse a method in place of an attribute, an attribute in place of a method, and methods with other arguments."""
    if not isinstance(expected, FunctionType):
        if isinstance(found, FunctionType):
            raise InputError(f"scheme '{name}' has '{hook}' as a method, and a property or an attribute is expected")
        return
    if not isinstance(found, FunctionType):
        if callable(found) or isinstance(found, staticmethod | classmethod):
            return  # its arguments are known only when it is called
        raise InputError(f"scheme '{name}' has '{hook}' as {type(found).__name__}, and a method is expected")
    wanted, taken = inspect.signature(expected), inspect.signature(found)
    if not _takes(taken, wanted):
        raise InputError(f"scheme '{name}' has {hook}({_listed(taken)}), and {hook}({_listed(wanted)}) is expected")


def _takes(taken: inspect.Signature, wanted: inspect.Signature) -> bool:
    """Return whether a function takes every call that another one takes."""
    for skipped in ((), tuple(p for p in wanted.parameters.values() if p.default is not p.empty)):
        given = [p for p in wanted.parameters.values() if p not in skipped]
        by_name = {p.name: p for p in given if p.kind is p.KEYWORD_ONLY}
        try:
            taken.bind(*(p for p in given if p.kind is not p.KEYWORD_ONLY), **by_name)
        except TypeError:
            return False
    return True


def _listed(signature: inspect.Signature) -> str:
    return ", ".join(name for name in signature.parameters)


def _members(kind: type) -> dict[str, object]:
    """Return what a class and its bases define, without the bases of this module and of Python."""
    own: dict[str, object] = {}
    for base in reversed(kind.__mro__):
        if base not in _BASES:
            own |= {name: member for name, member in vars(base).items() if not name.startswith("_")}
    return own


def _hooks(is_trained: bool) -> dict[str, object]:
    found: dict[str, object] = {"Settings": None, "settings": None} | vars(Scheme)
    if is_trained:
        found |= vars(TrainedScheme)
    return {name: member for name, member in found.items() if not name.startswith("_")}


def _nearest(name: str, known: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)), None)


@functools.cache
def _derived(kind: Hashable) -> type[AnyScheme]:
    """Derive a class with the members of a scheme from :class:`Scheme`, whose defaults fill in the rest."""

    def reduce(self: AnyScheme) -> tuple[object, ...]:
        return _restored, (kind, vars(self))

    assert isinstance(kind, type)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return cast(type[AnyScheme], ABCMeta(kind.__name__, (kind, Scheme), {**names, "__reduce__": reduce}))


def _restored(kind: type, values: Mapping[str, object]) -> AnyScheme:
    """Make a pickled scheme again; pickle alone cannot, because the derived class has no name that it can look up."""
    derived = _derived(kind)
    scheme = derived.__new__(derived)
    vars(scheme).update(values)
    return scheme
