"""Keeps events in a file: one line of JSON for each, read back at the next start."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pagerduty_logging.sandbox import rules
from pagerduty_logging.sandbox.store import MAX_EVENTS
from pagerduty_logging.sandbox.values import AcceptedEvent

HEADER = '{"file": "events of a pagerduty-logging sandbox", "version": 1}\n'
MAX_LINES = 2 * MAX_EVENTS  # beyond it the file is rewritten with the events that are still held


class KeepFile:
    """Keeps a sandbox's events in a file that only its owner can read; one sandbox at a time.

    Lines torn by a crash or a full disk are skipped, and reported on stderr. A file that cannot be written
    is reported once; its events are then lost at the end of the process.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: it holds something else, and is left unchanged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lines = 0
        self._complained = False
        opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        regular = stat.S_ISREG(os.fstat(opened).st_mode)
        os.close(opened)
        if not regular:  # reading a device may never end
            raise ValueError(f"{self._path} is not a regular file")
        self._torn = False
        self._loaded = self._read()

    def load(self) -> Iterable[AcceptedEvent]:
        """Return the newest events of the file, oldest first."""
        return self._loaded[-MAX_EVENTS:]

    def add(self, event: AcceptedEvent, all_events: Callable[[], Iterable[AcceptedEvent]]) -> None:
        """Append an event; rewrite the file from `all_events` if it has become too long, or was deleted."""
        self._lines += 1
        if self._lines > MAX_LINES or not self._path.exists():
            self._write(all_events())
        else:
            self._attempt(lambda: self._append(_line(event)))

    def clear(self) -> None:
        """Truncate the file to its header, which works on a full disk too."""
        self._lines = 0
        if self._path.exists():
            self._attempt(self._truncate)

    def _read(self) -> list[AcceptedEvent]:
        data = self._path.read_bytes()
        header = HEADER.encode()
        if not data.startswith(header):
            if not header.startswith(data):
                raise ValueError(f"{self._path} holds something else than a sandbox's events")
            self._path.write_bytes(header)
        self._torn = bool(data) and not data.endswith(b"\n")
        lines = data.splitlines()[1:]
        self._lines = len(lines)
        events = [event for line in lines if (event := _event(line))]
        if torn := len(lines) - len(events):
            _report(f"{torn} torn lines of {self._path} are left out")
        return events

    def _write(self, events: Iterable[AcceptedEvent]) -> None:
        lines = [_line(event) for event in events]
        self._lines = len(lines)
        new_file = self._path.with_name(self._path.name + ".new")

        def replace() -> None:
            try:
                with open(os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                    file.writelines([HEADER, *lines])
                os.replace(new_file, self._path)
            except OSError:
                new_file.unlink(missing_ok=True)
                raise

        self._attempt(replace)

    def _truncate(self) -> None:
        os.truncate(self._path, len(HEADER))
        self._torn = False

    def _append(self, line: str) -> None:
        with open(self._path, "a") as file:
            file.write("\n" + line if self._torn else line)
        self._torn = False

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            self._torn = True
            if not self._complained:
                self._complained = True
                _report(f"{self._path} keeps no more events: {error.strerror or error}")


def _line(event: AcceptedEvent) -> str:
    kept: dict[str, Any] = {"at": event.at.isoformat(), "action": event.action, "dedup_key": event.dedup_key}
    if event.by_hand:
        kept["by_hand"] = True
    return json.dumps({**kept, "event": event.body}) + "\n"


def _event(line: bytes) -> AcceptedEvent | None:
    """Return the event of a line; None if the line is torn."""
    try:
        kept = rules.parse(line)
        rules.check_text_and_depth(kept["event"])
        body, action, dedup_key = kept["event"], kept["action"], kept["dedup_key"]
        judge = rules.change_event_errors if action == "change" else rules.alert_event_errors
        fits = action == body.get("event_action", "change") and isinstance(dedup_key, str | None)
        if judge(body) or not fits:
            return None
        return AcceptedEvent(
            at=datetime.fromisoformat(kept["at"]).astimezone(UTC),
            action=action,
            dedup_key=dedup_key,
            outcome="recorded",  # its outcome is worked out again when the events are applied in order
            body=body,
            by_hand=kept.get("by_hand", False),
        )
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError):
        return None


def _report(sentence: str) -> None:
    print(f"pagerduty-logging: {sentence}", file=sys.stderr)
