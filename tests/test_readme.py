"""What the pages show works: blocks run, links lead somewhere, commands exist, the options are the options.

The pages are `README.md` and those beside the code, the examples and the benchmarks. Each Python block
runs as a separate program, against the stand-in; it is skipped where its third-party modules are missing.
"""

import ast
import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.cli import make_parser
from pagerduty_logging.sandbox import EXAMPLE_ROUTING_KEY, Sandbox

ROOT = Path(__file__).parent.parent
REPOSITORY = "https://github.com/pagerduty-logging/pagerduty-logging/"
FRONT_PAGE = ROOT / "README.md"
PAGES = [
    FRONT_PAGE,
    *sorted(
        path
        for room in ("pagerduty_logging", "examples", "tests/benchmarks")
        for path in (ROOT / room).rglob("README.md")
    ),
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
]
NEEDS = {"get_ipython": "IPython", "integrations.apscheduler": "apscheduler"}
"""What a program uses without importing it itself: the module that has to be there."""


PRELUDES = {"BASE_DIR": "from pathlib import Path\n\nBASE_DIR = Path(__file__).parent\n\n"}
"""What stands before a block where it belongs, such as at the top of Django's settings."""


class Block(NamedTuple):
    """A fenced block of a page."""

    where: str
    """`path#heading`, and a number from the second block of a heading on."""
    language: str
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchor(heading: str) -> str:
    """Return what GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def parts(page: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (heading, language, text) of each part; what is not a fenced block is "text only"."""
    heading, language, lines, indent = "", "text only", [], ""
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = re.match(r"( *)```(\w*)", line)
        if fence or (language == "text only" and line.startswith("#")):
            yield heading, language, "\n".join(text.removeprefix(indent) for text in lines) + "\n"
            lines = []
        if fence:
            language, indent = (
                (fence[2] or "none", fence[1]) if language == "text only" else ("text only", "")
            )
        elif language == "text only" and line.startswith("#"):
            heading = line.lstrip("#")
        else:
            lines.append(line)
    assert language == "text only", f"{page}: a block has no end"
    yield heading, language, "\n".join(lines)


def blocks(*languages: str) -> Iterator[Block]:
    for page in PAGES:
        seen: Counter[str] = Counter()
        for heading, language, text in parts(page):
            if language in languages:
                seen[heading] += 1
                number = f"-{seen[heading]}" if seen[heading] > 1 else ""
                yield Block(f"{name_of(page)}#{anchor(heading)}{number}", language, text)


def prose(page: Path) -> str:
    return "\n".join(text for _, language, text in parts(page) if language == "text only")


def anchors(page: Path) -> set[str]:
    return {
        anchor(line.lstrip("#")) for line in page.read_text(encoding="utf-8").splitlines() if line[:1] == "#"
    }


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


PROGRAMS = [pytest.param(block.text, id=block.where) for block in blocks("python")]


