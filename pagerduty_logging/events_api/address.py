"""Where the Events API is: PagerDuty's regions, or an address of the user's own."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

ENVIRONMENT_VARIABLE = "PAGERDUTY_EVENTS_URL"

REGIONS = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
"""A routing key works in its own service region only.
Source: PagerDuty's documentation, "Service Regions"."""

_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
_PATHS = re.compile(r"/v2(/enqueue|/change/enqueue)?$")


def find_base_url(region: str, base_url: str | None, allow_http: bool) -> str:
    """Return the base URL, without a slash at its end: the option, the environment's or the region's.

    The path of the Events API (`/v2`, `/v2/enqueue`) may be there already, as in many a setting made for
    another client; it is taken off.

    Raises:
        TypeError, ValueError: naming the option; a URL's own text is not echoed, it may hold a password.
    """
    if region not in tuple(REGIONS):
        raise ValueError(f"region must be one of {', '.join(REGIONS)}")
    option = "base_url"
    if base_url is None:
        option, base_url = ENVIRONMENT_VARIABLE, os.environ.get(ENVIRONMENT_VARIABLE, "").strip() or None
    if base_url is None:
        return REGIONS[region]
    if not isinstance(base_url, str):
        raise TypeError(f"{option} must be text, not {type(base_url).__name__}")
    return _checked(option, base_url.strip(), allow_http)


def _checked(option: str, base_url: str, allow_http: bool) -> str:
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        raise ValueError(f"{option} is not a URL") from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\\\x00-\x1f\x7f]", base_url):
        raise ValueError(f"{option} must be a URL that begins with https://")
    if "@" in parts.netloc or "?" in base_url or "#" in base_url:
        raise ValueError(f"{option} must hold no user name, password, query or fragment")
    if parts.scheme == "http" and not (allow_http or _LOOPBACK.fullmatch(host)):
        raise ValueError(
            f"{option} is plain http: the routing key would be readable on the way. "
            "Use https, or allow_http=True if you mean it"
        )
    return _PATHS.sub("", base_url.rstrip("/")).rstrip("/")
