"""`python -m pagerduty_logging`."""

import sys

from pagerduty_logging.cli import main

if __name__ == "__main__":
    sys.exit(main())
