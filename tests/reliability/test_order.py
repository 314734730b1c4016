"""Records of one problem are decided in the order in which they were logged."""

import logging

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox


def test_the_first_of_two_records_in_a_row_is_the_first_event_and_the_second_is_not_worse(
    pagerduty: Sandbox,
) -> None:
    handler = PagerDutyHandler(EXAMPLE_ROUTING_KEY, base_url=pagerduty.url, escalation="alert")
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    for order, error in enumerate((TimeoutError("slow"), OSError("broken")), 1):
        try:
            raise error
        except Exception:
            logger.exception("order %s not saved", order)
    for order in (1, 2):
        logger.error("order %s lost", order)
    assert handler.flush(10)
    logger.removeHandler(handler)
    opened = [event["payload"]["summary"] for event in pagerduty.events]
    assert opened[0] == "order 1 not saved: TimeoutError: slow"
    assert "order 1 lost" in opened
    assert not any("TimeoutError instead of" in summary for summary in opened)
