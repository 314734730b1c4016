"""The option `state`: what it may be, and what is made of it."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from pagerduty_logging.events_api.text import plain
from pagerduty_logging.state.protocol import digest
from pagerduty_logging.state.shared import SharedState
from pagerduty_logging.state.store import Store

ENVIRONMENT_VARIABLE = "PAGERDUTY_STATE"
WITHHELD = "(withheld)"
A_CENTURY = 100 * 365 * 86_400.0
"""Seconds for which a problem may be remembered: Redis takes no number of milliseconds without a bound."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # one letter is a drive of Windows
_SCHEME = re.compile(r"(rediss?|valkeys?|unix|sqlite|file):", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}(/[0-9]*)?")
_CREDENTIALS = re.compile(r"(//|(?![./~\\]|[A-Za-z]:[\\/]))[^:]*+:[^@]*+@")
_SCHEMES = ("redis", "rediss", "unix")
_SWITCHES = re.compile(
    "off|on|no|yes|none|null|nil|false|true|0|1|memory|disabled|enabled|default|rediss?|valkeys?|unix|sqlite",
    re.IGNORECASE,
)
"""Words that nobody means as the name of a file in whatever directory the program is started."""
_FORMS = "a file's path, a redis://, rediss:// or unix:// address, or a client of Redis"


@dataclass(frozen=True, slots=True)
class StatePlace:
    """Where a state lives.

    Attributes:
        where: for people, without a secret.
        make_store: imports what the store needs, and makes it. Its argument: whether it is called on a thread
            that can be left behind; default: False.
        path: of the file, for SQLite.
    """

    where: str
    make_store: Callable[..., Store]
    path: str | None = None


def find_place(option: Any = None, name: str = "state") -> StatePlace | None:
    """Return where the option, else `PAGERDUTY_STATE`, says that the state lives; None: nowhere.

    Nothing is opened or imported. A user's client without a timeout causes a warning.

    Args:
        option: a path, a URL or a ready client.
        name: of the option, for errors.

    Raises:
        TypeError, ValueError: naming the option, and showing no password.
    """
    if option is None:
        option, name = os.environ.get(ENVIRONMENT_VARIABLE, "").strip() or None, ENVIRONMENT_VARIABLE
        if option is None:
            return None
    if isinstance(option, str) and _SWITCHES.fullmatch(option.strip()):
        raise ValueError(f"{name} cannot be {option.strip()!r}: give {_FORMS}, or leave it out for none")
    if isinstance(option, os.PathLike):
        option = os.fspath(option)
    if not isinstance(option, str):
        return _of_client(option, name)
    if not option.strip():
        raise ValueError(f"{name} is empty: give {_FORMS}")
    if _URL.match(option.strip()):
        return _of_url(option.strip(), name)
    fault = _no_path(option)
    if fault is not None:
        raise ValueError(f"{name} {fault}")
    return _of_path(option)


def open_state(
    option: Any = None,
    *,
    routing_key: str,
    host: str,
    release: str | None = None,
    clean: Callable[[str], str] = str,
    remember: float = 604_800.0,
    per_minute: int = 100,
    say: Callable[[str, str], object] = lambda topic, text: None,
    guard: Callable[[], AbstractContextManager[object]] = nullcontext,
    background: Callable[[], bool] = lambda: True,
) -> SharedState | None:
    """Return the state that the option, else `PAGERDUTY_STATE`, names; None: there is none.

    Nothing is opened before it is first asked. The arguments are those of `SharedState`; `clean` takes
    secrets out of the release too, which is stored and shown.

    Raises:
        TypeError, ValueError: as `find_place`.
    """
    place = find_place(option)
    if place is None:
        return None

    def cleaned(text: str) -> str:
        try:
            return clean(text)
        except Exception:
            return WITHHELD  # what cannot be judged

    return SharedState(
        lambda: place.make_store(background()),
        where=place.where,
        space=digest(routing_key),
        host=host,
        release=release and cleaned(plain(release).replace("\n", " ")),
        clean=cleaned,
        remember=remember,
        per_minute=per_minute,
        say=say,
        guard=guard,
        in_background=background,
    )


