"""Senders are killed between claim and 202: every problem is reported all the same."""

import json
import subprocess
import sys

PROGRAM = """
import json, os, random, signal, sys, time
from pagerduty_logging.state import decide, redis
from pagerduty_logging.state.options import open_state
from pagerduty_logging.state.protocol import Anothers, Mine

option, told_file = sys.argv[1:]
PROBLEMS, KILLS, LEASE = 100, 100, 0.4
decide.LEASE = LEASE  # a test does not wait for 30 s
whole = redis.script()
short = whole.replace("MAX_NAMES, FIRST_HOSTS = 30,", f"MAX_NAMES, FIRST_HOSTS = {LEASE},")
assert short != whole
redis.script = lambda: short
told = os.open(told_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)


def work(seed):
    rand = random.Random(seed)
    state = open_state(option, routing_key="R" * 32, host="web-1", per_minute=100_000)
    left = [f"problem {n}" for n in range(PROBLEMS)]
    rand.shuffle(left)
    while left:
        for key in list(left):
            answer = state.claim(key, 1, at=time.time())
            if isinstance(answer, Mine):
                time.sleep(rand.random() * 0.02)
                os.write(told, (key + "\\n").encode())
                time.sleep(rand.random() * 0.02)
                state.commit(key, 1, occurrences=1, window=3_600.0)
                left.remove(key)
            elif isinstance(answer, Anothers) and answer.told:
                left.remove(key)
        time.sleep(0.02)
    state.close(1.0)
    os._exit(0)


def start(seed):
    child = os.fork()
    if child == 0:
        work(seed)
    return child


chance = random.Random(17)
children = [start(n) for n in range(4)]
for kill in range(KILLS):
    time.sleep(chance.random() * 0.03)
    place = chance.randrange(len(children))
    os.kill(children[place], signal.SIGKILL)
    os.waitpid(children[place], 0)
    children[place] = start(1_000 + kill)
statuses = [os.waitpid(child, 0)[1] for child in children]
lines = open(told_file).read().split("\\n")[:-1]
print(json.dumps({"statuses": statuses, "told": len(lines), "problems": len(set(lines))}))
"""


def test_a_hundred_random_kills_lose_no_page(option: str, tmp_path):
    command = [sys.executable, "-c", PROGRAM, option, str(tmp_path / "told")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["statuses"] == [0] * 4
    assert result["problems"] == 100, "every problem was told"
    assert result["told"] <= 200, "a kill costs one event too many at most"
