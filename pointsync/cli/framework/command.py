"""How every command behaves: `--json`, `-50` as a number, and every error as one line on stderr."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from pointsync.cli.framework.errors import CommandError, to_command_error
from pointsync.files import private_umask

JSON_META_KEY = "pointsync.as_json"
MAX_COMMANDS_LISTED = 12

_NEGATIVE_NUMBER = re.compile(r"-[0-9]")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn errors into CommandError, except for bugs, which keep their traceback."""
    try:
        yield
    except click.NoSuchOption as error:
        raise CommandError(f"There is no option {error.option_name}. See --help.", 2) from None
    except click.UsageError as error:
        raise CommandError(error.format_message(), 2) from None
    except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
        raise
    except Exception as error:
        command_error = to_command_error(error)
        if command_error is None:
            raise
        raise command_error from error


class Command(click.Command):
    """A command with `--json`. An argument such as `-50` is a number and not an option."""

    ignore_unknown_options = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(_json_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises CommandError."""
        with translate_errors():
            self._check_option_names(ctx, args)
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; only its own account can read the files that it creates. Raises CommandError."""
        with translate_errors(), private_umask():
            return super().invoke(ctx)

    def _check_option_names(self, ctx: click.Context, args: Sequence[str]) -> None:
        """Refuse unknown options. click's parser accepts them here, because it must accept negative numbers."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        names = {name for option in options for name in (*option.opts, *option.secondary_opts)}
        with_value = {name for option in options if not option.is_flag for name in option.opts}
        remaining = iter(args)
        for each in remaining:
            if each == "--":
                return
            if each in with_value:
                next(remaining, None)
            elif each.startswith("-") and len(each) > 1 and not _NEGATIVE_NUMBER.match(each):
                name = each.partition("=")[0]
                if name not in names:
                    raise click.NoSuchOption(name, ctx=ctx)


class Group(click.Group):
    """A noun with its commands. Without a command it is an error that lists them."""

    command_class = Command
    group_class = type

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises CommandError."""
        if not args and ctx.parent is not None:
            raise CommandError(f"{ctx.command_path} needs one of {', '.join(self.list_commands(ctx))}. See --help.", 2)
        if not args:
            click.echo(ctx.get_help())
            ctx.exit()
        with translate_errors():
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command at the start of `args`. Raises CommandError if it does not exist."""
        with translate_errors():
            if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
                names = self.list_commands(ctx)
                hint = (
                    f"The commands are {', '.join(names)}."
                    if len(names) <= MAX_COMMANDS_LISTED
                    else "See --help for all commands."
                )
                raise CommandError(f"{ctx.command_path} has no command {args[0][:60]!r}. {hint}", 2)
            return super().resolve_command(ctx, args)


class ShowingGroup(Group):
    """A noun with its commands. Without a command, its own function shows it; it takes `--json`, too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoke_without_command, self.no_args_is_help = True, False
        self.params.append(_json_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises CommandError."""
        with translate_errors():
            return click.Group.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the function or the command. Raises CommandError."""
        with translate_errors():
            return super().invoke(ctx)


def _json_option() -> click.Option:
    return click.Option(
        ["--json", "as_json"], is_flag=True, expose_value=False, callback=_store_json_flag, help="Print JSON."
    )


def _store_json_flag(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[JSON_META_KEY] = value or ctx.meta.get(JSON_META_KEY, False)
