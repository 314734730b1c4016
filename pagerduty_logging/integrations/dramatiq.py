"""dramatiq: one page for a message that is given up; the page names the actor.

    broker = RedisBroker()
    dramatiq.set_broker(broker)
    logging.getLogger().addHandler(PagerDutyHandler())
    install(broker)

An attempt that will be tried again does not page. Arguments of messages are never shown: they may be secret.
"""

from __future__ import annotations

import logging
from typing import Any

import dramatiq
from dramatiq.middleware import Retries

from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations.tasks import ReportFilter, Tasks
from pagerduty_logging.record.breadcrumbs import BreadcrumbHandler

_LOGGER = "dramatiq.worker.WorkerThread"
_FAILED = "Failed to process message %s with unhandled exception."


def install(
    broker: dramatiq.Broker | None = None,
    handler: PagerDutyHandler | None = None,
    *,
    resolve_on_success: bool = False,
) -> None:
    """Page for the messages that workers give up.

    Call it in the module that makes the broker, which every worker process imports, after its middleware is
    complete.

    Args:
        broker: the broker of the messages; default: dramatiq's global one.
        handler: pages; default: the handlers attached to the root logger, else to any other, else one made
            from the environment.
        resolve_on_success: make one problem of all failures of an actor, and resolve it with the actor's
            next success. Meant for scheduled messages: an actor that fails for one order in ten would be
            resolved by the next order.
    """
    broker = broker or dramatiq.get_broker()
    tasks = Tasks("dramatiq", "Message", dramatiq, handler=handler, resolve_on_success=resolve_on_success)
    broker.middleware[:] = [given for given in broker.middleware if not isinstance(given, GivingUp)]
    retries = next((type(given) for given in broker.middleware if isinstance(given, Retries)), None)
    # Middleware earlier in the list runs after this one: by then the message has failed, or is queued again.
    broker.add_middleware(GivingUp(tasks), before=retries)
    _Attempts().install(_LOGGER)


class GivingUp(dramatiq.Middleware):
    """Pages for the messages that are not tried again; added by `install`."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:
        """Clear the breadcrumbs."""
        BreadcrumbHandler.forget()

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: Any,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Page, or resolve; do nothing if the message is tried again, or if it `throws` this exception."""
        if exception is None:
            self._tasks.succeeded(message.actor_name)
            return
        actor = broker.actors.get(message.actor_name)
        throws: Any = message.options.get("throws") or (actor.options.get("throws") if actor else None)
        is_expected = bool(throws) and isinstance(exception, throws)
        tried_again = not message.failed and any(isinstance(given, Retries) for given in broker.middleware)
        if not is_expected and not tried_again:
            self._tasks.failed(
                message.actor_name,
                message.message_id,
                exception,
                task_name=message.actor_name,
                task_id=message.message_id,
                task_queue=message.queue_name,
                task_tries=max(message.options.get("retries", 1), 1),
            )


class _Attempts(ReportFilter):
    def replaced(self, record: logging.LogRecord) -> bool:
        message: Any = record.args[0] if isinstance(record.args, tuple) and record.args else None
        return record.msg == _FAILED and isinstance(message, dramatiq.MessageProxy)
