"""A tour of the Events API client: a problem is opened, acknowledged and resolved, and a deploy is recorded.

It talks to a real service when PAGERDUTY_ROUTING_KEY alone is set, and pages whoever is on call there. To try
it without paging anybody, point PAGERDUTY_EVENTS_URL at a local stand-in:

    pagerduty-logging sandbox &
    export PAGERDUTY_EVENTS_URL=http://…  # the address that it prints
    export PAGERDUTY_ROUTING_KEY=…  # any 32 letters
    python examples/client.py
"""

from __future__ import annotations

import sys

from pagerduty_logging import BadRequest, EventsClient, EventsError, Link, Retry


def main() -> int:
    # Address and key come from the environment; a call takes 30 seconds at most, with its retries.
    with EventsClient(timeout=5.0, retry=Retry(max_age=30.0)) as client:
        try:
            client.check()
            print("check: PagerDuty can be reached, and nobody was paged")

            receipt = client.trigger(
                "The disk of db1 is 99% full",
                severity="critical",
                source="db1.example.com",
                component="mysql",
                custom_details={"free": "1%", "mount": "/var/lib/mysql"},
                links=[Link("https://wiki.example.com/disk-full", "Runbook")],
            )
            print(f"trigger: {receipt}")

            client.acknowledge(receipt)
            print("acknowledge: the alert is in work")

            client.resolve(receipt, summary="Old binary logs were removed")
            print("resolve: the alert is closed")

            client.change("Log rotation of db1 is daily now", source="ansible", custom_details={"run": 4711})
            print("change: recorded beside the alerts")
        except BadRequest as error:
            print(f"PagerDuty refuses the event: {'; '.join(error.errors) or error}", file=sys.stderr)
            return 1
        except EventsError as error:
            print(
                f"not sent, {'may work later' if error.retryable else 'for good'}: {error}", file=sys.stderr
            )
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
