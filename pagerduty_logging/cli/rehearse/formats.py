"""All formats of text logs that are recognised, in the order in which they are tried."""

from __future__ import annotations

from typing import Final

from pagerduty_logging.cli.rehearse.format import Format
from pagerduty_logging.cli.rehearse.library_formats import LIBRARIES
from pagerduty_logging.cli.rehearse.other_formats import OTHERS, WITHOUT_LEVEL
from pagerduty_logging.cli.rehearse.python_formats import FIELDS, PYTHON

FORMATS: Final[tuple[Format, ...]] = (
    *LIBRARIES,
    *OTHERS[:8],
    *PYTHON,
    *OTHERS[8:],
    *FIELDS,
    *WITHOUT_LEVEL,
)
