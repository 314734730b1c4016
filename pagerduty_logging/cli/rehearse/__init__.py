"""`rehearse`: what old logs would have paged. Needs no key and no network."""

from __future__ import annotations

import argparse

from pagerduty_logging.cli.parsing import Misuse, Subparsers


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "rehearse",
        help="show what old logs would have paged",
        description=(
            "Read logs, let the handler see their records at their own times, and show what it would have "
            "sent: no routing key is needed, and nothing is sent. Files packed by gzip are read as they are."
        ),
        epilog="example: pagerduty-logging rehearse app.log.1 app.log --set repeat_interval=900",
    )
    parser.add_argument("logs", nargs="*", metavar="LOG", help="a log file; - is standard input")
    reading = parser.add_argument_group("reading")
    reading.add_argument("--format", metavar="FORMAT", help="the log's format, as logging.Formatter takes it")
    reading.add_argument(
        "--datefmt", metavar="FORMAT", help="how --format writes times (default: as logging)"
    )
    reading.add_argument(
        "--tz", metavar="ZONE", help="of times that name none, and of the night (default: this host's)"
    )
    reading.add_argument("--source", metavar="DIR", help="the program's source files, to read templates from")
    handler = parser.add_argument_group("the handler")
    handler.add_argument(
        "--config",
        metavar="CONFIG",
        help="take handler and formatters from a dictConfig: JSON, module:NAME, or Django's settings module",
    )
    handler.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="rehearse with this option of the handler too, and compare; may be given several times",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--night", metavar="HOURS", default="22-7", help="when people sleep (default: %(default)s)"
    )
    output.add_argument("--json", action="store_true", help="print one JSON object")
    output.add_argument("--csv", action="store_true", help="print a row for each problem")
    output.add_argument("--html", metavar="FILE", help="draw it: one page that needs nothing else")
    output.add_argument("--svg", metavar="FILE", help="draw it: the picture alone")
    output.add_argument(
        "--compare", nargs=2, metavar=("A.json", "B.json"), help="compare two results of --json"
    )
    output.add_argument(
        "--incidents", metavar="FILE", help="judge by incidents: CSV or JSON with start, end, title"
    )
    output.add_argument(
        "--check", metavar="LEDGER", help="compare with what was sent, by the handler's ledger"
    )
    output.add_argument(
        "--fail-over", type=int, metavar="N", help="exit 1 if more than N alerts would have been opened"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Rehearse; 0, 1 for more alerts than --fail-over, 2 for wrong use, 130 after Ctrl-C."""
    from pagerduty_logging.cli.rehearse import command

    if args.json and args.csv:
        raise Misuse("--json and --csv: standard output holds one of them only")
    if args.compare is not None:
        if args.logs:
            raise Misuse("--compare takes two results, and no log")
        return command.compare(args)
    if not args.logs:
        raise Misuse("give a log file, or - for standard input")
    return command.rehearse_logs(args)
