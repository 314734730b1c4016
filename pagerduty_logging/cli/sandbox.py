"""`pagerduty-logging sandbox`: a local stand-in for PagerDuty with an inbox, until Ctrl-C."""

import argparse
import errno
import json
import signal
from typing import TYPE_CHECKING

from pagerduty_logging.cli import output

if TYPE_CHECKING:
    from pagerduty_logging.sandbox import AcceptedEvent, Sandbox

DEFAULT_PORT = 8787
PAGERDUTYS_RATE_LIMIT = 120
"""Source: PagerDuty's documentation, "Events API v2 Overview"."""

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
        description="Run a local stand-in for PagerDuty's Events API v2 until Ctrl-C.\n\n"
        "Its address, opened in a browser, is an inbox of the alerts. A line is printed for each "
        "event accepted.",
        epilog="example: pagerduty-logging sandbox --port 0 --keep events.jsonl\n\n"
        "exit status: 0 after Ctrl-C or SIGTERM, 1 if it cannot be started, 2 for wrong options",
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
        default=PAGERDUTYS_RATE_LIMIT,
        metavar="N",
        help="answer 429 beyond N events in 60 seconds for a routing key, as PagerDuty does; 0 is no limit "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen on an address that other machines reach: anybody who reaches it can read all events",
    )
    parser.add_argument(
        "--tls",
        action="store_true",
        help="speak https, which PagerDuty's own clients insist on, with a certificate made now; prints "
        "how clients can be made to trust it",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="https with this certificate chain (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="the key of --tls-cert (PEM)")
    parser.add_argument(
        "--keep",
        metavar="FILE",
        help="append events to FILE and read them back at the next start; it holds their routing keys",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON: a line with the address, then one for each event"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; 0 then, 1 if it cannot be started, 2 for wrong options."""
    try:
        _serve(_made(args), args)
    except _Refusal as refusal:
        output.complain(str(refusal))
        return refusal.status
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        output.give_up()
    return 0


class _Refusal(Exception):
    """The sandbox cannot be started: why, and the exit status."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


def _made(args: argparse.Namespace) -> "Sandbox":
    import ssl

    if (args.tls_cert is None) != (args.tls_key is None):
        raise _Refusal("--tls-cert and --tls-key go together", 2)
    try:
        from pagerduty_logging.sandbox import Sandbox

        return Sandbox(
            args.host,
            args.port,
            rate_limit=args.rate_limit or None,
            allow_remote=args.allow_remote,
            tls=(args.tls_cert, args.tls_key) if args.tls_cert else args.tls,
            keep=args.keep,
        )
    except ModuleNotFoundError as error:
        if error.name not in ("flask", "trustme"):
            raise
        raise _Refusal(str(error), 1) from None
    except ValueError as error:
        raise _Refusal(str(error).replace("allow_remote", "--allow-remote"), 2) from None
    except ssl.SSLError as error:
        sentence = f"{args.tls_cert} and {args.tls_key} make no https: {error.reason or error}"
        raise _Refusal(sentence, 2) from None
    except OSError as error:
        raise _Refusal(f"cannot use {error.filename or args.tls_cert}: {error.strerror}", 1) from None


def _serve(sandbox: "Sandbox", args: argparse.Namespace) -> None:
    events = sandbox.follow()
    try:
        sandbox.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = "--port takes another one, or 0 for a free one"
            raise _Refusal(f"port {args.port} is in use; {free}", 1) from None
        reason = error.strerror or error
        raise _Refusal(f"cannot listen on {args.host} port {args.port}: {reason}", 1) from None
    with sandbox:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _introduce(sandbox, args)
        for event in events:
            print(_json_line(event) if args.json else _line(event), flush=True)


def _introduce(sandbox: "Sandbox", args: argparse.Namespace) -> None:
    from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY

    if args.json:
        about = {"url": sandbox.url, "routing_key": EXAMPLE_ROUTING_KEY, "ca_file": sandbox.ca_file}
        print(json.dumps(about), flush=True)
        return
    print(f"A stand-in for PagerDuty listens on {sandbox.url} (Ctrl-C ends it).")
    print("Open that address to see the pages.")
    if args.allow_remote:
        print("Anybody who reaches this machine can read all events, and change them.")
    if args.keep is not None:
        print(f"Events are kept in {args.keep}: {len(sandbox.events):,} so far.")
    print("Point a program at it; any routing key of 32 letters and digits will do:")
    print(f"  export PAGERDUTY_EVENTS_URL={sandbox.url} PAGERDUTY_ROUTING_KEY={EXAMPLE_ROUTING_KEY}")
    if sandbox.ca_file is not None:
        print("Let it trust the certificate (Python with requests; Python with httpx, Go; Node):")
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"):
            print(f"  export {name}={sandbox.ca_file}")
    print(flush=True)


def _line(event: "AcceptedEvent") -> str:
    words = [f"{event.at.astimezone():%H:%M:%S}", event.action]
    if event.action in ("trigger", "change"):
        payload = event.body["payload"]
        words += [payload["severity"]] if event.action == "trigger" else []
        words.append(output.plain(payload["summary"]))
    if event.dedup_key is not None:
        words.append(f"[{output.plain(event.dedup_key)}]")
    by_hand = " by hand" if event.by_hand else ""
    return " ".join(words) + f": {_OUTCOMES[event.outcome]}{by_hand}"


def _json_line(event: "AcceptedEvent") -> str:
    body = {**event.body, "routing_key": f"…{event.body['routing_key'][-4:]}"}
    fields = {"at": event.at.isoformat(), "action": event.action, "dedup_key": event.dedup_key}
    return json.dumps({**fields, "outcome": event.outcome, "by_hand": event.by_hand, "event": body})


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)
