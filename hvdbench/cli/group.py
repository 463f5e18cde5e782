"""Define a group of commands, each in a file of its own that is imported only when the command is needed."""

import importlib
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Section:
    """Commands that are listed under one heading in the help.

    Attributes:
        heading: the heading.
        package: the package that holds a module for each command.
        names: the commands, in the order of the help; each is defined in the module of its name.
    """

    heading: str
    package: str
    names: tuple[str, ...]


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is run or listed."""

    def __init__(self, *args: object, sections: tuple[Section, ...] = (), **options: object) -> None:
        """Hold the sections; the other arguments are those of :class:`click.Group`."""
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order of the help."""
        return [name for section in self.sections for name in section.names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command and return the command, or None if there is no command of that name."""
        for section in self.sections:
            if cmd_name in section.names:
                return _load(f"{section.package}.{cmd_name}", cmd_name)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; the error for an unknown name suggests a similar one."""
        name, known = args[0], self.list_commands(ctx)
        if not name.startswith("-") and name not in known and not ctx.resilient_parsing:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean '{near[0]}'?" if near else f"'{ctx.command_path} --help' lists the commands."
            ctx.fail(f"No such command '{name}'; {advice}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under the headings of their sections, each with the first sentence of its help."""
        width = max(len(name) for name in self.list_commands(ctx))
        for section in self.sections:
            with formatter.section(section.heading):
                rows = [(name.ljust(width), _summary(self, ctx, name)) for name in section.names]
                formatter.write_dl(rows)


def _summary(group: LazyGroup, ctx: click.Context, name: str) -> str:
    command = group.get_command(ctx, name)
    return command.get_short_help_str(limit=1_000) if command else ""


def _load(module: str, name: str) -> click.Command:
    """Import a module and return the command of this name in it.

    Raises:
        LookupError: the module defines no such command.
    """
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, click.Command) and value.name == name:
            return value
    raise LookupError(f"{module} defines no command '{name}'")
