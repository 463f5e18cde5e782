"""Blurry clips with exact truth: what a shaken, stabilised camera makes of a sharp scene."""

import importlib
import sys
from types import ModuleType


class _Room(ModuleType):
    """A package that can be called.

    ``hvdbench.synth`` is a public function and this package. Python sets the attribute to the package as soon as a
    module below it is imported, so the package hands a call on to the function.
    """

    def __call__(self, *arguments: object, **options: object) -> object:
        return importlib.import_module("hvdbench.workflows.verbs").synth(*arguments, **options)


sys.modules[__name__].__class__ = _Room