def _no_path(text: str) -> str | None:
    """Return what is wrong with a text that would be a path, if it certainly means something else."""
    if "\0" in text:
        return "is no path: it holds a NUL"
    if text == ":memory:":
        return "cannot be :memory:, which no other process sees: give a file's path, or leave it out"
    if "://" in text:
        return "looks like an address with something before it, such as a quotation mark: redis://host:6379/0"
    if _ADDRESS.fullmatch(text) or _CREDENTIALS.match(text):
        return "looks like an address without its scheme: redis://host:6379/0"
    if _SCHEME.match(text):
        return f"is no address that can be read, and no path: give {_FORMS}"
    return None


def _of_path(path: str) -> StatePlace:
    slash = os.sep if path.endswith(("/", os.sep)) else ""
    path = os.path.abspath(os.path.expanduser(path)) + slash

    def make_store(in_background: bool = False) -> Store:
        from pagerduty_logging.state.sqlite import SqliteStore

        return SqliteStore(path, keeps_open=in_background)

    return StatePlace(f"the state in {path}", make_store, path)


def _of_url(url: str, name: str) -> StatePlace:
    scheme, _, rest = url.partition(":")
    scheme = scheme.lower()
    url = f"{scheme}:{rest}"
    if scheme not in _SCHEMES:
        hint = (
            "Valkey is addressed as redis://host:6379/0"
            if scheme in ("valkey", "valkeys")
            else f"give {_FORMS}"
        )
        raise ValueError(f"{name} cannot be {scheme}://…: {hint}")
    fault = _fault(url)
    if fault is not None:
        raise ValueError(f"{name} {fault}")
    import concurrent.futures.thread  # noqa: F401 - it has fork hooks, which redis-py would add during a fork

    if importlib.util.find_spec("redis") is None:
        raise ValueError(f"{name} needs redis-py for {scheme}://…: pip install 'pagerduty-logging[redis]'")
    if urlsplit(url).query:
        from pagerduty_logging.state.redis_connection import refused_option

        refused = refused_option(url)
        if refused is not None:
            raise ValueError(f"{name}: {refused}")

    def make_store(in_background: bool = False) -> Store:
        import redis  # noqa: F401 - on the worker, and before its time is counted

        from pagerduty_logging.state.redis import PATIENCE, PATIENCE_IN_BACKGROUND, RedisStore, script

        script()
        return RedisStore(url=url, patience=PATIENCE_IN_BACKGROUND if in_background else PATIENCE)

    return StatePlace(f"the state in Redis at {_shown(urlsplit(url))}", make_store)


