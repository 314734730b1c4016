"""The default formats of Python libraries and servers."""

from __future__ import annotations

from typing import Final

from pagerduty_logging.cli.rehearse import times
from pagerduty_logging.cli.rehearse.format import Format, Sample
from pagerduty_logging.cli.rehearse.refining import answer_level, find_logger, structlog
from pagerduty_logging.cli.rehearse.times import ISO_FIELD as _ISO

# The level's column is eight letters wide; the right one names the file, or all is filled with spaces.
_IN_COLUMNS: Final = r"{LEVEL} +(?P<message>\S.*?)(?: +(?P<path>[\w.-]+\.pyx?):(?P<line>\d{1,7}) *| {2,})$"

LIBRARIES: Final = (
    Format(
        "loguru",
        rf"{_ISO} \| {{LEVEL}} *\| (?P<logger>[^:|]*):(?P<function>[^:|]*):(?P<line>\d+) - (?P<message>.*)",
        (
            Sample(
                "2026-11-29 03:12:07.123 | ERROR    | shop.orders:pay:42 - order 7 failed",
                40,
                "order 7 failed",
                "shop.orders",
            ),
            Sample("2026-11-29 03:12:07.123 | SUCCESS  | __main__:<module>:3 - done", 25, "done", "__main__"),
        ),
    ),
    Format(
        "structlog's console",
        rf"{_ISO} \[{{small}} *\] (?P<message>.*)",
        (
            Sample(
                "2026-11-29 03:12:07 [error    ] order failed                   order=7", 40, "order failed"
            ),
            Sample(
                "2026-11-29T03:12:07.123456Z [critical ] database is gone               [shop.db] host=db1",
                50,
                "database is gone",
                "shop.db",
            ),
        ),
        refine=structlog,
    ),
    Format(
        "gunicorn",
        rf"\[{_ISO}\] \[(?P<process>\d+)\] \[{{LEVEL}}\] (?P<message>.*)",
        (
            Sample(
                "[2026-11-29 03:12:07 +0000] [4711] [ERROR] Error handling request /pay",
                40,
                "Error handling request /pay",
                "gunicorn.error",
            ),
            Sample(
                "[2026-11-29 03:12:07 +0100] [7] [INFO] Listening at: http://127.0.0.1:8000 (7)",
                20,
                "Listening at: http://127.0.0.1:8000 (7)",
                "gunicorn.error",
            ),
        ),
        logger="gunicorn.error",
        is_python=True,
    ),
    Format(
        "Celery",
        rf"\[{_ISO}: {{LEVEL}}/[^\]]*\] (?:(?P<logger>[\w.]+)\[[0-9a-f-]{{36}}\]: )?(?P<message>.*)",
        (
            Sample(
                "[2026-11-29 03:12:07,123: ERROR/ForkPoolWorker-1] Task shop.pay[1b9c2b1e] raised unexpected",
                40,
                "Task shop.pay[1b9c2b1e] raised unexpected",
            ),
            Sample(
                "[2026-11-29 03:12:07,123: WARNING/MainProcess] "
                "shop.pay[8c8ab5c2-5b1d-4f1c-8a3e-9d7c9b1a2f00]: card is slow",
                30,
                "card is slow",
                "shop.pay",
            ),
        ),
        is_python=True,
    ),
    Format(
        "Flask",
        r"\[{time}\] {LEVEL} in (?P<logger>[\w.]+): (?P<message>.*)",
        (
            Sample(
                "[2026-11-29 03:12:07,123] ERROR in app: Exception on / [GET]",
                40,
                "Exception on / [GET]",
                "app",
            ),
        ),
        is_python=True,
    ),
    Format(
        "Django's verbose",
        rf"{{LEVEL}} {_ISO} (?P<logger>[\w.]+) (?P<process>\d+) \d+ (?P<message>.*)",
        (
            Sample(
                "ERROR 2026-11-29 03:12:07,123 views 4711 140213 order 7 failed",
                40,
                "order 7 failed",
                "views",
            ),
        ),
        is_python=True,
    ),
    Format(
        "Django's development server",
        rf'\[(?P<time>{times.CLF})\] (?P<message>".*" (?P<level>\d{{3}}) (?:\d+|-))$',
        (
            Sample(
                '[29/Nov/2026 03:12:07] "GET /pay HTTP/1.1" 500 145',
                40,
                '"GET /pay HTTP/1.1" 500 145',
                "django.server",
            ),
            Sample(
                '[29/Nov/2026 03:12:07] "GET /\\"a HTTP/2" 500 -',
                40,
                '"GET /\\"a HTTP/2" 500 -',
                "django.server",
            ),
            Sample(
                '[29/Nov/2026 03:12:07] "GET / HTTP/1.1" 200 9', 20, '"GET / HTTP/1.1" 200 9', "django.server"
            ),
        ),
        level_of=answer_level,
        logger="django.server",
    ),
    Format(
        "Airflow",
        r"\[{time}\] \{{1,2}(?P<path>[^:}]+):(?P<line>\d+)\}{1,2} {LEVEL} - (?P<message>.*)",
        (
            Sample(
                "[2026-11-29T03:12:07.123+0000] {taskinstance.py:1824} ERROR - Task failed with exception",
                40,
                "Task failed with exception",
            ),
        ),
        is_python=True,
    ),
    Format(
        "Jupyter, Tornado",
        rf"\[(?P<level>[DIWEC]) (?P<time>{times.ISO}|{times.SHORT}) (?P<logger>[^\]:]+)"
        r"(?::(?P<line>\d{1,7}))?\] (?P<message>.*)",
        (
            Sample(
                "[E 2026-11-29 03:12:07.123 ServerApp] Uncaught exception",
                40,
                "Uncaught exception",
                "ServerApp",
            ),
            Sample("[W 261129 03:12:07 web:2246] 404 GET /x", 30, "404 GET /x", "web"),
        ),
    ),
    Format(
        "Odoo, OpenStack",
        rf"{_ISO} (?P<process>\d+) {{LEVEL}} (?:\S+ (?P<logger>[\w.]+): )?(?P<message>.*)",
        (
            Sample(
                "2026-11-29 03:12:07,123 4 ERROR shop odoo.http: Exception during request",
                40,
                "Exception during request",
                "odoo.http",
            ),
            Sample(
                "2026-11-29 03:12:07.123 23623 INFO neutron.wsgi [req-1 None] GET /",
                20,
                "[req-1 None] GET /",
                "neutron.wsgi",
            ),
        ),
        refine=find_logger,
        is_python=True,
    ),
    Format(
        "rich",
        rf"\[(?P<time>\d\d/\d\d/\d\d \d\d:\d\d:\d\d)\] {_IN_COLUMNS}",
        (
            Sample("[11/29/26 03:12:07] ERROR    order 7 failed          app.py:12", 40, "order 7 failed"),
            Sample("[11/29/26 03:12:07] INFO     ready                   ", 20, "ready"),
        ),
        is_python=True,
        layout="%m/%d/%y %H:%M:%S",  # %x: Python keeps the locale C by default
        columns=True,
    ),
    Format(
        "rich, with a time of its own",
        rf"\[?{{time}}\]? {_IN_COLUMNS}",
        (Sample("[2026-11-29 03:12:07] ERROR    order 7 failed     app.py:12", 40, "order 7 failed"),),
        is_python=True,
        columns=True,
    ),
    Format(
        "rich, without a day",
        rf"\[\d\d:\d\d:\d\d\] {_IN_COLUMNS}",
        (Sample("[03:12:07] ERROR    order 7 failed                  app.py:12", 40, "order 7 failed"),),
        is_python=True,
        columns=True,
    ),
    Format(
        "AWS Lambda's uncaught error",
        r"\[(?P<level>ERROR)\] (?P<message>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)(?:: .*)?)$",
        (Sample("[ERROR] ValueError: no card", 40, "ValueError: no card"),),
    ),
    Format(
        "ROS",
        r"\[{LEVEL}\] \[(?P<time>\d{10}\.\d{1,9})(?:, [\d.]+)?\](?: \[(?P<logger>[\w./-]+)\])?: ?"
        r"(?P<message>.*)",
        (Sample("[ERROR] [1795921927.123456789] [shop_node]: no", 40, "no", "shop_node"),),
        is_python=True,
    ),
    Format(
        "Ray",
        rf"(?:\([^)]{{0,80}}\) )?\[{_ISO} (?P<level>[DIWEFC]) \d+ \d+\] (?P<message>.*)",
        (Sample("(raylet) [2026-11-29 03:12:07,123 E 12 34] node.cc:12: no", 40, "node.cc:12: no"),),
    ),
    Format(
        "Apache Spark",
        r"(?P<time>\d\d/\d\d/\d\d \d\d:\d\d:\d\d) {LEVEL} (?P<logger>[\w.$]+): (?P<message>.*)",
        (
            Sample(
                "17/06/09 20:10:40 ERROR executor.Executor: Exception in task 1.0",
                40,
                "Exception in task 1.0",
                "executor.Executor",
            ),
        ),
        layout="%y/%m/%d %H:%M:%S",
    ),
    Format(
        "cloud-init",
        r"(?:{time} - |\[CLOUDINIT\] )(?P<path>[\w./-]+\.py)\[{LEVEL}\]: (?P<message>.*)",
        (Sample("2026-11-29 03:12:07,123 - util.py[ERROR]: Failed to run", 40, "Failed to run"),),
        is_python=True,
    ),
    Format(
        "seconds since 1970, level",
        r"\[?(?P<time>\d{10}(?:\.\d{1,9}|\d{3})?)\]?[ \t|:-]+\[?{LEVEL} *\]?[ \t|:-]+(?P<message>.*)",
        (
            Sample("1795921927.123 ERROR shop.orders: order 7 failed", 40, "order 7 failed", "shop.orders"),
            Sample("1795921927123\tINFO\tshop.orders\tready", 20, "ready", "shop.orders"),
        ),
        refine=find_logger,
        is_python=True,
    ),
)
