"""airflow: one page for a task that fails for good, which says which dag and task it was.

    with DAG("billing", default_args=callbacks()):
        ...

Airflow 3 does not log a task's failure with Python's logging; it calls these functions, in the task's own
process and only after the last try. Parameters of dags and tasks are never shown: they may be secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import airflow

from pagerduty_logging.handler import PagerDutyHandler
from pagerduty_logging.integrations.tasks import Tasks

Callback = Callable[[Mapping[str, Any]], None]


def callbacks(
    handler: PagerDutyHandler | None = None, *, resolve_on_success: bool = True
) -> dict[str, Callback]:
    """Return `on_failure_callback` and `on_success_callback` for a task, or for the `default_args` of a dag.

    Args:
        handler: pages; default: the handlers attached to the root logger, else to any other, else one made
            from the environment.
        resolve_on_success: make one problem of all failures of a task, with the dedup key
            `airflow/DAG/TASK`, and resolve it with the task's next success; that is one event for each
            task that succeeds. False: each type of exception is its own problem.

    Raises:
        TypeError: naming the argument that is wrong.
    """
    tasks = Tasks("airflow", "Task", airflow, handler=handler, resolve_on_success=resolve_on_success)

    def fail(context: Mapping[str, Any]) -> None:
        instance = context["task_instance"]
        error = context.get("exception")
        reason = [] if error is None or isinstance(error, BaseException) else [str(error)]
        tasks.failed(
            _name(instance),
            str(instance.run_id),
            error if isinstance(error, BaseException) else None,
            "" if isinstance(error, BaseException) else "failed",
            *reason,
            dag_id=instance.dag_id,
            task_name=instance.task_id,
            task_id=str(instance.id),
            map_index=instance.map_index if instance.map_index >= 0 else None,
            task_queue=getattr(context.get("task"), "queue", None),
            task_tries=instance.try_number,
        )

    def succeed(context: Mapping[str, Any]) -> None:
        tasks.succeeded(_name(context["task_instance"]))

    return {"on_failure_callback": fail, "on_success_callback": succeed}


def _name(instance: Any) -> str:
    return f"{instance.dag_id}/{instance.task_id}"
