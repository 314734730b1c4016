"""The formats of servers, databases and other languages, and of logs without levels."""

from __future__ import annotations

from typing import Final

from pagerduty_logging.cli.rehearse import times
from pagerduty_logging.cli.rehearse.format import NOT_SEVERE, Format, Sample
from pagerduty_logging.cli.rehearse.refining import absl, find_java_logger, letters, postgres_level
from pagerduty_logging.cli.rehearse.times import ISO_FIELD as _ISO

OTHERS: Final = (
    Format(
        "Apache's error log",
        rf"\[(?P<time>{times.CTIME})\] \[(?:(?P<logger>\w*):)?{{level}}\] "
        r"(?:\[pid (?P<process>\d+)(?::tid \d+)?\] )?(?P<message>.*)",
        (
            Sample(
                "[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6",
                40,
                "mod_jk child workerEnv in error state 6",
            ),
            Sample(
                "[Tue Apr 04 06:28:08.605341 2017] [core:error] [pid 17962] [client 127.0.0.1:60444] "
                "AH00135: no",
                40,
                "[client 127.0.0.1:60444] AH00135: no",
                "core",
            ),
        ),
    ),
    Format(
        "nginx's error log",
        rf"(?P<time>{times.SLASHED}) \[{{level}}\] (?P<process>\d+)#\d+: (?P<message>.*)",
        (
            Sample(
                "2026/11/29 03:12:07 [error] 12#0: *1 upstream timed out",
                40,
                "*1 upstream timed out",
                "nginx",
            ),
        ),
        logger="nginx",
    ),
    Format(
        "Spring Boot",
        r"{time} +{LEVEL} +(?P<process>\d+) ---(?: \[[^\]]*\])* +(?P<logger>[\w.$]+) *: (?P<message>.*)",
        (
            Sample(
                "2026-11-29T03:12:07.123+01:00 ERROR 1 --- [main] o.s.b.SpringApplication : Application "
                "run failed",
                40,
                "Application run failed",
                "o.s.b.SpringApplication",
            ),
        ),
    ),
    Format(
        "ZooKeeper",
        rf"{_ISO} (?:\[myid:\S*\] )?- {{LEVEL}} +\[(?P<logger>.*?)\] - (?P<message>.*)",
        (
            Sample(
                "2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:2181:FastLeaderElection@774] - "
                "Notification time out: 3200",
                20,
                "Notification time out: 3200",
                "QuorumPeer[myid=1]/0:0:2181:FastLeaderElection@774",
            ),
        ),
    ),
    Format(
        "PostgreSQL",
        rf"{_ISO}(?: [A-Z]{{2,5}})? (?:\[\d[^\]]*\]:?|[0-9a-f]+\.[0-9a-f]+) "
        r"(?:(?!\[(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\])\S+ ){0,9}?\d?"
        r"(?P<level>DEBUG\d?|INFO|NOTICE|WARNING|LOG|ERROR|FATAL|PANIC|STATEMENT|DETAIL|HINT|CONTEXT): +"
        r"(?P<message>.*)",
        (
            Sample(
                "2025-08-13 01:45:01.127 UTC [12347] ERROR:  relation does not exist",
                40,
                "relation does not exist",
                "postgres",
            ),
            Sample(
                "2025-06-05 17:10:04 GMT [608647-3] [local] postgres@postgres WARNING: terminating",
                30,
                "terminating",
                "postgres",
            ),
        ),
        level_of=postgres_level,
        logger="postgres",
    ),
    Format(
        "Redis, Valkey",
        rf"(?P<process>\d+):[A-Z] (?P<time>{times.SPELT}) (?P<level>[.*#-]) (?P<message>.*)",
        (
            Sample("1:M 29 Nov 2026 03:12:07.123 # Out of memory", 30, "Out of memory", "redis"),
            Sample("1:M 29 Nov 2026 03:12:07.123 * Ready to accept", 25, "Ready to accept", "redis"),
        ),
        level_of=letters({".": 10, "-": 20, "*": 25, "#": 30}),
        logger="redis",
    ),
    Format(
        "MySQL's error log",
        rf"{_ISO} \d+ \[{{level}}\] (?P<message>.*)",
        (
            Sample(
                "2020-08-06T14:25:02.835618Z 0 [Note] [MY-012487] [InnoDB] recovery",
                25,
                "[MY-012487] [InnoDB] recovery",
                "mysql",
            ),
        ),
        logger="mysql",
    ),
    Format(
        "Android's logcat",
        rf"(?P<time>{times.YEARLESS}) +(?:\w+ +)?(?P<process>\d+) +\d+ (?P<level>[VDIWEFA]) "
        r"(?P<logger>[^:]{0,100}?) {0,40}: ?(?P<message>.*)",
        (
            Sample(
                "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezing",
                10,
                "printFreezing",
                "WindowManager",
            ),
            Sample(
                "05-21 15:05:52.808  1047  1116  1240 E FMQ     : queue size is 0.",
                40,
                "queue size is 0.",
                "FMQ",
            ),
        ),
    ),
    Format(
        "glog, klog",
        rf"(?:\[\w{{1,20}}\]:)?\[?(?P<level>[DIWEFC])(?P<time>{times.KLOG}|{times.COMPACT}) +\d+ "
        r"(?P<path>[^:\]]+):(?P<line>\d+)\] (?P<message>.*)",
        (
            Sample("E0517 15:04:22.619632      52992 unittest.cc:253] Log every 3", 40, "Log every 3"),
            Sample("I20200308 23:47:32.089828 400441 config.cc:27] Loading", 20, "Loading"),
            Sample("E1129 03:12:07.123456 139671 app.py:14] CRITICAL - no database", 50, "no database"),
        ),
        refine=absl,
    ),
    Format(
        "CUPS",
        rf"(?P<level>[A-Z]) \[(?P<time>{times.CLF})\] (?P<message>.*)",
        (Sample("E [08/Jun/2013:11:28:58 -0700] Unknown directive", 40, "Unknown directive", "cups"),),
        level_of=letters({"X": 50, "A": 50, "C": 50, "E": 40, "W": 30, "N": 25, "I": 20, "D": 10, "d": 5}),
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
        rf"\S+ \d{{9,10}} \d{{4}}\.\d\d\.\d\d \S+ (?P<time>{times.DOTTED}) \S+ \S+ (?P<logger>\S+) "
        rf"{{LEVEL}} ?"
        r"(?P<message>.*)",
        (
            Sample(
                "- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO cache "
                "parity error",
                20,
                "cache parity error",
                "KERNEL",
            ),
        ),
    ),
    Format(
        "Hadoop",
        rf"(?P<time>{times.SHORT}) (?P<process>\d+) {{LEVEL}} (?P<logger>[^:\s]+): (?P<message>.*)",
        (Sample("081109 203615 148 ERROR dfs.DataNode$X: stopped", 40, "stopped", "dfs.DataNode$X"),),
    ),
    Format(
        "Java",
        rf"\[?{{time}}\]?(?: {NOT_SEVERE}\[[^\]]*\])?(?: [0-9.]+)? +"
        r"\[?{LEVEL}\]?(?: +\d+ ---)?(?: \[[^\]]*\])*(?: \([^)"
        r"]*\))?"
        r"(?: -)? *(?P<message>.*)",
        (
            Sample(
                "2015-05-22 16:10:00,123 [Quartz_Worker-5] INFO  com.redhat.ErrataCacheTask  - In the "
                "queue: 24",
                20,
                "In the queue: 24",
                "com.redhat.ErrataCacheTask",
            ),
        ),
        refine=find_java_logger,
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
            Sample(
                "[2025-04-24 19:51:59.688][8][info][config] [a.cc:168] loading",
                20,
                "[config] [a.cc:168] loading",
                "8",
            ),
        ),
    ),
    Format(
        "time, level in small letters",
        # In small letters it may be the first word of a message, unless another field follows.
        rf"{_ISO}[ \t]+{{small}}(?:\t|: |(?= +[\w.-]+(?:\[\d+\])? +\[))[ \t]*(?P<message>.*)",
        (
            Sample("2022-06-02T12:25:11.537Z error wcp [util.go:148] no", 40, "wcp [util.go:148] no"),
            Sample("2025-04-24T19:51:47.625Z\tinfo\tservice.go:87\tstarting", 20, "service.go:87\tstarting"),
        ),
    ),
)

WITHOUT_LEVEL: Final = (
    Format(
        "an access log",
        rf"\S+ \S+ \S+ \[(?P<time>{times.CLF})\] (?P<message>\".*)",
        (
            Sample(
                '10.1.2.3 - - [11/Feb/2013:06:43:36 +0000] "GET / HTTP/1.1" 500 7',
                None,
                '"GET / HTTP/1.1" 500 7',
            ),
        ),
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
)
