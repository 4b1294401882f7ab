"""The help of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cli import main
from docs.generate.markdown import table


def commands() -> str:
    """Print the help of every command."""
    parts = []
    for path, command in every_command():
        context = click.Context(command, info_name=" ".join(("tidings", *path)))
        usage = " ".join(command.collect_usage_pieces(context))
        parts.append(f"### `{context.info_name}`\n\n{command.help}\n")
        rows = [
            (
                f"`{', '.join(one.opts)}`" if isinstance(one, click.Option) else f"`{one.human_readable_name}`",
                _help(one),
            )
            for one in command.params
            if not isinstance(one, click.Argument)
        ]
        parts.append(f"```text\n{context.info_name} {usage}\n```\n".replace(" \n", "\n"))
        if rows:
            parts.append(table(("Option", "Means"), rows))
    return "\n".join(parts)


def every_command(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Walk through all commands: the words to type and the command."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


def _help(option: click.Parameter) -> str:
    said = getattr(option, "help", None) or ""
    shown = getattr(option, "show_default", False) and option.default not in (None, "")
    return f"{said} Default: {option.default}." if shown else said
