"""By what the hot path knows a repeat at once: its logger and message, or its call site."""

from __future__ import annotations

from typing import Any

from pagerduty_logging.state.problem import MAX_KINDS, Problem

MAX_LINES = 500
"""Lines that are known; a pattern takes two kilobytes."""
MAX_FORGOTTEN = 200
"""Problems that are forgotten before what is known of them is looked for, and let go."""


class ShortCuts:
    """Short cuts to problems, for the hot path to read without a lock.

    They hold for records up to the problem's `level`.

    Args:
        most: how many there are at most.

    Attributes:
        known: problems by logger and message.
        known_at: the same by call site, file and line, and by what tells its problems apart.
        lines: what is known of lines that log, by logger and number, where it is enough.
    """

    def __init__(self, most: int) -> None:
        self.known: dict[str, dict[str, Problem]] = {}
        self.lines: dict[str, dict[int, Any]] = {}
        self.known_at: dict[tuple[str, int], dict[object, Problem]] = {}
        self._most = most
        self._count = self._lines = self._forgotten = 0

    def know(
        self, logger: str, message: str, level: float, problem: Problem, kind: type | None = None
    ) -> None:
        """Let repeats up to a level be recognised by logger and message, without their fingerprint.

        Args:
            logger, message: what they have in common.
            level: as `logging` counts.
            problem: what they repeat.
            kind: the type of the exception that came with this one.
        """
        self._know(self.known, logger, message, problem)
        _extend(problem, logger, level, kind)

    def know_at(
        self,
        place: tuple[str, int],
        token: object,
        logger: str,
        level: float,
        problem: Problem,
        kind: type | None = None,
    ) -> None:
        """Let repeats be recognised by their call site; see `know`.

        Args:
            place: file and line of the call.
            token: what tells the problems apart that are logged there.
        """
        self._know(self.known_at, place, token, problem)
        _extend(problem, logger, level, kind)

    def know_line(self, logger: str, number: int, line: object) -> None:
        """Let repeats be recognised by what is known of a line; it holds a problem that `know_at` knows."""
        if self._lines >= MAX_LINES:
            self.lines.clear()
            self._lines = 0
        lines = self.lines.setdefault(logger, {})
        self._lines += number not in lines
        lines[number] = line

    def _know(
        self, known: dict[Any, dict[Any, Problem]], outer: object, inner: object, problem: Problem
    ) -> None:
        if problem.over:
            return
        if self._count >= self._most:
            self.forget()  # these are short cuts and no more: what is news is decided by the throttle
        inside = known.get(outer)
        if inside is None:
            inside = known.setdefault(outer, {})
        if inner not in inside:
            self._count += 1
        inside[inner] = problem

    def let_go(self) -> None:
        """One more problem whose only event was dropped is forgotten: a storm of them takes no memory."""
        self._forgotten += 1
        if self._forgotten < MAX_FORGOTTEN:
            return
        self._forgotten = 0
        every: tuple[dict[Any, dict[Any, Problem]], ...] = (self.known, self.known_at)
        for known in every:
            for outer, inside in list(known.items()):
                for inner, problem in list(inside.items()):
                    if problem.last.lost and inside.pop(inner, None) is not None:
                        self._count -= 1
                if not inside:
                    known.pop(outer, None)

    def forget(self) -> None:
        """Know none."""
        self.known.clear()
        self.known_at.clear()
        self.lines.clear()
        self._count = self._lines = self._forgotten = 0


def _extend(problem: Problem, logger: str, level: float, kind: type | None) -> None:
    """Note for which records a problem's short cuts hold."""
    if problem.over:
        return
    problem.origin = (problem.key, logger)
    if level > problem.level:
        problem.level = level
    if kind is not None and kind not in problem.kinds and len(problem.kinds) < MAX_KINDS:
        problem.kinds += (kind,)
