"""`pagerduty-logging sandbox`: a local stand-in for PagerDuty, until Ctrl-C."""

import argparse
import errno
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pagerduty_logging.sandbox import AcceptedEvent, Sandbox

DEFAULT_PORT = 8787

_OUTCOMES = {
    "opened": "opened an alert",
    "updated": "added to its open alert",
    "dropped": "dropped, no such alert is open",
    "recorded": "recorded",
}


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "sandbox",
        help="run a local stand-in for PagerDuty's Events API",
        description="Run a local stand-in for PagerDuty's Events API v2 until Ctrl-C, "
        "and print a line for each event it accepts.",
        epilog="example: pagerduty-logging sandbox --rate-limit 120",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help="port to listen on; 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--rate-limit",
        type=int,
        metavar="N",
        help="answer 429 beyond N events in 60 seconds for a routing key; PagerDuty's limit is "
        "about 120 (default: no limit)",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen on an address that other machines reach: whoever reaches it reads all events",
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; 0 then, 1 when it cannot be started, 2 for bad options."""
    try:
        return _run(args)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Nobody reads on: the flush at the interpreter's end must not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(args: argparse.Namespace) -> int:
    try:
        from pagerduty_logging.sandbox import Sandbox
    except ModuleNotFoundError as error:
        if error.name not in ("flask", "werkzeug"):
            raise
        return _complain("the sandbox needs Flask: pip install 'pagerduty-logging[sandbox]'", 1)
    try:
        sandbox = Sandbox(args.host, args.port, rate_limit=args.rate_limit, allow_remote=args.allow_remote)
    except ValueError as error:
        return _complain(str(error), 2)
    events = sandbox.follow()
    try:
        sandbox.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = "--port takes another one, or 0 for a free one"
            return _complain(f"port {args.port} is in use; {free}", 1)
        reason = error.strerror or error
        return _complain(f"cannot listen on {args.host} port {args.port}: {reason}", 1)
    with sandbox:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _introduce(sandbox)
        for event in events:
            print(_line(event), flush=True)
    return 0


def _introduce(sandbox: "Sandbox") -> None:
    from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY

    print(f"A stand-in for PagerDuty listens on {sandbox.url} (Ctrl-C ends it).")
    print("Point a program at it; any routing key of 32 letters and digits will do:")
    print(f"  PAGERDUTY_EVENTS_URL={sandbox.url} PAGERDUTY_ROUTING_KEY={EXAMPLE_ROUTING_KEY}")
    print(flush=True)


def _line(event: "AcceptedEvent") -> str:
    words = [f"{event.at.astimezone():%H:%M:%S}", event.action]
    if event.action in ("trigger", "change"):
        payload = event.body["payload"]
        words += [payload["severity"]] if event.action == "trigger" else []
        words.append(_plain(payload["summary"]))
    if event.dedup_key is not None:
        words.append(f"[{_plain(event.dedup_key)}]")
    return " ".join(words) + f": {_OUTCOMES[event.outcome]}"


def _plain(text: str) -> str:
    """The text as it can do no harm to a terminal, whatever its encoding."""
    encoding = sys.stdout.encoding or "ascii"
    printable = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    return printable.encode(encoding, "backslashreplace").decode(encoding)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


def _complain(sentence: str, status: int) -> int:
    print(f"pagerduty-logging: {sentence}", file=sys.stderr)
    return status
