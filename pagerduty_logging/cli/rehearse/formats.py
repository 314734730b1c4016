"""The formats of text logs that are read without being told: one table, each row with lines that show it.

A pattern's groups are fields of `Entry`. `{level}` stands for any level's word, `{LEVEL}` for one in capital
letters, `{small}` for one in small letters, `{time}` for any time that has a year. Rows that come first win where several fit as many lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from pagerduty_logging.cli.rehearse import levels, times

Said = dict[str, str]


class Sample(NamedTuple):
    """A line, and what is to be read from it."""

    line: str
    level: int | None
    message: str
    logger: str = ""


@dataclass(frozen=True)
class Format:
    """How the lines of one kind of log look.

    Attributes:
        name: as the result calls it.
        pattern: see above.
        samples: lines of its kind.
        level_of: the level of a word, where this log has words or letters of its own.
        refine: takes the fields apart further.
        logger: whose records these are, where the line does not say.
        is_python: whether Python's `logging` wrote it, whose levels are words in capital letters.
    """

    name: str
    pattern: str
    samples: tuple[Sample, ...] = ()
    level_of: Callable[[str], int | None] = levels.of_word
    refine: Callable[[Said], None] | None = None
    logger: str = ""
    is_python: bool = False
    layout: str | None = field(default=None, kw_only=True)

    @cached_property
    def match(self) -> Callable[[str], re.Match[str] | None]:
        """Match a line, without its end."""
        return re.compile(_filled(self.pattern, _NAMES)).match

    def quiet(self, level: int) -> Callable[..., re.Match[bytes]] | None:
        """Return what matches as many lines as there are below a level; None: it cannot be told so quickly."""
        slot = next((slot for slot in _SLOTS if slot in self.pattern), "")
        before, _, after = self.pattern.partition(slot) if slot else (self.pattern, "", "")
        if not slot or "<message>" in before:
            return None
        words = "|".join(name for name in levels.NAMES if levels.WORDS[name] < level)
        words = {"{LEVEL}": f"(?:{words.upper()})", "{small}": f"(?:{words})"}.get(slot, f"(?i:{words})")
        closing = after.partition("(")[0]
        try:
            re.compile(closing)
        except re.error:
            closing = ""
        head = _UNNAMED.sub("(?:", _filled(before, "")) + words + r"(?![^\W_])" + closing
        try:
            # Possessive: what was read is not read again.
            return re.compile(rf"(?:{head}[^\n]*\n)*+".encode()).match  # type: ignore[return-value]
        except re.error:
            return None

    def words(self, level: int) -> tuple[bytes, ...]:
        """Return what a line holds if it may be of this level or worse."""
        worse = [name for name in levels.NAMES if levels.WORDS[name] >= level]
        if self.is_python:
            worse = [name for name in worse if name in _PYTHON_NAMES]
        if "{LEVEL}" in self.pattern or self.is_python:
            cases = [str.upper]
        elif "{small}" in self.pattern:
            cases = [str.lower]
        else:
            cases = [str.upper, str.lower, str.capitalize]
        found = {case(name).encode() for name in worse for case in cases}
        return tuple(sorted(w for w in found if not any(o != w and o in w for o in found)))

    @property
    def has_words(self) -> bool:
        """Whether a level is a word that can be looked for."""
        return any(slot in self.pattern for slot in _SLOTS)


_PYTHON_NAMES: Final = frozenset({"debug", "info", "warning", "error", "critical"})
_SLOTS: Final = ("{LEVEL}", "{small}", "{level}")
_UNNAMED: Final = re.compile(r"\(\?P<\w+>")
_NAMES: Final = "|".join(levels.NAMES)


def _is_simple(text: str) -> bool:
    return text.count("(") == text.count(")") == 0


def _filled(pattern: str, names: str) -> str:
    return (
        pattern.replace("{time}", f"(?P<time>{times.ANY})")
        .replace("{level}", rf"(?P<level>(?i:{names}|level \d{{1,5}}))(?![^\W_])")
        .replace("{small}", rf"(?P<level>{names})(?![^\W_])")
        .replace("{LEVEL}", rf"(?P<level>{names.upper()}|Level \d{{1,5}})(?![^\W_])")
    )


_OWN_LOGGER = re.compile(r"\[?(?P<logger>[A-Za-z_][\w.$-]*)\]?(?:(?::\d+)?:| -|(?: +)?\||(?<=\])) ?(?=\S)")
_DOTTED = re.compile(r"(?P<logger>[A-Za-z_]\w*(?:\.\w+)+) +(?=\S)")
_IN_BRACKETS = re.compile(r"(?:\[[^\]]*\]|\([^)]*\)) *")


def find_logger(said: Said) -> None:
    """Find the logger's name at the beginning of the message, if the line has none elsewhere."""
    if said.get("logger"):
        return
    text = said["message"]
    found = _OWN_LOGGER.match(text) or _DOTTED.match(text)
    if found is None and (around := _IN_BRACKETS.match(text)):
        found = _OWN_LOGGER.match(text, around.end()) or _DOTTED.match(text, around.end())
    if found is not None and levels.of_word(found["logger"]) is None:
        said["logger"], said["message"] = found["logger"], text[found.end() :]


