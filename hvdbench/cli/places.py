"""Read paths and addresses: where results go, what is read whole, and datasets, of which clips are read as needed."""

import os
from typing import TYPE_CHECKING

import click

from hvdbench.errors import InputError

if TYPE_CHECKING:
    from hvdbench.workspace.objects import Location

Value = str | os.PathLike[str]


class LocalPath(click.Path):
    """A path on this machine, such as one that is written to; an address is refused."""

    def convert(self, value: Value, param: click.Parameter | None, ctx: click.Context | None) -> object:  # type: ignore[override]
        """Read a path.

        Raises:
            InputError: it is an address.
        """
        from hvdbench.workspace.objects import is_url, without_secrets

        if is_url(value):
            name = param.human_readable_name if isinstance(param, click.Argument) else _option(param)
            raise InputError(
                f"{name} is '{without_secrets(str(value))}', and it must be on this machine: name a path; "
                "docs/store.md lists what may be an address"
            )
        return super().convert(value, param, ctx)


class SourcePath(click.Path):
    """A path that is read, or an address, of which a whole local copy is made; the command gets the copy's path."""

    def convert(self, value: Value, param: click.Parameter | None, ctx: click.Context | None) -> object:  # type: ignore[override]
        """Read a path, or copy what lies at an address.

        Raises:
            InputError: the address cannot be read, or is none.
        """
        from hvdbench.workspace.objects import is_url

        if isinstance(value, str) and is_url(value):
            from hvdbench.cli.progress import showing
            from hvdbench.workspace.objects import Location, local_copy

            with showing() as progress:
                value = local_copy(Location.of(value), progress=progress)
        return super().convert(value, param, ctx)


class DatasetPath(click.Path):
    """The path of a dataset, or its address, of which the command reads what it needs."""

    def convert(self, value: "Value | Location", param: click.Parameter | None, ctx: click.Context | None) -> object:  # type: ignore[override]
        """Read a path or an address.

        Raises:
            InputError: it is an address of an unknown kind.
        """
        from hvdbench.workspace.objects import Location, is_url

        if isinstance(value, Location):
            return value
        return Location.of(str(value)) if is_url(value) else super().convert(value, param, ctx)


def _option(param: click.Parameter | None) -> str:
    return max(param.opts, key=len) if param is not None and param.opts else "the path"
