"""Links and images of a page: fills templates from the record, and checks addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote, urlsplit

from pagerduty_logging.events_api.events import Image, Link
from pagerduty_logging.events_api.safejson import JSON
from pagerduty_logging.events_api.text import plain

MAX_VALUE = 200
"""Characters that one field may add to a link."""

_FIELD = re.compile(r"\{\{(?P<literal>\w+)\}\}|\{(?P<name>\w+)\}")

_LinkOrImage = TypeVar("_LinkOrImage", Link, Image)


class Unfit(ValueError):
    """A link or image that is not sent, and why."""


def filled(link: Link, values: Mapping[str, JSON]) -> Link:
    """Return `link` with `{name}` replaced by values, quoted where they are part of the address.

    `{{name}}` gives `{name}`; braces around anything else than a name stay.

    Raises:
        Unfit: a value is missing, empty or no plain text or number.
    """
    return replace(
        link,
        href=_filled(link.href, values, quoted=True),
        text=None if link.text is None else _filled(link.text, values, quoted=False),
    )


def fit(item: _LinkOrImage) -> _LinkOrImage:
    """Return `item` with clean words, if people and programs can safely follow its addresses.

    Raises:
        Unfit: an address is not http(s), holds what is not shown, or leads to a machine's own services;
            nobody but an attacker has an image fetched from there.
    """
    addresses = (item.href,) if isinstance(item, Link) else (item.src, item.href)
    for address in addresses:
        if address is not None:
            _require_web_address(address, private=isinstance(item, Link))
    if isinstance(item, Link):
        return item if item.text is None else replace(item, text=_on_one_line(item.text))
    return item if item.alt is None else replace(item, alt=_on_one_line(item.alt))


def _on_one_line(words: str) -> str:
    return plain(words).replace("\n", " ")


def _filled(template: str, values: Mapping[str, JSON], *, quoted: bool) -> str:
    def value(found: re.Match[str]) -> str:
        if found["literal"] is not None:
            return f"{{{found['literal']}}}"
        given = values.get(found["name"])
        if given is None or isinstance(given, (dict, list)) or given == "":
            raise Unfit(f"{template}: no {found['name']}")
        text = str(given)[:MAX_VALUE]
        return quote(text, safe="") if quoted else text

    return _FIELD.sub(value, template)


def _require_web_address(address: str, *, private: bool) -> None:
    if plain(address) != address:
        raise Unfit(f"{plain(address)}: an address with characters that are not shown")
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        raise Unfit(f"{address}: not an address") from None
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise Unfit(f"{address}: neither http nor https")
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return  # a name
    if ip.is_link_local or not (private or ip.is_global):
        raise Unfit(f"{address}: an address of a machine's own network")
