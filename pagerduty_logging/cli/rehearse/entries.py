"""The content of a line of a log, in any format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Entry:
    """One log record as it was written.

    Attributes:
        time: seconds since the epoch; None: the log does not say.
        level: as `logging` counts; None: the log does not say.
        level_name: the level's word, as it was written.
        logger: the logger's name; "": the log does not say.
        message: its lines, without the traceback.
        traceback: as it was printed, "" for none.
        path, line, function: where it was logged, as far as the log says.
        process: the process id.
        fields: other fields of a structured line.
    """

    time: float | None
    level: int | None
    message: str
    level_name: str = ""
    logger: str = ""
    traceback: str = ""
    path: str = ""
    line: int = 0
    function: str = ""
    process: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)
