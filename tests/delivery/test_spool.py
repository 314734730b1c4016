"""A spool trusts nothing that lies in its directory: outsiders' files and broken ones cost no page."""

import json
import os
import stat
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pagerduty_logging import PagerDutyHandler
from pagerduty_logging.delivery.diagnostics import Diagnostics
from pagerduty_logging.delivery.spool import MAX_BYTES, Spool, SpooledEvent
from pagerduty_logging.delivery.spooled import SpooledEvents
from pagerduty_logging.events_api.encoding import encode
from pagerduty_logging.events_api.events import Change, Severity, Trigger
from pagerduty_logging.events_api.routing_key import RoutingKey

KEY = RoutingKey("r" * 32)
NOBODY = 65_534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")


class Notices(list[str]):
    """Everything a spool reports."""

    def spool(self, directory: Path) -> Spool:
        return Spool(directory, KEY, Diagnostics(self.append))


@pytest.fixture
def notices() -> Notices:
    return Notices()


def kept(
    summary: str = "the disk is full", event: Trigger | Change | None = None, **fields: Any
) -> SpooledEvent:
    fields = {"severity": Severity.ERROR, "known": False, "label": "a label", **fields}
    return SpooledEvent(
        encoded=encode(event or Trigger(summary, dedup_key=summary)),
        accepted=fields.pop("accepted", time.time() - 60),
        **fields,
    )


def written(directory: Path, *events: SpooledEvent) -> list[Path]:
    """Keep events as a process does that is gone then."""
    spool = Spool(directory, KEY, Diagnostics(pytest.fail))
    tickets = [spool.write(event) for event in events]
    spool.sign_off()
    return [directory / str(ticket) for ticket in tickets]


def taken(spool: Spool) -> list[str | None]:
    """Take all over; return the dedup keys."""
    return [kept.encoded.dedup_key for _, kept in spool.adopt(room=1_000)]


def changed(file: Path, **fields: Any) -> None:
    """Change fields of a spool file, and make its checksum fit again."""
    entry = {**json.loads(file.read_bytes()), **fields}
    if isinstance(entry["event"], str) and "crc32" not in fields:
        entry["crc32"] = zlib.crc32(entry["event"].encode("utf-8", "surrogatepass"))
    file.write_text(json.dumps(entry))


# --- what is in a file ----------------------------------------------------------------------------


@pytest.mark.parametrize("event", [Trigger("x", dedup_key="x"), Change("deployed")], ids=["alert", "change"])
def test_an_event_comes_back_as_it_was_written(tmp_path: Path, notices: Notices, event: Trigger) -> None:
    before = kept(event=event, label="ERROR of logger 'shop'", known=True, bare=True)
    written(tmp_path, before)
    ((_, after),) = notices.spool(tmp_path).adopt(room=10)
    assert after == before
    assert notices == []


@pytest.mark.parametrize(
    "path",
    [
        "@evil.example/v2/enqueue",
        ".evil.example/v2/enqueue",
        ":1234/v2/enqueue",
        "",
        "/v2/enqueue?to=elsewhere",
        "/v2/enqueue/",
        "/v2/change/enqueue",  # PagerDuty's, and not for an alert
        "//evil.example/v2/enqueue",
        5,
        ["/v2/enqueue"],
    ],
)
def test_an_event_goes_to_the_two_known_paths_only(tmp_path: Path, notices: Notices, path: object) -> None:
    (file,) = written(tmp_path, kept())
    changed(file, path=path)
    assert taken(notices.spool(tmp_path)) == []
    assert [found.name for found in tmp_path.glob("*.event*")] == [f"{file.name}.broken"]
    assert "was broken" in notices[0]


EVENT = json.loads(encode(Trigger("x", dedup_key="the disk is full")).json)