def run_program(program: str, folder: Path, sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    path = folder / "program.py"
    preludes = [text for name, text in PRELUDES.items() if name in program]
    path.write_text("".join([*preludes, program]), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-W", "error", *(["-m", "IPython"] if "get_ipython" in program else []), path],
        env={
            **os.environ,
            "PAGERDUTY_ROUTING_KEY": EXAMPLE_ROUTING_KEY,
            "PAGERDUTY_EVENTS_URL": sandbox.url,
            "IPYTHONDIR": str(folder),
        },
        cwd=folder,
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )


def modules_of(program: str) -> set[str]:
    """Return the first names of all modules that a program imports or needs."""
    found = {NEEDS[name] for name in NEEDS if name in program}
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_block_of_a_page_runs(program: str, tmp_path: Path):
    missing = [name for name in sorted(modules_of(program)) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install --group hosts")
    with Sandbox() as sandbox:
        run = run_program(program, tmp_path, sandbox)
    assert run.returncode == 0, run.stderr


def test_each_block_has_a_name_of_its_own():
    names = Counter(block.where for block in blocks("python"))
    assert len(names) > 40
    assert [name for name, count in names.items() if count > 1] == []


def test_the_first_block_pages_once(tmp_path: Path):
    with Sandbox() as sandbox:
        assert run_program(PROGRAMS[0].values[0], tmp_path, sandbox).returncode == 0
        assert [alert.summary for alert in sandbox.alerts] == ["payment 4711 failed"]


def test_the_front_page_is_a_front_page():
    assert len(FRONT_PAGE.read_text(encoding="utf-8").splitlines()) <= 350


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_links_to_is_there(page: Path):
    missing = []
    for link in links(page):
        where, _, heading = link.partition("#")
        if where.startswith(REPOSITORY):
            target = ROOT / where.removeprefix(REPOSITORY).removeprefix("blob/main/")
        elif re.match(r"https?:|mailto:", where):
            continue
        else:
            target = page if not where else page.parent / where
        if not target.exists() or (heading and heading not in anchors(target)):
            missing.append(link)
    assert missing == []


def test_the_links_of_the_front_page_work_on_every_site():
    """PyPI shows the page without the repository around it."""
    shown = links(FRONT_PAGE)
    assert [link for link in shown if not link.startswith(("https://", "#"))] == []
    assert any(link.startswith(REPOSITORY) for link in shown)


def test_every_page_is_reached_from_the_front_page():
    reached: set[Path] = set()
    waiting = [FRONT_PAGE]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for link in links(page):
            where = link.partition("#")[0]
            if where.startswith(REPOSITORY):
                waiting.append(ROOT / where.removeprefix(REPOSITORY + "blob/main/"))
            elif where and not where.startswith("http"):
                waiting.append((page.parent / where).resolve())
    assert [name_of(page) for page in PAGES if page not in reached] == []


# --- commands ----------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield (where, words) for each command in the blocks that are for a shell."""
    for block in blocks("sh", "console"):
        text = block.text.replace("\\\n", " ")
        lines = [
            line.strip() for line in text.splitlines() if block.language == "sh" or line.startswith("$ ")
        ]
        for line in lines:
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="&|;()")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, "&&"]:
                if set(word) <= set("&|;()$") or word.endswith("=$"):
                    if words:
                        yield block.where, words
                    words = []
                else:
                    words.append(word)


def test_each_command_of_ours_is_one_that_the_command_line_takes():
    parser, tried = make_parser(), 0
    for where, words in commands():
        if words[0].endswith("python") and words[1:3] == ["-m", "pagerduty_logging"]:
            words = words[2:]
        elif words[0] != "pagerduty-logging":
            continue
        tried += 1
        try:
            parser.parse_args(words[1:])
        except SystemExit as stop:
            pytest.fail(f"{where}: {shlex.join(words)} ends with {stop.code}")
    assert tried > 8


def test_no_command_needs_a_file_that_a_checkout_has_not():
    missing = []
    for where, words in commands():
        if not words[0].rpartition("/")[2].startswith(("python", "bash")) or "-m" in words:
            continue
        scripts = [word for word in words[1:] if word.endswith((".py", ".sh"))]
        missing += [
            f"{where}: {script}"
            for script in scripts
            if script != "manage.py" and not (ROOT / script).exists()
        ]
    assert missing == []


# --- options -----------------------------------------------------------------------------------------


def test_signature_table_and_docstring_name_the_same_options():
    signature = set(inspect.signature(PagerDutyHandler).parameters)
    options = FRONT_PAGE.read_text(encoding="utf-8").partition("\n## Options\n")[2].partition("\n## ")[0]
    table = [
        name
        for row in re.findall(r"^\| (`[^|]+`) \|", options, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    arguments = inspect.getdoc(PagerDutyHandler).partition("Args:\n")[2].partition("\n\nRaises:")[0]
    docstring = [
        name
        for names in re.findall(r"^    ((?:\w+, )*\w+): ", arguments, re.MULTILINE)
        for name in names.split(", ")
    ]
    assert len(table) == len(set(table))
    assert len(docstring) == len(set(docstring))
    assert set(table) == signature
    assert set(docstring) == signature
