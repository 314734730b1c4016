"""A traceback that is logged line by line is one failure: which of its lines pages."""

import traceback

from pagerduty_logging.record.printed_lines import MAX_SECONDS, PrintedLines
from tests.pages import record


class Refused(Exception):
    """What the tests raise."""


def logged(error: BaseException, first: str = "", *, known: PrintedLines, at: float = 100.0) -> list[str]:
    """Return which lines page, if ERROR's traceback is logged line by line, behind a FIRST line."""
    try:
        try:
            raise OSError("reset by peer")
        except OSError as cause:
            raise error from cause
    except BaseException:
        texts = [first] if first else []
        records = [record(text, created=100.0) for text in texts]
        records += [record(text, created=at) for text in traceback.format_exc().split("\n")]
        return [str(one.msg) for one in records if not known.matches(one)]


def test_of_a_traceback_alone_the_line_pages_that_says_what_was_raised() -> None:
    assert logged(Refused("no banner"), known=PrintedLines()) == [f"{__name__}.Refused: no banner"]


def test_none_of_its_lines_pages_behind_one_that_says_what_was_raised() -> None:
    known = PrintedLines()
    first = "Exception (client): no banner"
    assert logged(Refused("no banner"), first, known=known) == [first]
    # A handler counts the first line as a repeat, and does not ask.
    assert logged(Refused("no banner"), known=known) == []


def test_a_line_before_it_that_says_something_else_does_not_stand_for_it() -> None:
    said = f"{__name__}.Refused: no banner"
    assert logged(Refused("no banner"), "closing", known=PrintedLines()) == ["closing", said]
    first = "refused: no banner"
    late = 100.0 + MAX_SECONDS + 1
    assert logged(Refused("no banner"), first, known=PrintedLines(), at=late) == [first, said]


def test_an_exception_without_words_and_one_with_notes_page_by_their_line() -> None:
    assert logged(Refused(), "closing", known=PrintedLines()) == ["closing", f"{__name__}.Refused"]
    noted = ValueError("no rates")
    noted.add_note("for today")
    assert logged(noted, known=PrintedLines()) == ["ValueError: no rates"]


def test_a_group_pages_by_the_line_that_says_what_it_is() -> None:
    group = ExceptionGroup("two failed", [ValueError("a"), KeyError("b")])
    (line,) = logged(group, known=PrintedLines())
    assert line.strip(" |") == "ExceptionGroup: two failed (2 sub-exceptions)"


def test_what_is_logged_while_another_exception_or_none_is_handled_pages() -> None:
    known = PrintedLines()
    logged(Refused("no banner"), known=known)
    texts = ["Traceback (most recent call last):", '  File "shop.py", line 7, in pay', "KeyError: 7"]
    assert [text for text in texts if not known.matches(record(text))] == texts
    try:
        raise LookupError("another")
    except LookupError:
        assert [text for text in texts[1:] if not known.matches(record(text))] == texts[1:]


def test_another_loggers_lines_page() -> None:
    known = PrintedLines()
    try:
        raise Refused("no banner")
    except Refused:
        head, *rest = traceback.format_exc().split("\n")
        assert known.matches(record(head, name="vendor"))
        assert not any(known.matches(record(line, name="shop")) for line in rest)


def test_lines_to_which_a_library_s_exception_was_added_do_not_page_either() -> None:
    known = PrintedLines()
    try:
        raise Refused("no banner")
    except Refused as error:
        info = (Refused, error, error.__traceback__)
        first = record("Unknown exception: no banner", exc_info=info, created=100.0)
        rest = [record(line, exc_info=info, created=100.0) for line in traceback.format_exc().split("\n")[1:]]
        head = record("Traceback (most recent call last):", created=100.0)
        assert not known.matches(first)
        assert all(known.matches(one) for one in (head, *rest))
        assert not known.matches(record("closing", exc_info=info))
