"""Which problem an exception object was paged for, so that it is not paged again elsewhere.

The mark is an attribute of the exception itself: most exceptions cannot be referred to weakly, and holding
them would keep their frames alive. It is plain text, so that a marked exception can still be pickled.
"""

from __future__ import annotations


def name(owner: str) -> str:
    """Return the name of the attribute in which `owner` keeps its marks."""
    return f"__pagerduty_logging_{owner}__"


JOB = name("job")
"""Where a guarded job notes that it has paged for an exception."""


def mark(error: BaseException, attribute: str, key: str) -> None:
    """Note the dedup key that was found for `error`; an exception that takes no note is let be."""
    try:
        error.__dict__[attribute] = key
    except Exception:  # a type may do anything to its attributes
        return


def marked(error: BaseException, attribute: str) -> str | None:
    """Return the dedup key that was noted for this very exception; None if there is none."""
    try:
        key = error.__dict__.get(attribute)
        return key if type(key) is str else None
    except Exception:
        return None
