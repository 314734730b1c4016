"""What a source file may be, and what then becomes of the template."""

import itertools
import os
import re
import socket
import threading
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagerduty_logging.fingerprinting import Rule, explain, expressions, source, templates
from tests.fingerprinting.fingerprinting_records import made

CALL = 'log.error(f"User {x} is gone")\n'


@pytest.fixture
def file(tmp_path):
    names = itertools.count()

    def write(content, name=None):
        path = tmp_path / (name or f"app{next(names)}.py")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def explained(path, line, message, **more):
    return explain(made(message, path=path, line=line, **more))


def template(path, line, message):
    found = explained(path, line, message)
    return found.template if found.rule is Rule.SOURCE else None


@pytest.mark.parametrize(
    ("code", "line", "message", "expected"),
    [
        ('log.error(\n    f"a {x} b"\n    f" c {y}",\n    x,\n)', 3, "a 1 b c 2", "a {} b c {}"),
        ('log.error("a %s b %d" % (x, y))', 1, "a 1 b 2", "a {} b {}"),
        ('log.error("100%% of %s" % x)', 1, "100% of it", "100% of {}"),
        ('log.error("a %(x)s b" % d)', 1, "a 1 b", "a {} b"),
        ('log.error("a {} {{b}} {x!r:>{w}}".format(1, x=2, w=3))', 1, "a 1 {b}   2", "a {} {b} {}"),
        ('log.error("a " + str(x) + " b")', 1, "a 1 b", "a {} b"),
        ('log.error("at " + f"{x} b" + "!")', 1, "at 1 b!", "at {} b!"),
        ('report(user, text=f"a {x} b")', 1, "a 1 b", "a {} b"),
        ('log.log(ERROR, f"a {x} b")', 1, "a 1 b", "a {} b"),
        ('m = f"a {x} b"\nif x:\n    log.error(m)', 3, "a 1 b", "a {} b"),
        ('if (m := f"a {x} b"):\n    log.error(m)', 2, "a 1 b", "a {} b"),
        ('M: str = "a {} b"\n\ndef f(x):\n    log.error(M.format(x))', 4, "a 1 b", "a {} b"),
        ('log.error(x or "nothing at all")', 1, "nothing at all", "nothing at all"),
        ('log.error("yes it is" if x else f"no {x} it")', 1, "no 0 it", "no {} it"),
        ('log.error("""a %s\nb""" % x)', 1, "a 1\nb", "a {}\nb"),
        ('class A:\n\tdef f(self):\n\t\tlog.error(f"a {x} b")', 3, "a 1 b", "a {} b"),
        ('@deco\nasync def f():\n    log.error(f"a {await x} b")', 3, "a 1 b", "a {} b"),
        ('try:\n    pass\nexcept E:\n    log.error(f"a {x} b")', 4, "a 1 b", "a {} b"),
        ('def f(): log.error(f"a {x} b")', 1, "a 1 b", "a {} b"),
        ('def f():\n  s = """\ndef g(): pass\n"""\n  log.error(f"a {x} b")', 5, "a 1 b", "a {} b"),
        ('def f():\n  # c\n# d\n  log.error(f"a {x} b")', 4, "a 1 b", "a {} b"),
        ('log.error(_("a %s b") % x)', 1, "a 1 b", "a {} b"),
        ('log.error("a %s b".strip() % x)', 1, "a 1 b", "a {} b"),
    ],
)  # fmt: skip
def test_the_template_is_found(file, code, line, message, expected):
    assert template(file(code), line, message) == expected


@pytest.mark.parametrize(
    "code",
    [
        "log.error(x)",
        "log.error(str(e))",
        'log.error(f"{e}")',
        'log.error("%s: %s" % (a, b))',
        'log.error("something else")',
        'log.error("User " + x + " was here")',
        "log.error(",
        'log.error(f"User {x} is gone"',
        "pass",
        "",
    ],
)
def test_what_says_nothing_or_does_not_fit_leaves_the_text(file, code):
    assert explained(file(code), 1, "User bob is gone").rule is Rule.MASK


def test_the_key_survives_a_release_that_moves_the_code(file):
    old = explained(file(CALL), 1, "User bob is gone")
    new = explained(file("# moved\n" * 30 + CALL), 31, "User eve is gone")
    assert old.rule is Rule.SOURCE
    assert old.key == new.key


def test_a_file_that_changes_is_read_again_where_nothing_fits(file):
    path = file(CALL, "app.py")
    assert template(path, 1, "User bob is gone") == "User {} is gone"
    file('log.error(f"Customer {x} has left us")\n', "app.py")
    assert template(path, 1, "Customer bob has left us") == "Customer {} has left us"
    assert explained(path, 1, "User bob is gone").rule is Rule.MASK


def test_a_file_that_appears_later_is_found_after_a_second(file, tmp_path):
    path = str(tmp_path / "late.py")
    assert explained(path, 1, "User bob is gone").rule is Rule.MASK
    file(CALL, "late.py")
    source.sites[path, 1].looked_at -= source.LOOK_AGAIN
    assert template(path, 1, "User bob is gone") == "User {} is gone"


