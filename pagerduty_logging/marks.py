"""Which problem an exception object was paged for, so that it is not paged again elsewhere.

The mark is an attribute of the exception itself: most exceptions cannot be referred to weakly, and holding
them would keep their frames alive. It is plain text, so that a marked exception can still be pickled.
"""

from __future__ import annotations

ATTRIBUTE = "__pagerduty_logging__"


def mark(error: BaseException, owner: str, key: str) -> None:
    """Note the dedup key that `owner` has found for `error`; an exception that takes no note is let be."""
    try:
        marks = error.__dict__.get(ATTRIBUTE)
        if type(marks) is dict:
            marks[owner] = key
        else:
            error.__dict__[ATTRIBUTE] = {owner: key}
    except Exception:  # a type may do anything to its attributes
        return


def marked(error: BaseException, owner: str) -> str | None:
    """Return the dedup key that `owner` noted for this very exception; None if it noted none."""
    try:
        marks = error.__dict__.get(ATTRIBUTE)
        return marks.get(owner) if type(marks) is dict else None
    except Exception:
        return None
