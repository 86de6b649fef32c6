"""What options of several commands have in common."""

import click

__all__ = ["not_blank"]


def not_blank(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The value without white space around it; refused when nothing is left."""
    if value is None or value.strip():
        return value and value.strip()
    raise click.BadParameter("is empty", ctx, param)
