#!/usr/bin/env bash
# python-logstash-async, and structlog with ExtraAdder: extra={'level': ...} replaces the record's level in the line: an error is written as info,
# and what alerts on the level in the log never sees it. logging refuses only the names that a record has itself, and level is none of them
# (levelname is).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile python-logstash-async==4.1.0 structlog==26.1.0
cat > "$work/program.py" <<'PY'
import io, json, logging
from importlib.metadata import version
import structlog
from logstash_async.formatter import LogstashFormatter
Structlog = structlog.stdlib.ProcessorFormatter
formatters = {
    "logstash": LogstashFormatter(),
    "structlog": Structlog(
        processors=[Structlog.remove_processors_meta, structlog.processors.JSONRenderer()],
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
    ),
}
found = {}
for name, formatter in formatters.items():
    log, out = logging.Logger("shop"), io.StringIO()
    log.addHandler(logging.StreamHandler(out))
    log.handlers[0].setFormatter(formatter)
    log.error("payment failed")
    log.error("payment failed", extra={"level": "info"})
    found[name] = [json.loads(line)["level"] for line in out.getvalue().splitlines()]
print("python-logstash-async", version("python-logstash-async"), "structlog", version("structlog"), found)
assert found == {"logstash": ["ERROR", "info"], "structlog": ["error", "info"]}
PY
cd "$work"
"$work/venv/bin/python" program.py