_AFTER_EVENT = re.compile(r" +\[(?P<logger>[\w.-]+)\](?= |$)| +(?=[A-Za-z_][\w.]*=)")


def _structlog(said: Said) -> None:
    text = said["message"]
    end = _AFTER_EVENT.search(text)
    if end is not None:
        said["message"] = text[: end.start()]
        said["logger"] = end["logger"] or said.get("logger", "")


def _java(said: Said) -> None:
    text = said["message"]
    found = _JAVA_LOGGER.match(text)
    if found is not None:
        said["logger"], said["message"] = found["logger"], text[found.end() :]


_JAVA_LOGGER = re.compile(r"\[?(?P<logger>#?[\w.$]+)\]? +[-:] +")


def _answer(word: str) -> int | None:
    """Return the level by which Django's development server tells of an answer."""
    if word[:1] == "5":
        return 40
    return 30 if word[:1] == "4" else 20


def _of(mapping: Mapping[str, int]) -> Callable[[str], int | None]:
    return mapping.get


def _postgres(word: str) -> int | None:
    return 10 if word.startswith("DEBUG") else levels.of_word(word)


_ISO = f"(?P<time>{times.ISO})"

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
            Sample("2026-11-29 03:12:07 [error    ] order failed                   order=7", 40, "order failed"),
            Sample(
                "2026-11-29T03:12:07.123456Z [critical ] database is gone               [shop.db] host=db1",
                50,
                "database is gone",
                "shop.db",
            ),
        ),
        refine=_structlog,
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
            Sample("[2026-11-29 03:12:07 +0100] [7] [INFO] Listening at: http://127.0.0.1:8000 (7)", 20,
                   "Listening at: http://127.0.0.1:8000 (7)", "gunicorn.error"),
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
            Sample("[2026-11-29 03:12:07,123: WARNING/MainProcess] "
                   "shop.pay[8c8ab5c2-5b1d-4f1c-8a3e-9d7c9b1a2f00]: card is slow", 30, "card is slow", "shop.pay"),
        ),
        is_python=True,
    ),
    Format(
        "Flask",
        r"\[{time}\] {LEVEL} in (?P<logger>[\w.]+): (?P<message>.*)",
        (Sample("[2026-11-29 03:12:07,123] ERROR in app: Exception on / [GET]", 40, "Exception on / [GET]", "app"),),
        is_python=True,
    ),
    Format(
        "Django's verbose",
        rf"{{LEVEL}} {_ISO} (?P<logger>[\w.]+) (?P<process>\d+) \d+ (?P<message>.*)",
        (
            Sample(
                "ERROR 2026-11-29 03:12:07,123 views 4711 140213 order 7 failed", 40, "order 7 failed", "views"
            ),
        ),
        is_python=True,
    ),
    Format(
        "Django's development server",
        rf'\[(?P<time>{times.CLF})\] (?P<message>"[^"]*" (?P<level>\d{{3}}) \d+)',
        (
            Sample('[29/Nov/2026 03:12:07] "GET /pay HTTP/1.1" 500 145', 40, '"GET /pay HTTP/1.1" 500 145',
                   "django.server"),
            Sample('[29/Nov/2026 03:12:07] "GET / HTTP/1.1" 200 9', 20, '"GET / HTTP/1.1" 200 9', "django.server"),
        ),
        level_of=_answer,
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
            Sample("[E 2026-11-29 03:12:07.123 ServerApp] Uncaught exception", 40, "Uncaught exception", "ServerApp"),
            Sample("[W 261129 03:12:07 web:2246] 404 GET /x", 30, "404 GET /x", "web:2246"),
        ),
    ),
    Format(
        "Odoo, OpenStack",
        rf"{_ISO} (?P<process>\d+) {{LEVEL}} (?:\S+ (?P<logger>[\w.]+): )?(?P<message>.*)",
        (
            Sample("2026-11-29 03:12:07,123 4 ERROR shop odoo.http: Exception during request", 40,
                   "Exception during request", "odoo.http"),
            Sample("2026-11-29 03:12:07.123 23623 INFO neutron.wsgi [req-1 None] GET /", 20, "[req-1 None] GET /",
                   "neutron.wsgi"),
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
        r"\[?{time}\]?(?: - | \| | :: | )\[?(?P<logger>[A-Za-z_][\w.$-]*)\]? *(?: - | \| | :: | |:)"
        r"[\[(<]?{LEVEL}[\])>]?(?::\d+)?(?: +- | *\| | *:: |: ?| +)(?P<message>.*)",
        (
            Sample("2026-11-29 03:12:07,123 - shop.orders - ERROR - order 7 failed", 40, "order 7 failed",
                   "shop.orders"),
            Sample("2026-11-29 03:12:07,123 shop.orders  ERROR    order 7 failed", 40, "order 7 failed", "shop.orders"),
            Sample("2026-11-29 03:12:07 [scrapy.core.scraper] ERROR: Spider error", 40, "Spider error",
                   "scrapy.core.scraper"),
            Sample("[2026-11-29 03:12:07,123] shop [INFO] ready", 20, "ready", "shop"),
        ),
        is_python=True,
    ),
    Format(
        "time, level",
        r"\[?{time}\]?(?: \[\d+\]| -| \||:|,)? *[\[(<]?{LEVEL}[\])>]?(?: +- | *\| |: ?| +|$)(?P<message>.*)",
        (
            Sample("2026-11-29 03:12:07,123 ERROR shop.orders: order 7 failed", 40, "order 7 failed", "shop.orders"),
            Sample("2026-11-29 03:12:07,123 [CRITICAL] shop.orders: no database", 50, "no database", "shop.orders"),
            Sample("2026-11-29 03:12:07,123 - WARNING - disk is nearly full", 30, "disk is nearly full"),
            Sample("2026-11-29T03:12:07Z INFO     ready", 20, "ready"),
            Sample("2015-04-24T21:09:29.296 [25376]INFO:somemodule:Something", 20, "Something", "somemodule"),
            Sample("2026-11-29 03:12:07,123 Level 45 shop.orders: strange", 45, "strange", "shop.orders"),
            Sample("20260327 11:34:21.908 - INFO - + START SUITE: Test [ ]", 20, "+ START SUITE: Test [ ]"),
        ),
        refine=find_logger,
        is_python=True,
    ),
    Format(
        "level, time",
        r"\[?{LEVEL}\]?(?::\S+|[ |]+\S*?)?[ |:]+(?:[\w.]+:(?P<line>\d+) )?\[?{time}\]?(?:(?: [\w.-]+)?\])?[ :|]+(?:- )?"
        r"(?P<message>.*)",
        (
            Sample("ERROR 2026-11-29 03:12:07,123 order 7 failed", 40, "order 7 failed"),
            Sample("[DEBUG 2015-05-20 12:22:19 main]  Exec[create]", 10, "Exec[create]"),
            Sample("INFO:2026-11-29 03:12:07,123:ready", 20, "ready"),
        ),
        refine=find_logger,
        is_python=True,
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
            Sample("ERROR:    Exception in ASGI application", 40, "Exception in ASGI application", "uvicorn.error"),
            Sample('INFO:     127.0.0.1:5 - "GET / HTTP/1.1" 200 OK', 20, '127.0.0.1:5 - "GET / HTTP/1.1" 200 OK',
                   "uvicorn.error"),
        ),
        logger="uvicorn.error",
        is_python=True,
    ),
)  # fmt: skip

