"""Where the Events API is: PagerDuty's regions, or another address."""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import urlsplit

from pagerduty_logging.events_api.text import is_one_line

ENVIRONMENT_VARIABLE = "PAGERDUTY_EVENTS_URL"

REGIONS = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
"""A routing key works in its own service region only.
Source: PagerDuty's documentation, "Service Regions"."""

MAX_ADDRESS_CHARS = 2048
"""Our own limit for the address of a link or image: browsers and chats accept no longer ones."""

_PAGERDUTY = ".pagerduty.com"
_PATHS = re.compile(r"/v2(/enqueue|/change/enqueue)?$")


def find_base_url(region: str, base_url: str | None, allow_http: bool) -> str:
    """Return the base URL without a slash at its end, from the option, the environment or the region.

    A path of the Events API at its end (`/v2`, `/v2/enqueue`), as in settings for other clients, is removed.

    Raises:
        TypeError, ValueError: names the option; the URL is not shown, because it may contain a password.
    """
    region = region.strip().lower() if isinstance(region, str) else region
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


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only mean this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
    # Python 3.13 and later look into an IPv4 address within an IPv6 one; earlier ones do not.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def destination(base_url: str) -> str:
    """Return host and port (if given) of the address, for a `repr`."""
    return urlsplit(base_url).netloc


def unusual_destination(base_url: str) -> str | None:
    """Return a sentence about an address that is neither PagerDuty's nor this machine's; None for those."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    if host.endswith(_PAGERDUTY) or is_loopback(host):
        return None
    return (
        f"pages and their routing key go to {destination(base_url)}, which is not PagerDuty's: "
        f"base_url or {ENVIRONMENT_VARIABLE} says so"
    )


def is_web_address(url: str) -> bool:
    """Return whether this is an http or https address that PagerDuty can show as a link."""
    if len(url) > MAX_ADDRESS_CHARS or not is_one_line(url) or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


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
    if parts.scheme == "http" and not (allow_http or is_loopback(host)):
        raise ValueError(
            f"{option} is plain http: the routing key would be readable on the way. "
            "Use https, or allow_http=True if you mean it"
        )
    return _PATHS.sub("", base_url.rstrip("/")).rstrip("/")
