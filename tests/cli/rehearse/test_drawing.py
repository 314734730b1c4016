"""The picture holds every problem, nothing of a log as markup, and needs nothing from elsewhere."""

import re
from datetime import UTC
from xml.etree import ElementTree

from pagerduty_logging.cli.rehearse import drawing, lanes
from pagerduty_logging.cli.rehearse.result import Result
from tests.cli.rehearse.logs import entry, rehearsed

NOON = 1_795_953_600.0


def many(problems: int) -> Result:
    return rehearsed(
        entry(NOON + 86_400 * n / 2_000, f"kind {'x' * (n % problems + 1)} failed", 50 if n % 97 == 0 else 40)
        for n in range(2_000)
    )


def test_every_problem_has_a_lane_the_worst_are_open_the_rest_folded():
    result = many(100)
    page = drawing.html(result, UTC)
    assert page.count('<details class="lane">') == 100
    assert "70 more problems" in page
    assert page.index(result.ranked()[0].summary) < page.index(result.ranked()[99].summary)


def test_nothing_is_asked_of_elsewhere():
    page, picture = drawing.html(many(5), UTC), drawing.svg(many(5), UTC)
    for text in (page, picture):
        assert re.findall(r"(?:src|href)=\"(?!data:,)[^\"]*\"|url\(|@import", text) == []
    assert "default-src 'none'" in page


def test_what_a_log_says_is_not_markup():
    words = "<script>alert(1)</script> \"quoted\" & 'so' <!--LANES-->"
    result = rehearsed([entry(NOON, words, logger="<b>x</b>", fields={"<i>": "</pre><script>"})])
    page, picture = drawing.html(result, UTC), drawing.svg(result, UTC)
    assert page.count("<script>") == 1
    assert "<b>x</b>" not in page
    assert "<script>" not in picture
    ElementTree.fromstring(picture)


def test_a_picture_of_nothing():
    result = rehearsed([])
    assert "Nothing would have been paged" in drawing.html(result, UTC)
    ElementTree.fromstring(drawing.svg(result, UTC))


def test_the_picture_alone_says_how_many_had_no_room():
    picture = drawing.svg(many(100), UTC)
    assert "70 more problems" in picture
    ElementTree.fromstring(picture)


def test_marks_that_would_cover_each_other_are_one_with_a_count():
    result = rehearsed([entry(NOON + 310 * n) for n in range(3)] + [entry(NOON + 5_000_000)])
    marks = lanes.marks(result.problems[0], lanes.scale(result))
    assert [(mark.why, mark.count) for mark in marks] == [("first", 1), ("again", 2), ("first", 1)]


def test_nights_stand_where_they_are():
    result = rehearsed([entry(NOON), entry(NOON + 86_400)])
    span = lanes.scale(result)
    ((left, right),) = lanes.nights(result, span, UTC)
    assert span.begin + left * (span.end - span.begin) == NOON + 10 * 3_600
    assert round((right - left) * (span.end - span.begin)) == 9 * 3_600