OTHERS: Final = (
    Format(
        "Apache's error log",
        rf"\[(?P<time>{times.CTIME})\] \[(?:(?P<logger>\w*):)?{{level}}\] "
        r"(?:\[pid (?P<process>\d+)(?::tid \d+)?\] )?(?P<message>.*)",
        (
            Sample("[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6", 40,
                   "mod_jk child workerEnv in error state 6"),
            Sample("[Tue Apr 04 06:28:08.605341 2017] [core:error] [pid 17962] [client 127.0.0.1:60444] AH00135: no",
                   40, "[client 127.0.0.1:60444] AH00135: no", "core"),
        ),
    ),
    Format(
        "nginx's error log",
        rf"(?P<time>{times.SLASHED}) \[{{level}}\] (?P<process>\d+)#\d+: (?P<message>.*)",
        (Sample("2026/11/29 03:12:07 [error] 12#0: *1 upstream timed out", 40, "*1 upstream timed out", "nginx"),),
        logger="nginx",
    ),
    Format(
        "ZooKeeper",
        rf"{_ISO} (?:\[myid:\S*\] )?- {{LEVEL}} +\[(?P<logger>.*?)\] - (?P<message>.*)",
        (
            Sample("2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:2181:FastLeaderElection@774] - "
                   "Notification time out: 3200", 20, "Notification time out: 3200",
                   "QuorumPeer[myid=1]/0:0:2181:FastLeaderElection@774"),
        ),
    ),
    Format(
        "PostgreSQL",
        rf"{_ISO}(?: [A-Z]{{2,5}})? (?:\[\d[^\]]*\]:?|[0-9a-f]+\.[0-9a-f]+) (?:\S+ ){{0,9}}?\d?"
        r"(?P<level>DEBUG\d?|INFO|NOTICE|WARNING|LOG|ERROR|FATAL|PANIC|STATEMENT|DETAIL|HINT|CONTEXT): +"
        r"(?P<message>.*)",
        (
            Sample("2025-08-13 01:45:01.127 UTC [12347] ERROR:  relation does not exist", 40,
                   "relation does not exist", "postgres"),
            Sample("2025-06-05 17:10:04 GMT [608647-3] [local] postgres@postgres WARNING: terminating", 30,
                   "terminating", "postgres"),
        ),
        level_of=_postgres,
        logger="postgres",
    ),
    Format(
        "MySQL's error log",
        rf"{_ISO} \d+ \[{{level}}\] (?P<message>.*)",
        (Sample("2020-08-06T14:25:02.835618Z 0 [Note] [MY-012487] [InnoDB] recovery", 25, "[MY-012487] [InnoDB] recovery", "mysql"),),
        logger="mysql",
    ),
    Format(
        "Android's logcat",
        rf"(?P<time>{times.YEARLESS}) +(?:\w+ +)?(?P<process>\d+) +\d+ (?P<level>[VDIWEFA]) (?P<logger>[^:]*?) *: ?"
        r"(?P<message>.*)",
        (
            Sample("03-17 16:13:38.811  1702  2395 D WindowManager: printFreezing", 10, "printFreezing", "WindowManager"),
            Sample("05-21 15:05:52.808  1047  1116  1240 E FMQ     : queue size is 0.", 40, "queue size is 0.", "FMQ"),
        ),
    ),
    Format(
        "glog, klog",
        rf"(?P<level>[IWEF])(?P<time>{times.KLOG}|{times.COMPACT}) +\d+ (?P<path>[^:\]]+):(?P<line>\d+)\] (?P<message>.*)",
        (
            Sample("E0517 15:04:22.619632      52992 unittest.cc:253] Log every 3", 40, "Log every 3"),
            Sample("I20200308 23:47:32.089828 400441 config.cc:27] Loading", 20, "Loading"),
        ),
    ),
    Format(
        "CUPS",
        rf"(?P<level>[A-Z]) \[(?P<time>{times.CLF})\] (?P<message>.*)",
        (Sample("E [08/Jun/2013:11:28:58 -0700] Unknown directive", 40, "Unknown directive", "cups"),),
        level_of=_of({"X": 50, "A": 50, "C": 50, "E": 40, "W": 30, "N": 25, "I": 20, "D": 10, "d": 5}),
        logger="cups",
    ),
    Format(
        "Ruby on Rails",
        rf"(?P<level>[DIWEFA]), \[{_ISO} #(?P<process>\d+)\] +[A-Z]+ -- (?P<logger>[^:]*): (?P<message>.*)",
        (Sample("E, [2019-01-04T05:14:33.1 #123] ERROR -- Main: no", 40, "no", "Main"),),
    ),
    Format(
        "Laravel",
        rf"\[{_ISO}\] (?P<logger>[\w-]+)\.{{LEVEL}}: (?P<message>.*)",
        (Sample('[2025-08-31 12:34:56] local.ERROR: bad {"id":1}', 40, 'bad {"id":1}', "local"),),
    ),
    Format(
        "BlueGene/L",
        rf"\S+ \d{{9,10}} \d{{4}}\.\d\d\.\d\d \S+ (?P<time>{times.DOTTED}) \S+ \S+ (?P<logger>\S+) {{LEVEL}} ?"
        r"(?P<message>.*)",
        (
            Sample("- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO cache parity error",
                   20, "cache parity error", "KERNEL"),
        ),
    ),
    Format(
        "Hadoop",
        rf"(?P<time>{times.SHORT}) (?P<process>\d+) {{LEVEL}} (?P<logger>[^:\s]+): (?P<message>.*)",
        (Sample("081109 203615 148 ERROR dfs.DataNode$X: stopped", 40, "stopped", "dfs.DataNode$X"),),
    ),
    Format(
        "Java",
        r"\[?{time}\]?(?: \[[^\]]*\])?(?: [0-9.]+)? +\[?{LEVEL}\]?(?: +\d+ ---)?(?: \[[^\]]*\])*(?: \([^)]*\))?"
        r"(?: -)? *(?P<message>.*)",
        (
            Sample("2015-05-22 16:10:00,123 [Quartz_Worker-5] INFO  com.redhat.ErrataCacheTask  - In the queue: 24", 20,
                   "In the queue: 24", "com.redhat.ErrataCacheTask"),
            Sample("2026-11-29T03:12:07.123+01:00 ERROR 1 --- [main] o.s.b.SpringApplication : Application run failed",
                   40, "Application run failed", "o.s.b.SpringApplication"),
        ),
        refine=_java,
    ),
    Format(
        "Rust's env_logger",
        rf"\[{_ISO} {{LEVEL}} +(?P<logger>[\w:]+)\] (?P<message>.*)",
        (Sample("[2017-11-09T02:12:24Z ERROR main] this is printed", 40, "this is printed", "main"),),
    ),
    Format(
        "spdlog",
        rf"\[{_ISO}\] ?(?:\[(?P<logger>[\w.-]+)\] ?)?\[{{level}}\] ?(?P<message>.*)",
        (
            Sample("[2014-10-31 23:46:59.678] [my_logger] [error] no", 40, "no", "my_logger"),
            Sample("[2025-04-24 19:51:59.688][8][info][config] [a.cc:168] loading", 20, "[config] [a.cc:168] loading", "8"),
        ),
    ),
    Format(
        "time, level in small letters",
        rf"{_ISO}[ \t]+{{small}}[ \t]+"
        r"(?P<message>.*)",
        (
            Sample("2022-06-02T12:25:11.537Z error wcp [util.go:148] no", 40, "wcp [util.go:148] no"),
            Sample("2025-04-24T19:51:47.625Z\tinfo\tservice.go:87\tstarting", 20, "service.go:87\tstarting"),
        ),
    ),
)  # fmt: skip

