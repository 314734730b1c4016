"""Formats that Python programs commonly configure."""

from __future__ import annotations

from typing import Final

from pagerduty_logging.cli.rehearse import times
from pagerduty_logging.cli.rehearse.format import NO_LEVEL, Format, Sample
from pagerduty_logging.cli.rehearse.refining import (
    find_logger,
    logger_of_fields,
    prefer_dotted,
)
from pagerduty_logging.cli.rehearse.times import ISO_FIELD as _ISO

_LOGGER_FIRST: Final = rf"{NO_LEVEL}(?P<logger>[A-Za-z_][\w.-]{{0,100}})"

PYTHON: Final = (
    Format(
        "AWS Lambda",
        rf"\[{{LEVEL}}\]\t{_ISO}\t(?P<request>[^\t]*)\t(?P<message>.*)",
        (Sample("[ERROR]\t2026-11-29T03:12:07.123Z\t8f5e-11\torder 7 failed", 40, "order 7 failed"),),
        is_python=True,
    ),
    Format(
        "time, logger, level",
        r"[\[(<]?{time}[\])>]?(?: - | \| | :: | )"
        rf"[\[(]?{NO_LEVEL}"
        r"(?P<logger>[A-Za-z_][\w.$-]*)(?::(?P<line>\d+))?[\])]? *(?: - | \| | :: | |: ?)"
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
            Sample("2026-11-29 03:12:07,123 ERROR shop.db /srv/db.py:12 gone", 40, "gone", "shop.db"),
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
        "logger, level, time",
        rf"[\[(]?{_LOGGER_FIRST}[\])]?(?: *[:|-] *| ){{LEVEL}} *(?: *[:|-] *| )[\[(]?{{time}}[\])]?"
        r"(?: *[:|-] *| )(?P<message>.*)",
        (
            Sample("shop.orders: ERROR: 2026-11-29 03:12:07,123: no card", 40, "no card", "shop.orders"),
            Sample("shop.orders - INFO - 2026-11-29 03:12:07,123 - ready", 20, "ready", "shop.orders"),
        ),
        is_python=True,
    ),
    Format(
        "logger, time, level",
        rf"[\[(]?{_LOGGER_FIRST}[\])]?(?: *[:|-] *| )[\[(]?{{time}}[\])]?"
        r"(?:\[[^\]]{0,60}\]\w{0,60}:\d{1,7})?(?: *[:|-] *| )[\[(]?{LEVEL} *[\])]?(?: *[:|-] *| )"
        r"(?P<message>.*)",
        (
            Sample(
                "(sqlalchemy.pool.QueuePool): 2021-04-28 16:37:00,355 DEBUG Connection returned",
                10,
                "Connection returned",
                "sqlalchemy.pool.QueuePool",
            ),
            Sample("shop.orders 2026-11-29 03:12:07,123 ERROR no card", 40, "no card", "shop.orders"),
        ),
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
        "logger - level - message",
        rf"{_LOGGER_FIRST} - (?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) *- (?P<message>.*)",
        (Sample("shop.orders - ERROR - order 7 failed", 40, "order 7 failed", "shop.orders"),),
        is_python=True,
    ),
    Format(
        "time of day, level",
        r"[\[(]?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?[\])]?[ \t|:-]+"
        r"(?:\{(?P<path>[^:}\s]{1,200}):(?P<line>\d{1,7})\} )?"
        r"[\[(]?{LEVEL} *[\])]?[ \t|:-]+(?P<message>.*)",
        (
            Sample("03:12:07 ERROR shop.orders: order 7 failed", 40, "order 7 failed", "shop.orders"),
            Sample("[03:12:07,123] [INFO] ready", 20, "ready"),
        ),
        refine=find_logger,
        is_python=True,
    ),
    Format(
        "logger, level, message",
        rf"\[?{_LOGGER_FIRST}\]?(?: *: *| *\| *| )\[?(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) *\]?"
        r"(?: *: *| *\| *| )(?P<message>.*)",
        (Sample("shop.orders : ERROR    order 7 failed", 40, "order 7 failed", "shop.orders"),),
        is_python=True,
        wrapped=True,
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
_BARE: Final = rf"#?\d+|\w+=[^\s=]+|{_THREAD}|{_DOTTED}|[\w.-]+(?= *[|:/-])"
_FIELD: Final = rf"{NO_LEVEL}(?>\[[^\]\n]{{0,80}}\]|\([^)\n]{{0,80}}\)|{_BARE})"
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
