"""Checks, without importing it, whether the installed `requests` can be used."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

NEEDED = (2, 32, 2)
"""The first release whose adapter can be asked for a connection (`get_connection_with_tls_context`). We ask
packagers for a later one, without known security faults."""

_VERSION = re.compile(r"""__version__\s*=\s*["'](\d+)\.(\d+)(?:\.(\d+))?""")


def check_requests() -> None:
    """Check that events can be sent with the installed `requests`.

    Raises:
        ImportError: it is missing or too old.
    """
    # Another thread may be about to import it.
    adapter = getattr(sys.modules.get("requests.adapters"), "HTTPAdapter", None)
    if adapter is not None:
        fits = hasattr(adapter, "get_connection_with_tls_context")
        found = str(getattr(sys.modules.get("requests"), "__version__", "this release"))
    else:
        version = _installed()
        if version is None and not _is_there():
            raise ImportError(
                "no event can be sent without requests: install requests>=2.32.4", name="requests"
            )
        fits = version is None or version >= NEEDED
        found = ".".join(map(str, version or ()))
    if not fits:
        raise ImportError(
            f"no event can be sent with requests {found}: install requests>=2.32.4", name="requests"
        )


def _is_there() -> bool:
    try:
        return find_spec("requests") is not None
    except ValueError:  # it was loaded by no finder, as in a frozen program
        return True


def _installed() -> tuple[int, ...] | None:
    """Return the version that would be imported; None: it cannot be read, as in a frozen program.

    `importlib.metadata` would take ten times as long.
    """
    try:
        spec = find_spec("requests")
        source = Path(str(spec and spec.origin)).with_name("__version__.py").read_text(encoding="utf-8")
    except (ImportError, OSError, ValueError):
        return None
    match = _VERSION.search(source)
    return match and tuple(int(part or 0) for part in match.groups())
