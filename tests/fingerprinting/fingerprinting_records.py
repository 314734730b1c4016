"""Records for the tests of the fingerprint: logged for real, or made of a text."""

import json
import logging
import logging.handlers
import pathlib
import queue

from tests.fingerprinting import fingerprinting_call_sites as sites

GOLDEN = pathlib.Path(__file__).parent / "fingerprints.json"


class _Keep(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


def logged(function, *values):
    """The records that FUNCTION logs to the "sites" logger, called with each of VALUES."""
    keep, log = _Keep(), logging.getLogger("sites")
    propagate, log.propagate = log.propagate, False
    log.addHandler(keep)
    try:
        for value in values:
            function(value)
    finally:
        log.removeHandler(keep)
        log.propagate = propagate
    return keep.records


def made(msg, *args, name="app", path="", line=0, func=None, exc_info=None, **extra):
    """A record as `logging` makes it, its source nowhere unless PATH and LINE say so."""
    record = logging.LogRecord(name, logging.ERROR, path, line, msg, args, exc_info, func)
    record.__dict__.update(extra)
    return record


def queued(record):
    """RECORD as a QueueHandler passes it on: arguments and traceback merged into the text."""
    return logging.handlers.QueueHandler(queue.SimpleQueue()).prepare(record)


def golden():
    """The golden entries with the record of each."""
    for entry in json.loads(GOLDEN.read_text("utf-8")):
        if "call" in entry:
            [record] = logged(getattr(sites, entry["call"]), entry["value"])
            yield entry, queued(record) if entry["queued"] else record
        else:
            yield entry, made(entry["message"], *entry["args"], func="handle")
