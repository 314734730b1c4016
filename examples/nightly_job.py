"""A job that cron starts: it pages when it fails or takes an hour, and its next success resolves that.

PAGERDUTY_ROUTING_KEY=... python examples/nightly_job.py rates.json
"""

import json
import sys
from pathlib import Path

from pagerduty_logging import page_on_failure


@page_on_failure("nightly-billing", max_seconds=3600)
def bill(rates: Path) -> None:
    for currency, rate in json.loads(rates.read_text()).items():
        print(f"billing in {currency} at {rate}")


if __name__ == "__main__":
    bill(Path(sys.argv[1]))
