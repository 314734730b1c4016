"""A worker, against as much of a Temporal server as it needs; the one that Temporal ships is downloaded."""

import asyncio
import queue
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from temporalio import activity, workflow
from temporalio.api.enums.v1 import event_type_pb2 as kinds
from temporalio.api.workflowservice.v1 import request_response_pb2 as messages
from temporalio.api.workflowservice.v1 import service_pb2_grpc as service
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.integrations.temporal import install

ENOUGH = 0.3
"""Seconds that a poll of the worker waits for something to do."""


class Server(service.WorkflowServiceServicer):
    def __init__(self) -> None:
        self.activities: queue.Queue[Any] = queue.Queue()
        self.workflows: queue.Queue[Any] = queue.Queue()
        self.answers = 0

    def GetSystemInfo(self, *_: Any) -> Any:
        return messages.GetSystemInfoResponse(server_version="1.29.0")

    def DescribeNamespace(self, *_: Any) -> Any:
        return messages.DescribeNamespaceResponse()

    def ShutdownWorker(self, *_: Any) -> Any:
        return messages.ShutdownWorkerResponse()

    def PollActivityTaskQueue(self, *_: Any) -> Any:
        return taken(self.activities) or messages.PollActivityTaskQueueResponse()

    def PollWorkflowTaskQueue(self, *_: Any) -> Any:
        return taken(self.workflows) or messages.PollWorkflowTaskQueueResponse()

    def RespondActivityTaskFailed(self, *_: Any) -> Any:
        self.answers += 1
        return messages.RespondActivityTaskFailedResponse()

    def RespondActivityTaskCompleted(self, *_: Any) -> Any:
        self.answers += 1
        return messages.RespondActivityTaskCompletedResponse()

    def RespondWorkflowTaskFailed(self, *_: Any) -> Any:
        self.answers += 1
        return messages.RespondWorkflowTaskFailedResponse()


def taken(waiting: "queue.Queue[Any]") -> Any:
    try:
        return waiting.get(timeout=ENOUGH)
    except queue.Empty:
        return None


def attempt_of(name: str, attempt: int, maximum: int, never: str = "") -> Any:
    """Return a task for an activity: which attempt it is, of how many, and which error is not tried again."""
    token = f"{name} {attempt} {never}".encode()
    task = messages.PollActivityTaskQueueResponse(
        task_token=token, activity_id=token.decode(), attempt=attempt
    )
    task.activity_type.name = name
    task.workflow_type.name = "Order"
    task.workflow_execution.workflow_id = "order-7"
    task.retry_policy.maximum_attempts = maximum
    task.retry_policy.non_retryable_error_types.extend([never] if never else [])
    task.input.payloads.add(metadata={"encoding": b"json/plain"}, data=b'"CUST4711"')
    task.start_to_close_timeout.FromSeconds(60)
    for time in (task.scheduled_time, task.started_time, task.current_attempt_scheduled_time):
        time.GetCurrentTime()
    return task


def first_task_of(name: str) -> Any:
    """Return the first task of a workflow that was started just now."""
    task = messages.PollWorkflowTaskQueueResponse(task_token=b"7", attempt=1, started_event_id=3)
    task.workflow_type.name = name
    task.workflow_execution.workflow_id = f"{name}-7"
    task.workflow_execution.run_id = "run-7"
    task.workflow_execution_task_queue.name = "shop"
    begun, scheduled, started = (
        task.history.events.add(event_id=number, event_type=kind)
        for number, kind in (
            (1, kinds.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED),
            (2, kinds.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED),
            (3, kinds.EVENT_TYPE_WORKFLOW_TASK_STARTED),
        )
    )
    about = begun.workflow_execution_started_event_attributes
    about.workflow_type.name = name
    about.task_queue.name = "shop"
    about.workflow_task_timeout.FromSeconds(10)
    about.attempt = 1
    scheduled.workflow_task_scheduled_event_attributes.task_queue.name = "shop"
    started.workflow_task_started_event_attributes.scheduled_event_id = 2
    for time in (task.scheduled_time, task.started_time, begun.event_time, started.event_time):
        time.GetCurrentTime()
    return task


@activity.defn
async def pay(card: str) -> None:
    raise ValueError("boom")


@activity.defn
def ship(card: str) -> None:
    raise LookupError("no stock")


@activity.defn
async def refuse(card: str) -> None:
    raise ApplicationError("refused", non_retryable=True)


@activity.defn
async def tire(card: str) -> None:
    raise TimeoutError("still no answer")


@activity.defn
async def mend(card: str) -> None:
    if activity.info().attempt == 1:
        raise ConnectionError("once")


@activity.defn
async def late(card: str) -> None:
    raise OSError("too late")


@workflow.defn(sandboxed=False)
class Order:
    @workflow.run
    async def run(self) -> None:
        raise KeyError("address")


async def main() -> None:
    fake, server = Server(), grpc.server(ThreadPoolExecutor(30))
    service.add_WorkflowServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    fake.workflows.put(first_task_of("Order"))
    tasks = [
        attempt_of("pay", 2, 3),
        attempt_of("pay", 3, 3),
        attempt_of("ship", 1, 9, never="LookupError"),
        attempt_of("refuse", 1, 0),
        attempt_of("tire", 4, 0),
        attempt_of("tire", 5, 0),
        attempt_of("mend", 1, 3),
        attempt_of("mend", 2, 3),
    ]
    for task in tasks:
        fake.activities.put(task)
    worker = Worker(
        await Client.connect(f"127.0.0.1:{port}"),
        task_queue="shop",
        activities=[pay, ship, refuse, tire, mend, late],
        workflows=[Order],
        activity_executor=ThreadPoolExecutor(2),
    )
    async with worker:
        while fake.answers < len(tasks) + 1:
            await asyncio.sleep(0.05)
        fake.activities.put(attempt_of("late", 1, 1))
        while fake.answers < len(tasks) + 2:
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    install(PagerDutyHandler())
    asyncio.run(main())