@pytest.mark.parametrize(
    "fields",
    [
        {"event": 5},
        {"event": "[]"},
        {"event": "{}"},
        {"event": json.dumps({**EVENT, "routing_key": "e" * 32})},
        {"event": " " + json.dumps(EVENT)},
        {"event": "{ " + json.dumps(EVENT)[1:]},
        {"event": json.dumps({**EVENT, "payload": []})},
        {"event": json.dumps({**EVENT, "payload": {"summary": "x"}})},
        {"event": json.dumps({**EVENT, "payload": {**EVENT["payload"], "custom_details": [1]}})},
        {"event": json.dumps({**EVENT, "payload": {**EVENT["payload"], "custom_details": float("nan")}})},
        {"event": json.dumps({**EVENT, "dedup_key": ["a", "list"]}), "dedup_key": ["a", "list"]},
        {"event": json.dumps({**EVENT, "event_action": "explode"})},
        {"event": json.dumps({**EVENT, "links": 5})},
        {"event": json.dumps(EVENT)[:-1] + ',"x":"\ud800"}'},
        {"event": "[" * 100_000},
        {"crc32": "1"},
        {"dedup_key": {}},
        {"dedup_key": "another"},
        {"dedup_key": None},
        {"severity": "fatal"},
        {"severity": []},
        {"known": "no"},
        {"accepted": "yesterday"},
        {"accepted": 10**400},
        {"accepted": float("nan")},
        {"accepted": float("inf")},
        {"accepted": -1},
        {"label": None},
        {"bare": 1},
        {"version": True},
        {"version": "1"},
        {"version": 0},
        {"for": ["list"]},
    ],
    ids=str,
)
def test_a_file_of_a_wrong_shape_is_renamed(tmp_path: Path, notices: Notices, fields: dict[str, Any]) -> None:
    file, _ = written(tmp_path, kept(accepted=1_000.0), kept("good"))
    changed(file, **fields)
    assert taken(notices.spool(tmp_path)) == ["good"]
    assert (tmp_path / f"{file.name}.broken").exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["version", "for", "path", "dedup_key", "severity", "known", "accepted", "label", "bare", "event"]
)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary() | JSON.map(json.dumps).map(str.encode),
    lease=JSON,
    change=st.dictionaries(FIELDS, JSON),
)
@example(content=b"[" * 200_000, lease={"place": "x", "pid": 10**30, "started": None}, change={"event": 5})
@example(content=b"\xff", lease=[], change={"dedup_key": []})
def test_nothing_that_lies_in_the_directory_makes_a_spool_raise(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, lease: object, change: dict[str, Any]
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    mangled, arbitrary, good = written(directory, kept(accepted=1.0), kept(accepted=2.0), kept("good"))
    arbitrary.write_bytes(content)
    changed(mangled, **change)
    (directory / f"{'a' * 16}.lease").write_text(json.dumps(lease))
    (directory / f"{'b' * 16}.lease").write_bytes(content)
    (directory / f"{0:020d}-0-{0:08x}-{'a' * 16}.event").write_bytes(good.read_bytes())
    for owner in "ab":
        os.utime(directory / f"{owner * 16}.lease", (time.time() + 60,) * 2)
    spool = Spool(directory, KEY, Diagnostics([].append))
    assert len(spool.entries()) == 4
    keys = [
        pending.dedup_key for pending in SpooledEvents(spool, 1_000, 0.0).look_around(0.0, 0, at_once=True)
    ]
    assert "good" in keys
    assert all(isinstance(key, str) for key in keys)


@pytest.mark.parametrize("pid", [10**30, -1, 0, 2**31, True, "1", [1], None, 1.5])
def test_a_lease_with_an_invalid_pid_counts_until_it_runs_out(
    tmp_path: Path, notices: Notices, pid: object
) -> None:
    written(tmp_path, kept())
    holder = notices.spool(tmp_path)
    holder.write(kept("held"))
    lease = tmp_path / f"{holder.owner}.lease"
    lease.write_text(json.dumps({**json.loads(lease.read_text()), "pid": pid}))
    os.utime(lease, (time.time() + 30,) * 2)
    assert taken(notices.spool(tmp_path)) == ["the disk is full"]
    os.utime(lease, (time.time() - 1,) * 2)
    assert taken(notices.spool(tmp_path)) == ["held"]


def test_a_program_starts_with_anything_in_its_spool(tmp_path: Path, closed_port: str) -> None:
    names = [f"{n:020d}-0-{n:08x}-{'a' * 16}.event" for n in range(6)]
    for name, content in zip(names, [b"5", b"[" * 100_000, b"\0" * 1_000, b"", b"{}", b"null"], strict=True):
        (tmp_path / name).write_bytes(content)
    (tmp_path / f"{'a' * 16}.lease").mkdir()
    (tmp_path / f"{'b' * 16}.lease").symlink_to("/dev/zero")
    (tmp_path / ".a-b.part").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / f"{9:020d}-0-{9:08x}-{'a' * 16}.event")
    handler = PagerDutyHandler("r" * 32, base_url=closed_port, spool=tmp_path, flush_timeout=0.0)
    assert handler.stats.pending == 0
    handler.close()


