"""Reads the handler from the application's logging configuration; nothing is attached, opened or sent."""

from __future__ import annotations

import ast
import importlib
import json
import logging
import logging.config
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pagerduty_logging.cli.parsing import Misuse
from pagerduty_logging.cli.rehearse import user_format
from pagerduty_logging.cli.rehearse.format import Format

_HANDLER: Final = "PagerDutyHandler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What a configuration says.

    Attributes:
        options: the handler's.
        filters: the handler's.
        formatter: the handler's; None: it has none.
        reaches: returns whether a logger's records reach the handler.
        formats: the formats of all formatters, in which logs may be written.
    """

    options: dict[str, Any] = field(default_factory=dict)
    filters: tuple[Any, ...] = ()
    formatter: logging.Formatter | None = None
    reaches: Callable[[str], bool] = lambda logger: True
    formats: tuple[Format, ...] = ()


def read(where: str) -> Configured:
    """Return what a configuration says: a JSON file, `module:NAME`, or a Django settings module.

    Raises:
        Misuse: it cannot be read, or holds no `PagerDutyHandler`.
    """
    config = _loaded(where)
    handlers = config.get("handlers", {})
    name, spec = next(
        (
            (name, spec)
            for name, spec in (handlers.items() if isinstance(handlers, Mapping) else ())
            if isinstance(spec, Mapping)
            and str(spec.get("class", spec.get("()", ""))).rpartition(".")[2] == _HANDLER
        ),
        (None, {}),
    )
    if name is None:
        if handlers or "formatters" in config:
            raise Misuse(f"--config {where}: none of its handlers is a {_HANDLER}")
        return Configured(options=dict(config))  # options alone
    try:
        return _configured(config, name, spec)
    except (ValueError, TypeError, AttributeError, ImportError, KeyError) as error:
        raise Misuse(f"--config {where}: {_plain(error)}") from None


def _configured(config: Mapping[str, Any], name: str, spec: Mapping[str, Any]) -> Configured:
    configurator: Any = logging.config.DictConfigurator(dict(config))
    skipped = ("class", "()", "level", "filters", "formatter", ".")
    options = {
        option: configurator.config["handlers"][name][option] for option in spec if option not in skipped
    }
    if "level" in spec:
        options["level"] = spec["level"]
    filters = []
    for each in spec.get("filters", ()):
        made = config.get("filters", {}).get(each) if isinstance(each, str) else each
        filters.append(
            configurator.configure_filter(configurator.config["filters"][each])
            if isinstance(made, Mapping)
            else made
        )
    formatters = config.get("formatters", {})
    formatter = None
    if spec.get("formatter") in formatters:
        formatter = configurator.configure_formatter(configurator.config["formatters"][spec["formatter"]])
    return Configured(
        options=options,
        filters=tuple(filters),
        formatter=formatter,
        reaches=_reaching(config, name),
        formats=tuple(_formats(formatters)),
    )


def _loaded(where: str) -> Mapping[str, Any]:
    if where.endswith(".json") or os.path.isfile(where):
        try:
            with open(where, encoding="utf-8") as file:
                given = json.load(file)
        except OSError as error:
            raise Misuse(f"--config {where} cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise Misuse(f"--config {where} is not JSON: {error}") from None
    else:
        given = _imported(where)
    if not isinstance(given, Mapping):
        raise Misuse(f"--config {where} is not a mapping, as logging.config.dictConfig takes it")
    return given


def _imported(where: str) -> Any:
    """Import `module:NAME`; of a module alone, as Django's settings are, its LOGGING."""
    module, _, name = where.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    if not name:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", module)  # Django's filters need it
    try:
        found: Any = importlib.import_module(module)
        for part in (name or "LOGGING").split("."):
            found = getattr(found, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's module may do anything
        raise Misuse(f"--config {where} cannot be imported: {_plain(error)}") from None
    return found


def _reaching(config: Mapping[str, Any], handler: str) -> Callable[[str], bool]:
    """Return a function that says whether a logger's records reach a handler."""
    loggers = {name: spec for name, spec in config.get("loggers", {}).items() if isinstance(spec, Mapping)}
    root = config.get("root") or loggers.get("") or {}
    if handler not in root.get("handlers", ()) and not any(
        handler in s.get("handlers", ()) for s in loggers.values()
    ):
        return lambda logger: True  # attached by other means: by a queue's listener, or in code

    def reaches(logger: str) -> bool:
        name = logger
        while name and name != "root":
            spec = loggers.get(name)
            if spec is not None:
                if handler in spec.get("handlers", ()):
                    return True
                if not spec.get("propagate", True):
                    return False
            name = name.rpartition(".")[0]
        return handler in root.get("handlers", ())

    return reaches


def _formats(formatters: Mapping[str, Any]) -> list[Format]:
    found: list[Format] = []
    for spec in formatters.values():
        text = spec.get("format", spec.get("fmt")) if isinstance(spec, Mapping) else None
        if isinstance(text, str):
            try:
                found.append(user_format.reader_of(text, spec.get("datefmt")))
            except ValueError:
                continue  # a format that cannot be read back; it may belong to another log
    return found


def value_of(text: str) -> tuple[str, Any]:
    """Return name and value of `name=value`, the argument of `--set`; what is not a literal is a text.

    Raises:
        Misuse: it is not such a pair.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise Misuse(f"--set {text}: must be NAME=VALUE, such as repeat_interval=900")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return name.strip(), value.strip()


def _plain(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]
