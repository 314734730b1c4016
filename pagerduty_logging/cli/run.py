"""`run`: run any command as a job, which pages when it fails and resolves with its next success."""

import argparse
import os
import signal
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from pagerduty_logging.cli import options, output
from pagerduty_logging.cli.parsing import Misuse, RefuseKey, Subparsers

if TYPE_CHECKING:
    from pagerduty_logging.cli.supervisor import CommandResult
    from pagerduty_logging.handler import PagerDutyHandler

FLUSH_TIMEOUT = 5.0
"""Longest delay of the end by PagerDuty, in seconds."""

TIMED_OUT, TIMED_OUT_AND_KILLED = 124, 137  # as timeout(1) has them
NOT_EXECUTABLE, NOT_FOUND = 126, 127  # as shells have them


def add_parser(subparsers: Subparsers) -> argparse.ArgumentParser:
    """Add the subcommand and its options."""
    parser = subparsers.add_parser(
        "run",
        usage="%(prog)s --name NAME [options] -- COMMAND [ARGUMENT ...]",
        help="run a command; page when it fails, resolve when it succeeds",
        description="Run a command; its streams and its exit status stay its own. Page when it ends with a "
        "status other than 0, by a signal, or not within --timeout; its next success resolves the alert.",
        epilog="The routing key is taken from PAGERDUTY_ROUTING_KEY, which the command does not get to see "
        "without --pass-key, or from --routing-key-file; without one the command runs all the same. "
        "Exit status: the command's own; 128+N, or the signal itself, where a signal ended it; 124 after a "
        "timeout (137 if it had to be killed); 126 and 127 if it cannot be run or found; 2 if this command "
        "was called wrongly.\n"
        "example: pagerduty-logging run --name nightly-billing --timeout 3600 -- ./bill.sh --all",
    )
    parser.add_argument(
        "--name", required=True, type=_name, help="the job's name, which makes the dedup key of its alert"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help="after so long page and end the command: SIGTERM, and SIGKILL 10 seconds later (default: never)",
    )
    parser.add_argument(
        "--severity",
        type=str.lower,
        choices=options.SEVERITIES,
        default="error",
        help="severity of the page (default: %(default)s)",
    )
    parser.add_argument("--source", help="what is affected (default: the host's name)")
    parser.add_argument("--routing-key-file", metavar="PATH", help="read the routing key from this file")
    parser.add_argument("--routing-key", nargs="?", action=RefuseKey, help=argparse.SUPPRESS)
    parser.add_argument(
        "--pass-key",
        action="store_true",
        help="leave PAGERDUTY_ROUTING_KEY in the command's environment, for a command that pages too",
    )
    parser.add_argument(
        "--region",
        type=str.lower,
        choices=("us", "eu"),
        default="us",
        help="where the account lives (default: us)",
    )
    parser.add_argument(
        "--spool",
        metavar="DIR",
        help="a directory for pages that PagerDuty has not accepted in time; the next run sends them",
    )
    parser.add_argument("--no-resolve", action="store_true", help="do not resolve when the command succeeds")
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its arguments"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command; return the exit status for this process."""
    if os.name != "posix":
        raise Misuse("run: needs a POSIX system")
    from pagerduty_logging.cli.supervisor import Supervisor

    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise Misuse("run: give the command after --")
    pager = _JobPager(args, command[0])
    try:
        supervisor = Supervisor(
            command, environment=_environment(args), timeout=args.timeout, on_timeout=pager.report
        )
        result = supervisor.run()
    except FileNotFoundError as error:
        return pager.not_started(error, NOT_FOUND)
    except OSError as error:
        return pager.not_started(error, NOT_EXECUTABLE)
    pager.report(result)
    if result.timed_out:
        return TIMED_OUT_AND_KILLED if result.status == -signal.SIGKILL else TIMED_OUT
    if result.status < 0:
        _end_like_it(-result.status)
        return 128 - result.status
    return result.status


def _environment(args: argparse.Namespace) -> dict[str, str]:
    """Return the command's environment: ours, without the routing key."""
    from pagerduty_logging.events_api.routing_key import ENVIRONMENT_VARIABLE

    environment = dict(os.environ)
    if args.routing_key_file is None and not args.pass_key:
        environment.pop(ENVIRONMENT_VARIABLE, None)
    return environment


