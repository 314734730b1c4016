"""Whose code a file is, and what to call it on a page."""

from __future__ import annotations

import os
import sys

from pagerduty_logging.record.places import OURSELVES, STANDARD_LIBRARY, is_standard_library

_PACKAGES = ("site-packages", "dist-packages")


def is_library(path: str) -> bool:
    """Return whether a file is not the application's: Python's, an installed package's or ours."""
    return (
        path.startswith((OURSELVES, "<frozen"))
        or is_standard_library(path)
        or _installed(path) is not None
        or "/lib/python3." in path
        or path.endswith(".rs")  # an extension that logs from Rust, through pyo3-log
    )


def is_ours(path: str) -> bool:
    """Return whether a file belongs to this package."""
    return path.startswith(OURSELVES)


def short_path(path: str) -> str:
    """Return a path without what every path of this machine begins with."""
    installed = _installed(path)
    if installed is not None:
        return installed
    if path.startswith(STANDARD_LIBRARY):
        return path[len(STANDARD_LIBRARY) :]
    roots = [root.rstrip(os.sep) + os.sep for root in sys.path if isinstance(root, str) and len(root) > 1]
    found = [root for root in roots if path.startswith(root)]
    return path[len(max(found, key=len)) :] if found else path


def _installed(path: str) -> str | None:
    if "-packages" not in path:
        return None
    for packages in _PACKAGES:
        _, found, below = path.replace("\\", "/").rpartition(f"/{packages}/")
        if found:
            return below
    return None
