#!/usr/bin/env bash
# Snakemake: one rule that raises is four ERROR records in the process that it was run in, and three in the process that was started, none of them
# with the exception: that it was a ValueError stands in the text of one alone, behind the name of another exception, RuleException. Which rule it
# was stands in another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile snakemake==9.27.1
cat > "$work/program.py" <<'PY'
import json, logging, subprocess, sys
from importlib.metadata import version
with open("Snakefile", "w") as file: file.write('''
import json, logging, os
class Recorder(logging.Handler):
    def emit(self, record):
        if record.levelno < logging.ERROR: return
        with open(os.path.join(workflow.basedir, "seen"), "a") as out:
            out.write(json.dumps([os.getpid(), bool(record.exc_info), getattr(record, "rule_name", None), record.getMessage()]) + "\\n")
logging.getLogger().addHandler(Recorder())
rule pay:
    output: "paid.txt"
    run:
        raise ValueError("boom")
''')
ran = subprocess.run([sys.executable, "-m", "snakemake", "-c1", "--nocolor"], capture_output=True, text=True, timeout=300)
seen = [json.loads(line) for line in open("seen")]
processes = list(dict.fromkeys(record[0] for record in seen))
print("snakemake", version("snakemake"), "status", ran.returncode, "processes", len(processes))
for record in seen: print(processes.index(record[0]), record[1:])
assert ran.returncode == 1 and len(processes) == 2 and len(seen) == 7
assert not any(record[1] for record in seen)
assert [record[3].split("\n")[0] for record in seen if "ValueError" in record[3]] == ["RuleException:"]
assert {record[2] for record in seen} == {None, "pay"}
PY
cd "$work"
"$work/venv/bin/python" program.py