def test_a_file_that_is_deleted_leaves_what_was_read(file):
    path = file(CALL)
    assert template(path, 1, "User bob is gone")
    os.unlink(path)
    assert template(path, 1, "User eve is gone")
    assert explained(path, 1, "Else").rule is Rule.MASK


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbf" + CALL.encode(), "User {} is gone"),
        (b"# coding: latin-1\n# \xe9\r" + CALL.encode(), "User {} is gone"),
        (b"x = 1\r\n\r\n" + CALL.encode(), "User {} is gone"),
        (b"# \xff\n\n" + CALL.encode(), None),
        (b"# coding: no-such-code\n\n" + CALL.encode(), None),
        (b"x = (\n" * 3 + CALL.encode(), None),
    ],
    ids=["bom", "declared", "crlf", "not utf-8", "unknown code", "syntax error"],
)
def test_encodings_and_line_ends_are_those_of_python(file, content, expected):
    line = 1 if content.startswith(b"\xef") else 3
    assert template(file(content), line, "User bob is gone") == expected


def test_huge_files_fall_through(file):
    big = file(b"#" * (source.MAX_SOURCE_BYTES + 1) + b"\n" + CALL.encode())
    assert explained(big, 2, "User bob is gone").rule is Rule.MASK


def test_a_call_in_a_large_file_is_found_without_parsing_all_of_it(file):
    filler = "x = (1,\n     2)\n" * 40_000
    path = file(filler + "def f(x):\n    " + CALL + "!!! no Python at all\n")
    assert template(path, 80_002, "User bob is gone") == "User {} is gone"


def test_nothing_that_is_no_file_is_opened(tmp_path):
    fifo, sock = str(tmp_path / "fifo"), str(tmp_path / "s")
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sock)
        for path in (fifo, sock, "/dev/zero", "/dev/stdin", "/proc/kmsg", str(tmp_path), "<stdin>",
                     "<string>", "", "\0", "/nonexistent/app.py", "x" * 10_000):  # fmt: skip
            assert explained(path, 1, "User bob is gone").rule is Rule.MASK


@pytest.mark.parametrize("line", [0, -1, 2, 10**9, None, 1.0, True])
def test_a_line_that_is_not_there_falls_through(file, line):
    assert explained(file(CALL), line, "User bob is gone").rule is Rule.MASK


def test_reading_the_source_warns_of_nothing(file):
    path = file('def f(x):\n    y = "\\d" is "\\w"\n    ' + CALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert template(path, 3, "User bob is gone") == "User {} is gone"


def test_reading_the_source_lets_no_warning_of_the_application_be_shown_twice(file):
    path = file("".join(f'log.error(f"User {{x}} is gone {n}")\n' for n in "abc"))
    registry: dict[str, int] = {}
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for line, letter in enumerate("abc", 1):
            assert template(path, line, f"User 7 is gone {letter}") == f"User {{}} is gone {letter}"
            warnings.warn_explicit("old", DeprecationWarning, "shop.py", 1, registry=registry)
    assert len(shown) == 1


@pytest.mark.parametrize(
    "block",
    [
        "try:\n {}\nexcept E:\n pass",
        "try:\n pass\nexcept E:\n {}",
        "try:\n pass\nfinally:\n {}",
        "for x in y:\n pass\nelse:\n {}",
        "while x:\n if y:\n  pass\n else:\n  {}",
        "with x:\n {}",
        "match x:\n case 1:\n  {}",
        "if z or (w := x):\n {}",
        "class A:\n {}",
        "async def f():\n {}",
    ],
)
def test_a_name_is_found_in_whatever_block_it_was_given_a_text(file, block):
    inner = block.format('m = f"a {x} b"').replace("\n", "\n    ")
    path = file(f"def g():\n    {inner}\n    log.error(m)\n")
    assert template(path, inner.count("\n") + 3, "a 1 b") == "a {} b"


def test_the_caches_are_bounded(file):
    path = file(CALL * 10)
    for line in range(source.MAX_SITES + 100):
        explained(path, line, "nothing fits")
    assert len(source.sites) <= source.MAX_SITES
    for _ in range(source.MAX_FILES + 10):
        template(file(CALL), 1, "User bob is gone")
    assert len(source._files) <= source.MAX_FILES


def test_threads_that_read_one_file_agree(file):
    path = file(CALL * 50)
    got = []

    def read():
        got.append([template(path, line, "User bob is gone") for line in range(1, 51)])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [["User {} is gone"] * 50] * 8


@given(
    st.lists(st.text(max_size=12), min_size=1, max_size=5),
    st.lists(st.text(max_size=12), min_size=4, max_size=4),
)
def test_a_template_fits_any_values_in_its_holes(pieces, values):
    message = pieces[0] + "".join(v + p for v, p in zip(values, pieces[1:], strict=False))
    assert templates.Template("", tuple(pieces)).fits(message)


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=4), st.text("ab", max_size=12))
def test_a_template_fits_only_what_it_can_have_made(pieces, message):
    pattern = ".*".join(map(re.escape, pieces))
    assert templates.Template("", tuple(pieces)).fits(message) == bool(re.fullmatch(pattern, message))


@given(st.text())
def test_any_text_may_stand_in_the_file(text):
    lines = text.split("\n")
    for line in range(1, len(lines) + 1):
        list(expressions.templates_in(lines, line))
