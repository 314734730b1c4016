"""AWS Lambda: a page has left before the function answers, for then its process is frozen."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pagerduty_logging.sandbox import Sandbox
from tests.reliability.programs import until

from .workers import EXAMPLES, PATIENCE, pages, started

pytest.importorskip("awslambdaric")

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:shop"


class RuntimeApi:
    """What Lambda's runtime interface client talks to: hands out events, takes in answers.

    Attributes:
        answers: for each event, what came back, and how many pages PagerDuty had at that moment.
    """

    def __init__(self, events: list[dict[str, Any]], sandbox: Sandbox) -> None:
        self.answers: list[tuple[dict[str, Any], int]] = []
        self.over = threading.Event()
        waiting = iter(enumerate(events))
        answers, over = self.answers, self.over

        class Invocations(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number, event = next(waiting, (0, None))
                if event is None:
                    over.wait(PATIENCE)  # frozen: there is no further invocation
                    return
                self._answer(
                    200,
                    event,
                    {
                        "Lambda-Runtime-Aws-Request-Id": f"request-{number}",
                        "Lambda-Runtime-Deadline-Ms": "4102444800000",
                        "Lambda-Runtime-Invoked-Function-Arn": FUNCTION,
                        "Lambda-Runtime-Trace-Id": "Root=1",
                        "Content-Type": "application/json",
                    },
                )

            def do_POST(self) -> None:
                answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answers.append((answer, len(sandbox.events)))
                self._answer(202, {}, {})

            def _answer(self, status: int, body: object, headers: dict[str, str]) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        Invocations.protocol_version = "HTTP/1.1"
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Invocations)


@contextmanager
def runtime_api(events: list[dict[str, Any]], sandbox: Sandbox) -> Iterator[RuntimeApi]:
    api = RuntimeApi(events, sandbox)
    thread = threading.Thread(target=api.server.serve_forever)
    thread.start()
    try:
        yield api
    finally:
        api.over.set()
        api.server.shutdown()
        api.server.server_close()
        thread.join()


def test_pages_leave_before_the_answer(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fail_next(503)
    events = [{"order": 7}, {"order": 7, "address": "Main Street"}, {"order": 13, "address": "Main Street"}]
    with runtime_api(events, sandbox) as api:
        address = f"127.0.0.1:{api.server.server_port}"
        settings = {
            "AWS_LAMBDA_RUNTIME_API": address,
            "AWS_LAMBDA_FUNCTION_NAME": "shop",
            "PYTHONPATH": str(EXAMPLES / "aws_lambda"),
        }
        with started(["-m", "awslambdaric", "shop.handler"], tmp_path, sandbox, **settings) as process:
            until(lambda: len(api.answers) == 3 or process.poll() is not None, timeout=PATIENCE)
    said = (tmp_path / "output.txt").read_text()
    assert [had for _, had in api.answers] == [1, 1, 2], said
    charged, _, failed = (answer for answer, _ in api.answers)
    assert charged == {"charged": 7}
    assert failed["errorMessage"] == "there is no order 13"
    found = pages(sandbox)
    assert set(found) == {"no address for order 7", "shop failed: LookupError: there is no order 13"}
    assert found["no address for order 7"]["aws_request_id"] == "request-0"


POWERTOOLS = """
import logging
from pagerduty_logging import PagerDutyHandler
logging.getLogger().addHandler(PagerDutyHandler())

import aws_lambda_powertools as powertools
log = powertools.Logger(service="order")
log.error("payment %s failed", 7, order=7)
log.error({"message": "the database is down", "shard": 3})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("it broke")
logging.getLogger("shop.reorder").error("a bystander failed")
"""


def test_what_powertools_logs_pages_though_it_keeps_its_records_from_the_root_handlers(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    pytest.importorskip("aws_lambda_powertools")
    with started(["-c", POWERTOOLS], tmp_path, sandbox, AWS_LAMBDA_FUNCTION_NAME="shop") as process:
        assert process.wait(PATIENCE) == 0
    found = pages(sandbox)
    assert set(found) == {
        "payment 7 failed",
        "the database is down",
        "it broke: ZeroDivisionError: division by zero",
        "a bystander failed",
    }
    assert (found["payment 7 failed"]["order"], found["the database is down"]["shard"]) == (7, 3)