def _fault(url: str) -> str | None:
    """Return what is wrong with an address, and repeat nothing of it: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no address: its host or port cannot be read (is a character of the password not encoded?)"
    if not url.isprintable():
        return "holds a line break, or another character that is not printed"
    if "#" in url:
        return "holds a #: in a password it is written %23"
    if any("=" not in part for part in parts.query.split("&") if part):
        return "holds a ? without an option after it: in a password it is written %3F"
    if any(not re.fullmatch("[0-9]+", number) for number in parse_qs(parts.query).get("db", ())):
        return "names a database that is no number: redis://host:6379/0"
    if parts.scheme.lower() == "unix":
        named = url.startswith("unix://") and not parts.hostname and parts.path.strip("/")
        return None if named else "names no socket: unix:///path/to/redis.sock"
    if not parts.hostname:
        return "names no host: redis://host:6379/0"
    if not re.fullmatch(r"[\w.:%-]+", parts.hostname):
        return "names a host that cannot be one, with a space or a sign in it: redis://host:6379/0"
    if port == 0:
        return "names port 0"
    if not re.fullmatch(r"(/[0-9]*)?", parts.path):
        return "names a database that is no number: redis://host:6379/0"
    return None


def _shown(parts: SplitResult) -> str:
    option = parse_qs(parts.query).get("db", [""])[0]
    if parts.scheme.lower() == "unix":
        return parts.path + (f", database {option}" if option else "")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    database = option or parts.path.strip("/")
    return f"{host}:{parts.port or 6379}{'/' if database else ''}{database}"


def _of_client(client: Any, name: str) -> StatePlace:
    kind = type(client).__name__
    if isinstance(client, type):
        raise TypeError(f"{name} must be {_FORMS}, not the class {client.__name__}")
    if isinstance(client, (bytes, int, float, list, tuple, dict)) or not callable(
        getattr(client, "evalsha", None)
    ):
        raise TypeError(f"{name} must be {_FORMS}, not {kind}")
    if not _is_called_as_redis_py(client):
        package = type(client).__module__.partition(".")[0]
        raise TypeError(
            f"{name} must be a client with the calls of redis-py, such as redis.Redis, not {package}.{kind}"
        )
    if hasattr(client, "execute"):
        raise TypeError(f"{name} must be a client of Redis, not a {kind} of one")
    if inspect.iscoroutinefunction(getattr(type(client), "execute_command", None)):
        raise TypeError(f"{name} must be a client of Redis that does not need asyncio: redis.Redis")
    encoding = _encoding(client)
    if encoding is not None:
        raise ValueError(
            f"{name}: the client of Redis has the encoding {encoding}: give it utf-8, the usual one"
        )
    if _has_no_time_out(client):
        warnings.warn(
            f"{name}: the client of Redis has no time-out: give it socket_timeout and socket_connect_timeout",
            stacklevel=4,
        )

    def make_store(in_background: bool = False) -> Store:
        from pagerduty_logging.state.redis import PATIENCE, PATIENCE_IN_BACKGROUND, RedisStore, script

        script()
        return RedisStore(client, patience=PATIENCE_IN_BACKGROUND if in_background else PATIENCE)

    return StatePlace(f"the state in Redis ({kind})", make_store)


def _is_called_as_redis_py(client: Any) -> bool:
    """Whether scripts are called as there: some clients take keys and arguments as two lists."""
    with suppress(ValueError):  # it does not say how it is called
        try:
            inspect.signature(client.evalsha).bind("digest", 1, "key", "argument")
        except TypeError:
            return False
    return True


def _connection_options(client: Any) -> tuple[Any, dict[str, Any]] | None:
    """Return what holds the connections of a client, and how they are made; None: that is unknown."""
    for holder in ("connection_pool", "nodes_manager"):
        held = getattr(client, holder, None)
        kwargs = getattr(held, "connection_kwargs", None)
        if isinstance(kwargs, dict):
            return held, kwargs
    return None


def _encoding(client: Any) -> str | None:
    """Return the encoding of a client in which a script would not arrive as it is; None: it would."""
    found = _connection_options(client)
    encoding = found and found[1].get("encoding")
    if isinstance(encoding, str):
        with suppress(LookupError):  # its own commands fail, too
            return None if "return".encode(encoding) == b"return" else encoding
    return None


def _has_no_time_out(client: Any) -> bool:
    found = _connection_options(client)
    return found is not None and found[1].get("socket_timeout", _usual_time_out(found[0], client)) is None


def _usual_time_out(pool: Any, client: Any) -> object:
    """Return the time-out of connections that were given none: redis-py has had one since its release 8."""
    made = getattr(pool, "connection_class", None) or type(client)
    for kind in getattr(made, "__mro__", ()):
        with suppress(TypeError, ValueError):
            option = inspect.signature(kind.__init__).parameters.get("socket_timeout")
            if option is not None:
                return None if option.default is inspect.Parameter.empty else option.default
    return None