WITHOUT_LEVEL: Final = (
    Format(
        "an access log",
        rf"\S+ \S+ \S+ \[(?P<time>{times.CLF})\] (?P<message>\".*)",
        (Sample('10.1.2.3 - - [11/Feb/2013:06:43:36 +0000] "GET / HTTP/1.1" 500 7', None, '"GET / HTTP/1.1" 500 7'),),
    ),
    Format(
        "HealthApp",
        rf"(?P<time>{times.COMPACT})\|(?P<logger>[^|]*)\|(?P<process>\d+)\|(?P<message>.*)",
        (Sample("20171223-22:15:29:606|Step_LSC|30002312|onExtend 3579", None, "onExtend 3579", "Step_LSC"),),
    ),
    Format(
        "Proxifier",
        rf"\[(?P<time>{times.YEARLESS})\] (?P<message>.*)",
        (Sample("[10.30 16:49:06] chrome.exe - p:5070 error : no", None, "chrome.exe - p:5070 error : no"),),
    ),
    Format(
        "lines that begin with a time",
        r"[\[(]?{time}[\])]?(?:[:,|]| -)? *(?P<message>.*)",
        (Sample("2012-02-14 10:44:10 configure base-files 5.0", None, "configure base-files 5.0"),),
    ),
)  # fmt: skip

FORMATS: Final = (*PYTHON[:10], *OTHERS[:6], *PYTHON[10:], *OTHERS[6:], *WITHOUT_LEVEL)


def read_fields(row: Format, found: re.Match[str]) -> Said:
    """Return what a line says, by the name of the field."""
    said: Any = {name: text for name, text in found.groupdict().items() if text is not None}
    said.setdefault("message", "")
    if row.refine is not None:
        row.refine(said)
    return {**said, "logger": said.get("logger") or row.logger}
