"""`check`: could this machine page, with this key and through this network? Pages nobody."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Subparsers
from pagerduty_logging.cli.problems import add_state, as_json, find_state

if TYPE_CHECKING:
    from pagerduty_logging.cli.probes import Step
    from pagerduty_logging.events_api.client import EventsClient
    from pagerduty_logging.events_api.routing_key import RoutingKey
    from pagerduty_logging.state.protocol import Silence

NOT_CHECKED = (
    "whether the key belongs to a service: PagerDuty accepts any that looks like one",
    "whether that service would notify anybody: `pagerduty-logging test --page` shows it",
)
SILENT_BECAUSE = (
    "the service is disabled, or in a maintenance window",
    "an event rule or an event orchestration suppresses, pauses or reroutes the event",
    "alert grouping put it into an open incident, though it is another problem",
    "its incident is acknowledged: further events notify nobody",
    "its urgency is low: severity warning or info, with dynamic notifications",
    "nobody is on call in the escalation policy, or their notification rules wait",
)
"""Why PagerDuty may notify nobody of an event that it accepted. Sources: PagerDuty's support pages "Why
incidents fail to trigger", "Dynamic notifications" and "Alerts"; more in `page/README.md`."""
SUPPORT_PAGE = "https://support.pagerduty.com/main/docs/why-incidents-fail-to-trigger"


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "check",
        help="test key, network, proxy and TLS; pages nobody",
        description="Test each step of the way to PagerDuty, then send a resolve for an alert that does not "
        "exist, which PagerDuty accepts and drops. Pages nobody.\n\n"
        "Where handlers share a state, it is tested too, and what it silences is shown.\n\n"
        "Not checked:\n  - " + "\n  - ".join(NOT_CHECKED) + "\n\n"
        "Accepted, and nobody is notified? It may be that:\n  - " + "\n  - ".join(SILENT_BECAUSE) + "\n"
        f"See {SUPPORT_PAGE}",
        epilog="example: pagerduty-logging check --region eu",
    )
    parser.add_argument(
        "module",
        nargs="?",
        metavar="MODULE",
        help="a module that sets up your program's logging, such as `shop.settings`: it is imported, and its "
        "PagerDutyHandler must be attached afterwards",
    )
    options.add_json(parser)
    add_state(parser)
    options.add_connection(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Test each step and report it; 0 if PagerDuty accepted the event and the state answers, else 1."""
    find_state(args)  # a wrong option ends the command before anything is tested
    key = options.routing_key(args)
    with options.make_client(args, key) as client:
        steps = [_printed(step, args) for step in _steps(client, args)]
    # The answer decides, because it came the way that pages go.
    ok = steps[-1].ok and all(step.ok for step in steps if step.name == "handler")
    trial, silences = _try_state(key, args)
    if trial is not None:
        steps.append(_printed(trial, args))
    all_ok = ok and (trial is None or trial.ok)
    if args.json:
        shown = [
            {"step": step.name, "ok": step.ok, "seconds": step.seconds, "detail": step.detail}
            for step in steps
        ]
        output.print_json(
            {
                "ok": all_ok,
                "steps": shown,
                "silences": [as_json(silence) for silence in silences],
                "not_checked": list(NOT_CHECKED),
                "silent_because": list(SILENT_BECAUSE) if ok else [],
            }
        )
    elif output.is_terminal():
        print(output.coloured("PagerDuty can be reached." if ok else "Pages would not get through.", "bold"))
        for line in _caveats() if ok else ():
            print(output.coloured(line, "dim"))
    return 0 if all_ok else 1


def _caveats() -> Iterator[str]:
    for what in NOT_CHECKED:
        yield f"Not checked: {what}."
    yield "Events are accepted, and still nobody is notified? It may be that"
    for reason in SILENT_BECAUSE:
        yield f"  - {reason}"
    yield f"See {SUPPORT_PAGE}"


def _steps(client: EventsClient, args: argparse.Namespace) -> Iterator[Step]:
    from pagerduty_logging.cli.probes import Step, probe
    from pagerduty_logging.events_api.clock import monotonic
    from pagerduty_logging.events_api.errors import EventsError

    if args.module is not None:
        yield from _handlers_of(args.module)
    yield Step("routing key", True, f"from {options.key_origin(args)}")
    yield Step("address", True, client.base_url)
    yield from probe(client.base_url, client.timeout)
    since = monotonic()
    try:
        receipt = client.check()
    except EventsError as error:
        yield Step("answer", False, str(error), monotonic() - since)
    else:
        yield Step("answer", True, f"202: {receipt.message or receipt.status}", monotonic() - since)


def _try_state(key: RoutingKey, args: argparse.Namespace) -> tuple[Step | None, list[Silence]]:
    """Return the step that tests the state, and the silences in it; None: no state is named."""
    from pagerduty_logging.cli.probes import Step
    from pagerduty_logging.events_api.clock import monotonic
    from pagerduty_logging.events_api.events import this_host
    from pagerduty_logging.state.trial import tried

    place = find_state(args)
    if place is None:
        return None, []
    since = monotonic()
    trial = tried(place, key.reveal(), this_host())
    step = Step("state", trial.fault is None, trial.said_by(place), monotonic() - since)
    return step, trial.silences


def _handlers_of(module: str) -> Iterator[Step]:
    """Import a module as a program in this directory would, and report the handlers that it made."""
    from pagerduty_logging.cli.probes import Step
    from pagerduty_logging.handler import handlers
    from pagerduty_logging.record.attachment import attachment_of

    sys.path.insert(0, os.getcwd())
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        yield Step("handler", False, f"{module} cannot be imported: {type(error).__name__}: {error}")
        return
    found = sorted(handlers(), key=lambda handler: handler.number)
    if not found:
        yield Step("handler", False, f"{module} made no PagerDutyHandler, or nothing refers to it any more")
    attachments = [(handler, attachment_of(handler)) for handler in found]
    in_reach = any(attachment.at and not attachment.trouble for _, attachment in attachments)
    for handler, attachment in attachments:
        if attachment.at and not attachment.trouble:
            where = ", ".join(attachment.at)
            inert = "; it has no routing key in this environment, or is not enabled" if handler.inert else ""
            yield Step("handler", True, f"attached to {where}{inert}")
        elif not in_reach:
            yield Step("handler", False, handler.lookout.trouble() or attachment.trouble)


def _printed(step: Step, args: argparse.Namespace) -> Step:
    if not args.json:
        word = "ok" if step.ok else "failed"
        took = "" if step.seconds is None else f"{step.seconds * 1000:.0f} ms"
        if output.is_terminal():
            print(f"{output.coloured(f'{word:8}', word)}{step.name:13}{took:>9}  {output.plain(step.detail)}")
        else:
            print("\t".join((word, step.name, took, output.plain(step.detail))))
    return step
