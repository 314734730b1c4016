"""The formats that Python programs write."""

from __future__ import annotations

from typing import Final

from pagerduty_logging.cli.rehearse import times
from pagerduty_logging.cli.rehearse.format import NOT_SEVERE, Format, Sample
from pagerduty_logging.cli.rehearse.refining import (
    answer_level,
    find_logger,
    logger_of_fields,
    prefer_dotted,
    structlog,
)

_ISO: Final = f"(?P<time>{times.ISO})"

PYTHON: Final = (
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
        rf'\[(?P<time>{times.CLF})\] (?P<message>"[^"]*" (?P<level>\d{{3}}) \d+)',
        (
            Sample(
                '[29/Nov/2026 03:12:07] "GET /pay HTTP/1.1" 500 145',
                40,
                '"GET /pay HTTP/1.1" 500 145',
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
        r"\[{time}\] \{(?P<path>[^:}]+):(?P<line>\d+)\} {LEVEL} - (?P<message>.*)",
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
        rf"\[(?P<level>[DIWEC]) (?P<time>{times.ISO}|{times.SHORT}) (?P<logger>[^\]]+)\] (?P<message>.*)",
        (
            Sample(
                "[E 2026-11-29 03:12:07.123 ServerApp] Uncaught exception",
                40,
                "Uncaught exception",
                "ServerApp",
            ),
            Sample("[W 261129 03:12:07 web:2246] 404 GET /x", 30, "404 GET /x", "web:2246"),
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
        "AWS Lambda",
        rf"\[{{LEVEL}}\]\t{_ISO}\t(?P<request>[^\t]*)\t(?P<message>.*)",
        (Sample("[ERROR]\t2026-11-29T03:12:07.123Z\t8f5e-11\torder 7 failed", 40, "order 7 failed"),),
        is_python=True,
    ),
    Format(
        "time, logger, level",
        r"[\[(<]?{time}[\])>]?(?: - | \| | :: | )"
        r"[\[(]?(?P<logger>[A-Za-z_][\w.$-]*)(?::(?P<line>\d+))?[\])]? *(?: - | \| | :: | |: ?)"
        r"[\[(<]?{LEVEL}(?: *[\])>])?(?::\d+)?(?: +- | *\| | *:: |: ?| +)(?P<message>.*)",
        (
            Sample(
                "2026-11-29 03:12:07,123 - shop.orders - ERROR - order 7 failed",
                40,
                "order 7 failed",
                "shop.orders",
            ),
            Sample(
                "2026-11-29 03:12:07,123 shop.orders  ERROR    order 7 failed",
                40,
                "order 7 failed",
                "shop.orders",
            ),
            Sample(
                "2026-11-29 03:12:07 [scrapy.core.scraper] ERROR: Spider error",
                40,
                "Spider error",
                "scrapy.core.scraper",
            ),
            Sample("[2026-11-29 03:12:07,123] shop [INFO] ready", 20, "ready", "shop"),
            Sample(
                "[2026-11-29 03:12:07,123] kopf.objects    [ERROR   ] [ns/db1] Handler failed",
                40,
                "[ns/db1] Handler failed",
                "kopf.objects",
            ),
            Sample("2026-11-29 03:12:07,123 (shop.db) CRITICAL: gone", 50, "gone", "shop.db"),
        ),
        refine=prefer_dotted,
        is_python=True,
    ),
    Format(
        "time, level",
        r"[\[(<]?{time}[\])>]?(?: \[\d+\]|[ \t]*[-|:;,])?[ \t]*[\[(<{]?{LEVEL} *[\])>}]?"
        r"(?: +- | *\| ?|[:;] *|\s+|(?=\[)|(?<=[\])>}])|$)(?P<message>.*)",
        (
            Sample(
                "2026-11-29 03:12:07,123 ERROR shop.orders: order 7 failed",
                40,
                "order 7 failed",
                "shop.orders",
            ),
            Sample(
                "2026-11-29 03:12:07,123 [CRITICAL] shop.orders: no database",
                50,
                "no database",
                "shop.orders",
            ),
            Sample("2026-11-29 03:12:07,123 - WARNING - disk is nearly full", 30, "disk is nearly full"),
            Sample("2026-11-29T03:12:07Z INFO     ready", 20, "ready"),
            Sample("2015-04-24T21:09:29.296 [25376]INFO:somemodule:Something", 20, "Something", "somemodule"),
            Sample("2026-11-29 03:12:07,123|ERROR|shop.orders|no card", 40, "no card", "shop.orders"),
            Sample("[2026-11-29 03:12:07][ERROR][shop.orders] no card", 40, "no card", "shop.orders"),
            Sample("2026-11-29 03:12:07,123\tERROR worker.py:12 -- it died", 40, "it died"),
            Sample("2026-11-29 03:12:07,123 [CRITI] shop.orders:pay:12 - no", 50, "no", "shop.orders"),
            Sample("2026-11-29 03:12:07,123 ERROR [shop:12][waitress-0] no card", 40, "no card", "shop"),
            Sample("2026-11-29 03:12:07,123 Level 45 shop.orders: strange", 45, "strange", "shop.orders"),
            Sample("20260327 11:34:21.908 - INFO - + START SUITE: Test [ ]", 20, "+ START SUITE: Test [ ]"),
        ),
        refine=find_logger,
        is_python=True,
    ),
    Format(
        "level, time",
        r"\[? ?{LEVEL}\]?(?::\S{1,80}|[ |]{1,40}\S{0,80}?|\|(?P<path>[\w./-]{1,200}):(?P<line>\d{1,7})\])?"
        r"(?:[ |:]{1,40}|(?<=\])(?=\[))(?:[\w.]{1,80}:\d{1,7} )?\[?{time}\]?(?:(?: [\w.-]+)?\])?"
        r"[ :|]+(?:- |>> )?(?P<message>.*)",
        (
            Sample("ERROR 2026-11-29 03:12:07,123 order 7 failed", 40, "order 7 failed"),
            Sample("[DEBUG 2015-05-20 12:22:19 main]  Exec[create]", 10, "Exec[create]"),
            Sample("INFO:2026-11-29 03:12:07,123:ready", 20, "ready"),
            Sample("[ERROR][2026-11-29 03:12:07,123] shop.orders: no card", 40, "no card", "shop.orders"),
            Sample("[ERROR|trainer.py:12] 2026-11-29 03:12:07,123 >> loss is nan", 40, "loss is nan"),
        ),
        refine=find_logger,
        is_python=True,
    ),
    Format(
        "vLLM",
        rf"(?:\([^)]{{0,80}}\) )?{{LEVEL}} (?P<time>{times.YEARLESS}) "
        r"\[?(?P<path>[\w./-]{1,200}):(?P<line>\d{1,7})\] (?P<message>.*)",
        (
            Sample("ERROR 11-29 03:12:07 [engine.py:12] engine is dead", 40, "engine is dead"),
            Sample("(Worker pid=7) ERROR 11-29 03:12:07 engine.py:12] engine is dead", 40, "engine is dead"),
        ),
        is_python=True,
    ),
    Format(
        "Twisted",
        rf"{_ISO} \[(?P<logger>[^#\]]{{1,200}})#{{small}}\] (?P<message>.*)",
        (
            Sample(
                "2026-11-29T03:12:07+0000 [twisted.internet.defer#critical] Unhandled error in Deferred:",
                50,
                "Unhandled error in Deferred:",
                "twisted.internet.defer",
            ),
        ),
    ),
    Format(
        "logging.basicConfig",
        r"{LEVEL}:(?P<logger>[A-Za-z_][\w.-]*):(?P<message>.*)",
        (Sample("ERROR:root:order 7 failed", 40, "order 7 failed", "root"),),
        is_python=True,
    ),
    Format(
        "uvicorn",
        r"{LEVEL}: +(?P<message>.*)",
        (
            Sample(
                "ERROR:    Exception in ASGI application",
                40,
                "Exception in ASGI application",
                "uvicorn.error",
            ),
            Sample(
                'INFO:     127.0.0.1:5 - "GET / HTTP/1.1" 200 OK',
                20,
                '127.0.0.1:5 - "GET / HTTP/1.1" 200 OK',
                "uvicorn.error",
            ),
        ),
        logger="uvicorn.error",
        is_python=True,
    ),
    Format(
        "level, message",
        r"\[?(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) *\]?(?: - | +|$)(?P<message>.*)",
        (
            Sample("ERROR Internal Server Error: /pay", 40, "Internal Server Error: /pay"),
            Sample(
                "INFO  [alembic.runtime.migration] Context impl",
                20,
                "Context impl",
                "alembic.runtime.migration",
            ),
        ),
        refine=find_logger,
        is_python=True,
        wrapped=True,
    ),
)

_THREAD: Final = r"[A-Z][a-z]+(?:[A-Z]\w*|-[\w-]+)(?:-[\w-]+)?"
_DOTTED: Final = r"[A-Za-z_][\w$]*(?:\.[\w$]+)+(?::\d+)?"
_BARE: Final = rf"\d+|{_THREAD}|{_DOTTED}|[\w.-]+(?= *[|:/-])"
_FIELD: Final = rf"{NOT_SEVERE}(?>\[[^\]\n]{{0,80}}\]|\([^)\n]{{0,80}}\)|{_BARE})"
_BETWEEN: Final = r"[ \t|:;,/-]*+"

FIELDS: Final = (
    Format(
        "time, fields, level",
        rf"[\[(<]?{{time}}[\])>]?(?P<fields>(?:{_BETWEEN}{_FIELD}){{1,5}}?){_BETWEEN}"
        r"[\[(<]?{LEVEL} *[\])>]?(?: +- | *\| ?|[:;/] ?|\s+|(?<=[\])>])|$)(?P<message>.*)",
        (
            Sample(
                "2026-11-29 03:12:07,123 [salt.minion       :1234][ERROR   ][4711] no master",
                40,
                "[4711] no master",
                "salt.minion",
            ),
            Sample(
                "[2026-11-29 03:12:07,123] [PID 7] [Thread-4] [dramatiq.worker.WorkerThread] [ERROR] gone",
                40,
                "gone",
                "dramatiq.worker.WorkerThread",
            ),
            Sample(
                "2026-11-29 03:12:07,123 - synapse.http.server - 123 - ERROR - GET-1 - no answer",
                40,
                "GET-1 - no answer",
                "synapse.http.server",
            ),
            Sample("2026-11-29 03:12:07,123 [MainThread  ] [ERROR]  no card", 40, "no card"),
            Sample("2026-11-29 03:12:07,123 4711 MainThread ERROR shop.db gone", 40, "gone", "shop.db"),
            Sample("[2026-11-29 03:12:07,123] db1/ERROR/locust.main: no", 40, "no", "locust.main"),
            Sample(
                "[2026-11-29 03:12:07 +0100] - (sanic.access)[INFO][127.0.0.1:5]: GET /  200 5",
                20,
                "[127.0.0.1:5]: GET /  200 5",
                "sanic.access",
            ),
        ),
        refine=logger_of_fields,
        is_python=True,
    ),
    Format(
        "time, a letter for the level",
        r"[\[(<]?{time}[\])>]?:? [\[(]?(?P<level>[DIWEFC])[\])]?[ :]+(?P<message>.*)",
        (
            Sample("2026-11-29 03:12:07,123 E shop.orders: no card", 40, "no card", "shop.orders"),
            Sample("2026-11-29 03:12:07.123456: E tensorflow/core/a.cc:12] no GPU", 40, "no GPU"),
        ),
        refine=find_logger,
    ),
)
