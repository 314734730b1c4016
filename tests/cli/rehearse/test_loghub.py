"""Real logs of eight systems (Loghub): each line's level and message is read as its author noted it."""

import pytest

from pagerduty_logging.cli.rehearse import levels
from tests.cli.rehearse.loghub import LINES, SAMPLES, rows
from tests.cli.rehearse.logs import Read

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="needs Loghub's samples, which are not part of the project"
)

WITHOUT_LEVEL = ("HealthApp", "Linux", "Proxifier")


@pytest.mark.parametrize("system", LINES)
def test_no_line_is_misread(system: str, read: Read):
    lines = list(rows(system))
    entries, counts = read("".join(LINES[system](row) + "\n" for row in lines), level=1)
    assert counts.not_understood == 0
    assert counts.records == len(lines)
    if system in WITHOUT_LEVEL:
        assert entries == []
        assert counts.without_level == len(lines)
    else:
        found = [(entry.level, entry.message.strip()) for entry in entries]
        assert found == [(levels.of_word(row["Level"]), row["Content"].strip()) for row in lines]
