"""What was held back is told in time, and once, by real processes."""

import json
import tracemalloc

from pagerduty_logging.sandbox import Delay, Sandbox
from tests.turned import Program, reported

from .programs import run


def test_a_storm_and_then_silence_is_followed_up(pagerduty: Sandbox) -> None:
    run(
        """
        made = attached(follow_up=0.5)
        for _ in range(2_001):
            log.error("problem")
        while made.stats.delivered < 2:
            time.sleep(0.05)
        os._exit(0)
        """,
        pagerduty.url,
    )
    first, size = (event["payload"]["custom_details"] for event in pagerduty.events)
    assert first["why"] == "first"
    assert size["why"].startswith("size: 2,000 more in ")
    assert size["occurrences"] == 2_001


def test_many_problems_with_repeats_and_a_slow_server_end_in_time_and_report_nothing_twice(
    pagerduty: Sandbox,
) -> None:
    pagerduty.fail_share(Delay(0.3), 1)
    ended = run(
        """
        made = attached(flush_timeout=2, max_events_per_minute=10_000, max_pending=20_000)
        made.handle(logging.makeLogRecord({"name": "program", "levelno": 40, "msg": "warm"}))
        letters = "abcdefghij"
        for n in range(10_000):
            name = "".join(letters[int(digit)] for digit in str(n))
            for _ in range(3):
                log.error("problem " + name)
        print(time.monotonic(), flush=True)
        """,
        pagerduty.url,
    )
    assert ended.status == 0, ended.err
    told: dict[str, int] = {}
    for request in pagerduty.requests:
        event = json.loads(request.body)
        told[event["dedup_key"]] = told.get(event["dedup_key"], 0) + reported(event)
    assert max(told.values()) <= 3


def test_what_is_kept_for_a_problem_takes_three_hundred_bytes_at_most() -> None:
    problems = 1_000

    def kept(program: Program) -> int:
        for n in range(problems):
            name = "".join(chr(97 + int(digit)) for digit in str(n))
            program.log(f"payment of shop {name} was refused by the bank")
        return tracemalloc.get_traced_memory()[0]

    def without(program: Program) -> None:
        for problem in program.throttle._known.all():
            problem.said = None
        program.throttle.unreported._watch._looks.clear()

    tracemalloc.start()
    try:
        program = Program(max_events_per_minute=100_000)
        program.client.events = _Nothing()
        all_of_it = kept(program)
        without(program)
        grown = all_of_it - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0 < grown <= 300 * problems, grown


class _Nothing(list):  # type: ignore[type-arg]
    def append(self, event: object) -> None:
        """Keep nothing: only what the library keeps is measured."""
