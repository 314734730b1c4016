"""The second alert of a problem that got worse, which makes PagerDuty notify somebody again."""

from __future__ import annotations

from dataclasses import replace

from pagerduty_logging.events_api.events import Trigger
from pagerduty_logging.state.problem import History
from pagerduty_logging.state.why import DETAIL


def second_alert(trigger: Trigger, first: str, history: History) -> Trigger:
    """Return the alert of a problem that got worse.

    Args:
        trigger: the event of the occurrence.
        first: the dedup key of the problem's first alert.
        history: says what got worse.
    """
    worse = history.why.partition(DETAIL)[2]
    details = {**(trigger.custom_details or {}), "first_alert": first}
    return replace(trigger, summary=f"Worse ({worse}): {trigger.summary}", custom_details=details)
