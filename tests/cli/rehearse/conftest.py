from pathlib import Path

import pytest

from tests.cli.rehearse.logs import Read, read_log


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as a log."""
    return lambda log, **options: read_log(tmp_path / "app.log", log, **options)