class _JobPager:
    """Pages for the job and resolves it; never fails because of PagerDuty or our options."""

    def __init__(self, args: argparse.Namespace, program: str) -> None:
        self._args = args
        self._program = program
        self._paged = False
        self._handler = _made_by(args)

    def report(self, result: "CommandResult") -> None:
        """Page for a failure, once, or resolve after a success; after Ctrl-C do neither."""
        if result.failed and not self._paged:
            self._paged = True
            self._page(_words(result, self._args.timeout), result)
        elif not result.failed and not result.interrupted and not self._args.no_resolve:
            self._resolve()

    def not_started(self, error: OSError, status: int) -> int:
        """Page for a command that could not be started, and return `status`."""
        from pagerduty_logging.cli.supervisor import CommandResult

        words = f"cannot run {self._program}: {error.strerror or type(error).__name__}"
        _complain(words)
        self._page(words, CommandResult(status=status))
        return status

    def _page(self, words: str, result: "CommandResult") -> None:
        from pagerduty_logging import jobs
        from pagerduty_logging.events_api.events import Severity

        last = result.last_lines[-1:] if not result.timed_out else []
        page = jobs.record(
            self._args.name,
            Severity(self._args.severity),
            "Job %s failed: %s",
            self._args.name,
            ": ".join([words, *last]),
            ran=result.seconds,
            # Without its arguments, which may hold secrets.
            details={
                "program": self._program,
                "exit_status": None if result.timed_out else result.status,
                "stderr": result.last_lines,
            },
        )
        if self._handler is not None:
            self._handler.handle(jobs.in_environment(page, self._handler))

    def _resolve(self) -> None:
        from pagerduty_logging import jobs

        if self._handler is not None:
            self._handler.resolve(jobs.dedup_key(self._args.name, self._handler.environment))


def _made_by(args: argparse.Namespace) -> "PagerDutyHandler | None":
    """Return the handler that the options ask for; None, and a line on stderr, if it cannot be made.

    The command runs anyway: it matters more than its supervision.
    """
    from pagerduty_logging.events_api.routing_key import ENVIRONMENT_VARIABLE
    from pagerduty_logging.handler import PagerDutyHandler

    if args.routing_key_file is None and not os.environ.get(ENVIRONMENT_VARIABLE, "").strip():
        _complain(f"no routing key is set, so that nothing is paged: set {ENVIRONMENT_VARIABLE}")
        return None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            handler = PagerDutyHandler(
                routing_key_file=args.routing_key_file,
                region=args.region,
                source=args.source,
                spool=args.spool,
                flush_timeout=FLUSH_TIMEOUT,
            )
        except (TypeError, ValueError) as error:
            _complain(f"nothing is paged: {error}")
            return None
    for warning in caught:
        _complain(str(warning.message))
    return handler


def _words(result: "CommandResult", timeout: float | None) -> str:
    from pagerduty_logging.jobs import in_words

    if result.timed_out:
        return f"still running after {in_words(timeout or 0.0)}"
    if result.status > 0:
        return f"exit status {result.status}"
    try:
        name = signal.Signals(-result.status).name
    except ValueError:
        name = f"signal {-result.status}"
    return f"{'stopped' if -result.status in result.forwarded else 'ended'} by {name}"


def _end_like_it(number: int) -> None:
    """End this process by the same signal, which shells look at, after its exit hooks have run."""
    import atexit
    import resource

    sys.stdout.flush()
    atexit._run_exitfuncs()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the command's core dump is the one that matters
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # the first process of a container survives the signal


def _complain(sentence: str) -> None:
    with suppress(OSError):  # stderr has no reader; that is no reason to fail
        output.complain(sentence)


def _name(text: str) -> str:
    from pagerduty_logging.jobs import dedup_key

    try:
        dedup_key(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text.strip()


def _seconds(text: str) -> float:
    from pagerduty_logging.events_api import options

    try:
        return options.seconds("--timeout", float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0") from None