@pytest.fixture
def closed_port() -> str:
    return "http://127.0.0.1:9"


# --- whose files ----------------------------------------------------------------------------------


def planted(directory: Path, name: str, content: bytes = b"", size: int = 0) -> Path:
    """Put a file of another user into the directory."""
    file = directory / name
    file.write_bytes(content)
    if size:
        os.truncate(file, size)
    os.chown(file, NOBODY, NOBODY)
    return file


@as_root
@pytest.mark.parametrize("mode", [0o1777, 0o777])
def test_another_users_huge_file_deletes_none_of_our_pages(
    tmp_path: Path, notices: Notices, mode: int
) -> None:
    tmp_path.chmod(mode)
    spool = notices.spool(tmp_path)
    spool.write(kept())
    spool.sign_off()
    for n in range(3):
        planted(tmp_path, f"{n:020d}-0-{n:08x}-{'a' * 16}.event", size=2 * MAX_BYTES)
    assert taken(notices.spool(tmp_path)) == ["the disk is full"]
    assert not any("lost" in notice for notice in notices)
    assert len(list(tmp_path.glob(f"*-{'a' * 16}.event"))) == 3, "they are not ours to delete"


def test_our_own_huge_file_counts_as_one_of_the_largest_that_we_write(
    tmp_path: Path, notices: Notices
) -> None:
    file, _ = written(tmp_path, kept(accepted=1.0), kept("good"))
    os.truncate(file, 10 * MAX_BYTES)
    assert taken(notices.spool(tmp_path)) == ["good"]


@as_root
def test_another_users_event_is_left_where_it_is(tmp_path: Path, notices: Notices) -> None:
    theirs, _ = written(tmp_path, kept("theirs"), kept("ours"))
    os.chown(theirs, NOBODY, NOBODY)
    assert taken(notices.spool(tmp_path)) == ["ours"]
    assert theirs.exists()
    assert "are left there: another user wrote them" in notices[0]


@as_root
def test_another_users_lease_holds_none_of_our_events(tmp_path: Path, notices: Notices) -> None:
    (file,) = written(tmp_path, kept())
    owner = file.name.split("-")[-1].removesuffix(".event")
    lease = planted(tmp_path, f"{owner}.lease", b"{}")
    os.utime(lease, (time.time() + 3_000,) * 2)
    assert taken(notices.spool(tmp_path)) == ["the disk is full"]


def test_a_file_with_a_second_name_elsewhere_is_not_sent(tmp_path: Path, notices: Notices) -> None:
    (file,) = written(tmp_path / "spool", kept())
    os.link(file, tmp_path / "elsewhere")
    assert taken(notices.spool(tmp_path / "spool")) == []
    assert "was broken" in notices[0]


