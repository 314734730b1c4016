"""The parser of the command line; its errors never show what may be a routing key."""

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol, TypeAlias

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells report SIGINT."""
_LIKE_A_KEY = re.compile(r"[0-9A-Za-z]{32,}")


class _Formatter(argparse.HelpFormatter):
    """Wraps each line of a text by itself, and leaves examples whole, so that they can be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        wrap = super()._fill_text
        lines = text.splitlines()
        return "\n".join(line if line.startswith("example:") else wrap(line, width, indent) for line in lines)


class CommandParser(argparse.ArgumentParser):
    """`argparse` without abbreviations, which does not echo what looks like a routing key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter, "allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        super().error(_LIKE_A_KEY.sub("…", message))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is left over here, so that the error names the subcommand and shows its usage."""
        found, left_over = super().parse_known_args(args, namespace)
        if left_over:
            quoted = "" if left_over[0].startswith("-") else " (a text with blanks needs quotes)"
            self.error(f"unrecognized arguments: {' '.join(left_over)}{quoted}")
        return found, left_over


Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Command(Protocol):
    """A subcommand: a module or an object with these two functions."""

    def add_parser(self, subparsers: Subparsers) -> argparse.ArgumentParser:
        """Add the subcommand and its options."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the subcommand and return the exit code."""


class Misuse(Exception):
    """The command was called wrongly: its message is printed, and the exit code is 2."""


class RefuseKey(argparse.Action):
    """Refuses a routing key given as an argument."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        """End with exit code 2."""
        parser.error(
            "a routing key is not given as an argument, where the shell's history and other users see it: "
            "set PAGERDUTY_ROUTING_KEY, or use --routing-key-file or --routing-key-stdin"
        )
