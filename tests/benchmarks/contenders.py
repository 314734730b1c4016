"""What is compared: each makes a handler that is ready to be attached to a logger."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from collections.abc import Callable
from typing import Any, NamedTuple

KEY = "0123456789abcdef0123456789abcdef"


class Addresses(NamedTuple):
    """Where the server of `server.py` listens."""

    http: int
    sink: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"


class Empty(logging.Handler):
    """The least that logging's own `Handler` can cost."""

    def emit(self, record: logging.LogRecord) -> None:
        return


def ours(to: Addresses) -> logging.Handler:
    from pagerduty_logging import PagerDutyHandler

    return PagerDutyHandler(KEY, base_url=to.url)


def log_rate_limit(to: Addresses) -> logging.Handler:
    from log_rate_limit import StreamRateLimitFilter

    handler = Empty()
    handler.addFilter(StreamRateLimitFilter(period_sec=300))
    return handler


def queue_handler(to: Addresses) -> logging.Handler:
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, Empty())  # type: ignore[arg-type]
    listener.start()
    return logging.handlers.QueueHandler(waiting)  # type: ignore[arg-type]


def opentelemetry(to: Addresses) -> logging.Handler:
    import warnings

    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter

    class Nowhere(LogRecordExporter):
        def export(self, batch: Any) -> Any:
            from opentelemetry.sdk._logs.export import LogRecordExportResult

            return LogRecordExportResult.SUCCESS

        def shutdown(self) -> None:
            return

        def force_flush(self, timeout_millis: int = 0) -> bool:
            return True

    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(Nowhere()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LoggingHandler(logger_provider=provider)


def logstash(to: Addresses) -> logging.Handler:
    from logstash_async.handler import AsynchronousLogstashHandler

    return AsynchronousLogstashHandler("127.0.0.1", to.sink, database_path=None)


class _Client(logging.Handler):
    """What the official client's users write."""

    def __init__(self, to: Addresses) -> None:
        from pagerduty import EventsApiV2Client

        super().__init__()
        self._client = EventsApiV2Client(KEY)
        self._client._url = to.url  # it takes no plain http, not even to this machine

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._client.trigger(self.format(record)[:1024], "bench", severity="error")
        except Exception:
            self.handleError(record)


def client_through_queue(to: Addresses) -> logging.Handler:
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, _Client(to))  # type: ignore[arg-type]
    listener.start()
    return logging.handlers.QueueHandler(waiting)  # type: ignore[arg-type]


def sentry(to: Addresses) -> logging.Handler:
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.logging import EventHandler

    sentry_sdk.init(
        f"http://{KEY}@127.0.0.1:{to.http}/1",
        default_integrations=False,  # which would read the NullHandler's records too
        integrations=[AtexitIntegration(callback=lambda pending, timeout: None)],
    )
    return EventHandler(level=logging.ERROR)


CONTENDERS: dict[str, Callable[[Addresses], logging.Handler]] = {
    "NullHandler": lambda to: logging.NullHandler(),
    "pagerduty-logging": ours,
    "empty logging.Handler": lambda to: Empty(),
    "log-rate-limit": log_rate_limit,
    "QueueHandler": queue_handler,
    "opentelemetry-sdk": opentelemetry,
    "python-logstash-async": logstash,
    "pagerduty behind QueueHandler": client_through_queue,
    "pagerduty": _Client,
    "sentry-sdk": sentry,
}
