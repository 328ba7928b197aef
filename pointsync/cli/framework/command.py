"""How every command behaves: `--json`, `-50` as a number, and every fault as one line on stderr."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from pointsync.cli.framework.errors import Fault, as_fault

AS_JSON = "pointsync.as_json"
MANY = 12

_NEGATIVE = re.compile(r"-[0-9]")


@contextmanager
def one_line() -> Iterator[None]:
    """Turn what goes wrong inside, as far as a person has caused it, into one line and an exit code."""
    try:
        yield
    except click.NoSuchOption as error:
        raise Fault(f"There is no option {error.option_name}; see --help.", 2) from None
    except click.UsageError as error:
        raise Fault(error.format_message(), 2) from None
    except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
        raise
    except Exception as error:
        fault = as_fault(error)
        if fault is None:
            raise
        raise fault from error


class Command(click.Command):
    """A command with `--json`, in which `-50` is a number and not an option."""

    ignore_unknown_options = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--json", "as_json"], is_flag=True, expose_value=False, callback=_keep, help="Answer in JSON."
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, read; raises Fault."""
        with one_line():
            self._refuse_unknown(ctx, args)
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """What the command does; raises Fault."""
        with one_line():
            return super().invoke(ctx)

    def _refuse_unknown(self, ctx: click.Context, args: Sequence[str]) -> None:
        """Options are told from negative numbers here, since the parser lets what it does not know pass."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        names = {name for option in options for name in (*option.opts, *option.secondary_opts)}
        with_value = {name for option in options if not option.is_flag for name in option.opts}
        left = iter(args)
        for each in left:
            if each == "--":
                return
            if each in with_value:
                next(left, None)
            elif each.startswith("-") and len(each) > 1 and not _NEGATIVE.match(each):
                name = each.partition("=")[0]
                if name not in names:
                    raise click.NoSuchOption(name, ctx=ctx)


class Group(click.Group):
    """A noun with its commands; alone it is a wrong argument that is told what there is."""

    command_class = Command
    group_class = type

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, read; raises Fault."""
        if not args and ctx.parent is not None:
            raise Fault(f"{ctx.command_path} needs one of {', '.join(self.list_commands(ctx))}; see --help.", 2)
        if not args:
            click.echo(ctx.get_help())
            ctx.exit()
        with one_line():
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` begins with; raises Fault where there is none."""
        with one_line():
            if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
                names = self.list_commands(ctx)
                there = f"there is {', '.join(names)}" if len(names) <= MANY else "--help lists them all"
                raise Fault(f"{ctx.command_path} has no command {args[0][:60]!r}; {there}.", 2)
            return super().resolve_command(ctx, args)


def _keep(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[AS_JSON] = value
