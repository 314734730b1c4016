"""The `pagerduty-logging` command; each subcommand is a module of its own.

Importing this package stays cheap: a subcommand imports what it needs when it runs.
"""

import argparse
from collections.abc import Sequence

from pagerduty_logging.cli import explain, run, sandbox

_COMMANDS = [explain, run, sandbox]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit code.

    0 is good, 1 says that the command failed, 2 that it was called wrongly.
    """
    parser = argparse.ArgumentParser(
        prog="pagerduty-logging", description="Tools around log records that page."
    )
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for command in _COMMANDS:
        command.add_parser(subparsers).set_defaults(run=command.run)
    args = parser.parse_args(argv)
    status: int = args.run(args)
    return status
