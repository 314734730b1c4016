"""The trigger of an occurrence: what the person who is paged reads.

Runs none of the program's code, so that it can run later and on any thread; it reads source lines.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, cast

from pagerduty_logging.events_api import options as check
from pagerduty_logging.events_api import safejson
from pagerduty_logging.events_api.events import Image, Link, Trigger, made, this_host
from pagerduty_logging.events_api.text import cleaned, cut, first_line, plain, rows
from pagerduty_logging.page import figures, links, traceback_rows
from pagerduty_logging.page import summary as summaries
from pagerduty_logging.record import message, overrides, printed_traceback, structured
from pagerduty_logging.record.exceptions import Frame, Raised
from pagerduty_logging.record.occurrence import Occurrence
from pagerduty_logging.record.places import without_numbers
from pagerduty_logging.state.problem import History

AS_LOGGED = "(as logged)"
"""Behind the name of a detail that was read out of a text: anybody may have written it, a client too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What every trigger of a handler says, whatever its record; see `Trigger` for the meaning of each.

    `release` and `environment` are shown among the details.
    """

    source: str | None = None
    component: str | None = None
    group: str | None = None
    event_class: str | None = None
    client: str | None = None
    client_url: str | None = None
    links: tuple[Link, ...] = ()
    images: tuple[Image, ...] = ()
    custom_details: dict[str, safejson.JSON] = field(default_factory=dict)
    release: str | None = None
    environment: str | None = None


def checked_fields(*, release: str | None, environment: str | None, **options: Any) -> Fields:
    """Return the options as `Fields`.

    Raises:
        TypeError, ValueError: naming the option that is wrong.
    """
    for name, value in (("release", release), ("environment", environment)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name} must be text or None, not {type(value).__name__}")
    check.web_address("client_url", options.get("client_url"))
    check.mapping("custom_details", options.get("custom_details"))
    trigger = Trigger("as the options make it", **options)
    addresses = [("links", link.href) for link in trigger.links if isinstance(link, Link)]
    addresses += [("images", image.src) for image in trigger.images if isinstance(image, Image)]
    for name, address in addresses:
        if not address.startswith("{"):  # else a record says which
            check.web_address(name, address)
    checked = {name: getattr(trigger, name) for name in options}
    checked["custom_details"] = trigger.custom_details or {}
    return Fields(
        **checked,
        release=release and safejson.valid_text(release),
        environment=environment and safejson.valid_text(environment),
    )


def noted(trigger: Trigger, defect: str) -> Trigger:
    """Return `trigger` with one more defect named among its details."""
    details = dict(trigger.custom_details or {})
    return replace(trigger, custom_details={**details, "defects": [*details.get("defects", ()), defect]})


def compose(occurrence: Occurrence, dedup_key: str, history: History, given: Fields) -> Trigger:
    """Return the trigger for what was captured. Pure, except that it reads source lines."""
    contents = occurrence.read()
    chain = occurrence.chain
    text = summaries.without_no_error(contents.message)
    origin = occurrence.origin
    # A library that puts the traceback of what it caught into its own words appends it as a queue does.
    merged = contents.merged or summaries.is_report(origin)
    said = message.read(text, merged=merged, own=chain[0] if chain else None)
    logged = {**said.fields, **contents.fields}
    if "exception" in logged and (logged_chain := message.chain_in(logged["exception"])) is not None:
        del logged["exception"]
    else:
        logged_chain = None
    chain = chain or said.chain or logged_chain or _printed(occurrence)
    page = _Page(occurrence, origin, said, logged, chain, dedup_key, history, given)
    unwished: dict[str, Any] = {
        "summary": _on_one_line(page.summary()),
        "severity": occurrence.severity,
        "dedup_key": dedup_key if dedup_key.strip() else None,
        "timestamp": time(occurrence.created),
        "source": given.source or this_host(),
        "component": given.component or _on_one_line(without_numbers(occurrence.logger)),
        "group": given.group,
        "event_class": given.event_class or _on_one_line(chain[0].name if chain else occurrence.level_name),
        "client": given.client,
        "client_url": given.client_url,
        "images": given.images,
    }
    return page.finished(page.as_wished(unwished) if occurrence.overrides else unwished)


def _printed(occurrence: Occurrence) -> tuple[Raised, ...]:
    """Return the exception of a traceback that came as text."""
    if not occurrence.attributes.get("exc_text"):
        return ()
    return printed_traceback.parse(summaries.without_no_error(occurrence.exc_text))


class _Page:
    """One page while it is written, and the notes of what had to be passed over."""

    def __init__(
        self,
        occurrence: Occurrence,
        origin: Frame,
        said: message.MessageParts,
        logged: Mapping[str, safejson.JSON],
        chain: tuple[Raised, ...],
        dedup_key: str,
        history: History,
        given: Fields,
    ) -> None:
        self._occurrence = occurrence
        self._origin = origin
        self._words = said.words
        self._quoted = said.quoted
        self._chain = chain
        self._dedup_key = dedup_key
        self._history = history
        self._given = given
        self._fields = logged
        self._wished_details: dict[str, safejson.JSON] = {}
        self._wished_links: list[safejson.JSON] = []
        self._ignored = overrides.faults(occurrence.overrides) if occurrence.overrides else []

    def summary(self) -> str:
        """Return the one line that names the problem."""
        occurrence = self._occurrence
        line = summaries.summary(self._words, self._chain, self._origin)
        if self._quoted and not self._chain:
            line = line.rstrip(": ")
            if structured.says_little(line):
                line = f"{line}: {cut(first_line(self._quoted[0].headline, 500), 500)} {AS_LOGGED}"
        return line or f"{occurrence.level_name} from {occurrence.logger}, without a message"

    def as_wished(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Let the record's own entries replace the trigger's fields; name those that cannot."""
        wished = dict(fields)
        for name, value in self._occurrence.overrides.items():
            try:
                match name:
                    case "dedup_key" | "event_action":
                        pass
                    case "severity":
                        wished["severity"] = _checked("severity", _text(value))
                    case "custom_details":
                        self._wished_details = _mapping(value)
                    case "links":
                        self._wished_links = _list(value)
                    case "images":
                        wished["images"] = (*wished["images"], *self._fit_images(_list(value)))
                    case _:
                        field = _FIELD_NAMES[name]
                        wished[field] = _checked(field, plain(_text(value)))
            except KeyError:
                self._ignored.append(f"{cut(name, 80)}: unknown")
            except (TypeError, ValueError) as error:
                self._ignore(name, error)
        return wished

    def _ignore(self, name: str, error: Exception) -> None:
        words = str(error).removeprefix(name).lstrip(": ")
        self._ignored.append(f"{name}: {safejson.valid_text(cut(words, 300))}")

    def finished(self, fields: dict[str, Any]) -> Trigger:
        """Add what depends on all the rest: the links, and the details with the notes."""
        linked: tuple[Link, ...] = ()
        if self._given.links or self._wished_links:
            values = self._link_values()
            found = [self._link(item, values) for item in (*self._given.links, *self._wished_links)]
            linked = tuple(link for link in found if link is not None)
        return made(Trigger, **fields, links=linked, custom_details=self._details(fields["summary"]))

    def _link(self, item: Any, values: Mapping[str, safejson.JSON]) -> Link | None:
        try:
            (link,) = Trigger("a link", links=[item]).links
            return links.fit(links.filled(cast(Link, link), values))
        except (TypeError, ValueError) as error:
            self._ignore("links", error)
            return None

    def _fit_images(self, items: Sequence[Any]) -> list[Image]:
        found = []
        for item in items:
            try:
                (image,) = Trigger("an image", images=[item]).images
                found.append(links.fit(cast(Image, image)))
            except (TypeError, ValueError) as error:
                self._ignore("images", error)
        return found

    def _link_values(self) -> dict[str, safejson.JSON]:
        occurrence = self._occurrence
        return {
            "environment": self._given.environment,
            "host": this_host(),
            "release": self._given.release,
            **self._given.custom_details,
            **self._wished_details,
            **self._fields,
            "dedup_key": self._dedup_key,
            "exception": self._chain[0].name if self._chain else None,
            "level": occurrence.level_name,
            "logger": occurrence.logger,
            "timestamp": figures.iso(occurrence.created),
            **_without_empty({"trace_id": occurrence.around.trace_id, "span_id": occurrence.around.span_id}),
        }

    def _details(self, summary: str) -> dict[str, Any]:
        occurrence = self._occurrence
        shown = self._what_broke(summary)
        about = self._about()
        details = dict(shown)
        for name, value in {**self._given.custom_details, **self._fields}.items():
            free = name
            while free in shown or free in about:
                free = f"{free} (logged)"
            details[free] = rows(value) if isinstance(value, str) else value
        details.update(about)
        details.update(self._wished_details)
        if occurrence.defects:
            details["defects"] = list(occurrence.defects)
        if self._ignored:
            details["ignored"] = self._ignored
        return cast("dict[str, Any]", cleaned(details))

    def _what_broke(self, summary: str) -> dict[str, Any]:
        """What broke, where, since when, how often."""
        occurrence, history = self._occurrence, self._history
        shown: dict[str, Any] = {}
        if plain(self._words).strip() not in summary:
            shown["message"] = rows(self._words)
        if self._chain:
            error = self._chain[0]
            shown["exception"] = rows(error.headline)
            shown["notes"] = [line for note in error.notes for line in plain(note).splitlines()]
            shown["traceback"] = traceback_rows.rows(error)
            shown["causes"] = traceback_rows.rows_of_causes(self._chain)
            shown["exceptions"] = traceback_rows.rows_of_members(error)
        elif self._quoted:
            shown[f"exception {AS_LOGGED}"] = rows(self._quoted[0].headline)
        elif occurrence.stack_text:
            stack = Raised("", "", printed_traceback.frames_of(occurrence.stack_text))
            shown["stack"] = traceback_rows.rows(stack)
        if self._origin.path:
            shown["location"] = traceback_rows.location(self._origin)
        shown["logger"] = occurrence.logger
        shown["level"] = occurrence.level_name
        shown.update(figures.details(history))
        last = max(occurrence.created, history.first_seen if history.everywhere is None else 0.0)
        shown["last_seen"] = figures.iso(last)
        if crumbs := occurrence.around.crumbs:
            shown["breadcrumbs"] = [cut(first_line(str(crumb), 500), 500) for crumb in crumbs]
        return _without_empty(shown)

    def _about(self) -> dict[str, Any]:
        """Where the program runs."""
        occurrence, around, given = self._occurrence, self._occurrence.around, self._given
        return _without_empty(
            {
                "release": given.release,
                "environment": given.environment,
                "host": this_host(),
                "process": occurrence.process,
                "thread": occurrence.thread,
                "task": around.task,
                "python": _PYTHON,
                "trace_id": around.trace_id,
                "span_id": around.span_id,
            }
        )


_PYTHON = platform.python_version()
_FIELD_NAMES = {f.name: f.name for f in fields(Trigger)} | {"class": "event_class"}


def _checked(name: str, value: str) -> Any:
    """Return a field as a trigger keeps it.

    Raises:
        ValueError, TypeError: naming the field.
    """
    return getattr(Trigger(**{"summary": "with one field", name: value}), name)


def _on_one_line(text: str) -> str:
    return text if text.isascii() and text.isprintable() else plain(text).replace("\n", " ")


def _without_empty(entries: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entries.items() if value not in (None, "", [])}


def _text(value: safejson.JSON) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError("must be a text that is not empty")
    return value


def _mapping(value: safejson.JSON) -> dict[str, safejson.JSON]:
    if not isinstance(value, dict):
        raise TypeError("must be a mapping")
    return value


def _list(value: safejson.JSON) -> list[safejson.JSON]:
    if not isinstance(value, list):
        raise TypeError("must be a list")
    return value


def time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