def test_others_cannot_guess_the_name_under_which_a_file_is_written(tmp_path: Path, notices: Notices) -> None:
    spool = notices.spool(tmp_path)
    for n in range(100):
        (tmp_path / f".{spool.owner}-{n:x}.part").symlink_to(tmp_path / "elsewhere")
    assert spool.write(kept())
    assert notices == []


# --- the directory --------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directory_of_ours_is_for_us_only(tmp_path: Path, notices: Notices) -> None:
    assert notices.spool(tmp_path / "above" / "spool").write(kept())
    assert mode(tmp_path / "above" / "spool") == 0o700
    assert not mode(tmp_path / "above") & 0o022
    assert notices == []


@pytest.mark.parametrize("before", [0o755, 0o750, 0o1777, 0o777, 0o775])
@pytest.mark.parametrize("behind_a_link", [False, True])
def test_the_mode_of_a_directory_that_was_there_is_left(
    tmp_path: Path, notices: Notices, before: int, behind_a_link: bool
) -> None:
    directory = tmp_path / "there"
    directory.mkdir()
    directory.chmod(before)
    place = directory
    if behind_a_link:
        place = tmp_path / "link"
        place.symlink_to(directory)
    spool = notices.spool(place)
    assert spool.write(kept())
    assert taken(spool) == []  # it is held
    assert mode(directory) == before
    told = [notice for notice in notices if "other users may write to it" in notice]
    assert len(told) == (1 if before & 0o022 else 0), "told once"
    assert not any(stat.S_IMODE(file.stat().st_mode) & 0o077 for file in directory.iterdir())


@as_root
@pytest.mark.parametrize("what", ["directory", "link"])
def test_what_belongs_to_another_user_is_not_used(tmp_path: Path, notices: Notices, what: str) -> None:
    directory = tmp_path / "there"
    directory.mkdir(0o700)
    place = directory
    if what == "link":
        place = tmp_path / "link"
        place.symlink_to(directory)
    os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    assert notices.spool(place).write(kept()) is None
    assert "belongs to another user; events are kept in memory only" in notices[0]
    assert list(directory.iterdir()) == []


def swapped_for_a_link(spool: Path, elsewhere: Path) -> None:
    spool.symlink_to(elsewhere)
    os.chown(spool, NOBODY, NOBODY, follow_symlinks=False)


def swapped_for_anothers(spool: Path, elsewhere: Path) -> None:
    spool.mkdir()
    os.chown(spool, NOBODY, NOBODY)


@as_root
@pytest.mark.parametrize("swap", [swapped_for_a_link, swapped_for_anothers])
def test_a_directory_that_was_swapped_for_another_is_noticed(
    tmp_path: Path, notices: Notices, swap: Callable[[Path, Path], None]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    spool = notices.spool(tmp_path / "spool")
    assert spool.write(kept())
    (tmp_path / "spool").rename(tmp_path / "moved")
    swap(tmp_path / "spool", elsewhere)
    assert spool.write(kept("another")) is None
    assert "another user" in notices[0]
    assert list(elsewhere.iterdir()) == []


def test_a_directory_of_ours_that_took_the_place_is_reported_and_used(
    tmp_path: Path, notices: Notices
) -> None:
    spool = notices.spool(tmp_path / "spool")
    assert spool.write(kept())
    (tmp_path / "spool").rename(tmp_path / "moved")
    (tmp_path / "spool").mkdir(0o700)
    assert spool.write(kept("another"))
    assert "another directory has taken its place" in notices[0]
    assert len(list((tmp_path / "spool").glob("*.event"))) == 1


def test_no_descriptor_stays_open(tmp_path: Path, notices: Notices) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    if before is None:
        pytest.skip("no /proc to count descriptors in")
    spool = notices.spool(tmp_path)
    ticket = spool.write(kept())
    spool.remove(str(ticket))
    spool.entries()
    list(spool.adopt(room=5))
    spool.sign_off()
    assert len(os.listdir("/proc/self/fd")) == before
