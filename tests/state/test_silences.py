"""Which silence keeps an event back: by key, by logger, or everything."""

import pytest

from pagerduty_logging.state.protocol import Silence
from pagerduty_logging.state.silences import silences
from pagerduty_logging.state.worse import WorseBy, second_key

LONG = "k" * 255


def silence(by: str, what: str = "", critical: bool = False) -> Silence:
    return Silence(
        id="1", by=by, what=what, since=0.0, until=60.0, reason="a new bank", who="ada", critical=critical
    )


@pytest.mark.parametrize(
    ("by", "what", "key", "logger", "kept_back"),
    [
        ("all", "", "disk", "shop", True),
        ("key", "disk", "disk", "shop", True),
        ("key", "disk", "disk full", "shop", False),
        ("key", "disk", second_key("disk", WorseBy.RATE), "shop", True),
        ("key", LONG, second_key(LONG, WorseBy.EXCEPTION), "shop", True),
        ("key", "disk", "disk-worse-than-that", "shop", False),
        ("logger", "shop", "disk", "shop", True),
        ("logger", "shop", "disk", "shop.billing.cards", True),
        ("logger", "shop", "disk", "shopping", False),
        ("logger", "shop.*", "disk", "shop", False),
        ("logger", "shop.*", "disk", "shop.billing", True),
        ("logger", "shop.*.cards", "disk", "shop.billing.cards", True),
        ("logger", "*", "disk", "", True),
    ],
)
def test_what_a_silence_keeps_back(by: str, what: str, key: str, logger: str, kept_back: bool) -> None:
    assert silences(silence(by, what), key, logger, severity=1) is kept_back
    assert silences(silence(by, what), key, logger, severity=0) is False, "what is critical passes"
    assert silences(silence(by, what, critical=True), key, logger, severity=0) is kept_back
