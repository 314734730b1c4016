"""The `pagerduty-logging` command; each subcommand has its own module.

Importing this package is cheap: a subcommand imports what it needs when it runs.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from pagerduty_logging._version import __version__
from pagerduty_logging.cli import (
    change,
    check,
    explain,
    output,
    problems,
    rehearse,
    run,
    sandbox,
    spool,
    test,
    trigger,
    why,
)
from pagerduty_logging.cli.follow_up import acknowledge, resolve
from pagerduty_logging.cli.parsing import INTERRUPTED, Command, CommandParser, Misuse
from pagerduty_logging.cli.silence import silence, silences, unsilence

_COMMANDS: list[Command] = [
    *(sandbox, check, test, trigger, acknowledge, resolve, change, run, explain, why, spool),
    *(problems, silence, silences, unsilence, rehearse),
]

NOBODY_READS = 141  # as shells report SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code.

    0: it worked; 1: it failed; 2: it was called wrongly; 130: Ctrl-C ended it; 141: its output was not read
    to the end.
    """
    _open_closed_streams()
    failed = 1
    try:
        args = make_parser().parse_args(argv)
        failed = getattr(args, "failed", failed)
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except Misuse as misuse:
        output.complain(str(misuse))
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        output.give_up()
        return NOBODY_READS
    except OSError as error:
        output.give_up()
        output.complain(error.strerror or str(error))
        return failed


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; wrong use raises `Misuse` or ends with status 2."""
    parser: argparse.ArgumentParser = CommandParser(
        prog="pagerduty-logging", description="Tools around log records that page."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for command in _COMMANDS:
        command.add_parser(subparsers).set_defaults(run=command.run)
    return parser


def _open_closed_streams() -> None:
    """Open the null device for each standard stream that the process was started without (`>&-`)."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
