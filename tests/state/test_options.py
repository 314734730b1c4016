"""The option `state`: what it may be."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pagerduty_logging.state.options import WITHHELD, find_place, open_state

from .conftest import KEY


@pytest.mark.parametrize(
    ("option", "error", "says"),
    [
        (
            "mysql://user:secret@host/db",
            ValueError,
            "state cannot be mysql://…: give a file's path, a redis://",
        ),
        ("postgresql://:secret@host", ValueError, "state cannot be postgresql://…"),
        ("sqlite:///var/lib/x", ValueError, "state cannot be sqlite://…: give a file's path"),
        ("valkey://:secret@host", ValueError, "Valkey is addressed as redis://host:6379/0"),
        ("redis://:secret@host?db=first", ValueError, "names a database that is no number"),
        ("http://secret@host", ValueError, "state cannot be http://…"),
        ("redis://", ValueError, "state names no host: redis://host:6379/0"),
        ("redis://:secret@", ValueError, "state names no host"),
        ("redis://:sec/ret@host:6379/0", ValueError, "(names a database|names no host|cannot be read)"),
        ("redis://:secret@host:port/0", ValueError, "its host or port cannot be read"),
        ("redis://:secret@host:99999/0", ValueError, "its host or port cannot be read"),
        ("redis://:secret@host:0/0", ValueError, "state names port 0"),
        ("redis://:secret@host/zero", ValueError, "a database that is no number"),
        ("redis://[::1/0", ValueError, "its host or port cannot be read"),
        ("redis://:secret@ho st/0", ValueError, "names a host that cannot be one"),
        ("redis://:secret@${HOST}/0", ValueError, "names a host that cannot be one"),
        ("redis://host:12#secret@host/0", ValueError, "holds a #: in a password it is written %23"),
        ("redis://host:12?secret@host/0", ValueError, "in a password it is written %3F"),
        ("redis://:sec\nret@host/0", ValueError, "holds a line break"),
        ("unix://", ValueError, "state names no socket"),
        ("unix://run/redis.sock", ValueError, "names no socket: unix:///path/to/redis.sock"),
        ("unix:/run/redis.sock", ValueError, "names no socket: unix:///path/to/redis.sock"),
        ("", ValueError, "state is empty"),
        ("  ", ValueError, "state is empty"),
        ("a\0b", ValueError, "state is no path"),
        (":memory:", ValueError, "which no other process sees"),
        ("localhost:6379", ValueError, "an address without its scheme: redis://host:6379/0"),
        ("redis.internal:6379/0", ValueError, "an address without its scheme"),
        ("user:secret@host:6379/0", ValueError, "an address without its scheme"),
        ("//:secret@host:6379/0", ValueError, "an address without its scheme"),
        ("redis//:secret@host", ValueError, "an address without its scheme"),
        ("'redis://:secret@host/0'", ValueError, "such as a quotation mark"),
        ("STATE=redis://:secret@host/0", ValueError, "something before it"),
        ("redis:localhost:secret", ValueError, "no address that can be read, and no path"),
        ("file:pages.sqlite?key=secret", ValueError, "no address that can be read, and no path"),
        (b"/var/lib/x", TypeError, "not bytes"),
        (5, TypeError, "not int"),
        (True, TypeError, "not bool"),
        ({}, TypeError, "not dict"),
        ("off", ValueError, "state cannot be 'off': give a file's path, .* or leave it out for none"),
        (" None\n", ValueError, "state cannot be 'None'"),
        ("0", ValueError, "state cannot be '0'"),
        ("memory", ValueError, "state cannot be 'memory'"),
        ("redis", ValueError, "state cannot be 'redis'"),
        (object(), TypeError, "not object"),
        (lambda: None, TypeError, "not function"),
    ],
)
def test_what_cannot_mean_anything_is_refused_and_no_password_shown(option, error, says: str):
    with pytest.raises(error) as caught:
        find_place(option)
    assert re.search(says, str(caught.value))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("ssl_cert_reqs=secret", "refuses what follows the question mark of the address: Invalid SSL"),
        ("colour=secret", "takes no option 'colour' after the question mark"),
        ("a%20b=secret", "refuses what follows the question mark of the address: an option"),
        ("socket_timeout=secret", "Invalid value for 'socket_timeout'"),
        ("protocol=9", "protocol must be either 2 or 3"),
        ("single_connection_client=no", "takes no option 'single_connection_client'"),
    ],
)
def test_an_option_that_redis_py_refuses_is_named_and_its_value_is_not_shown(query: str, says: str):
    pytest.importorskip("redis")
    with pytest.raises(ValueError, match=f"^state: redis-py .*{re.escape(says)}") as caught:
        find_place(f"rediss://:secret@host/0?{query}")
    assert "secret" not in str(caught.value)


def test_options_that_redis_py_takes_are_left_to_it():
    pytest.importorskip("redis")
    for query in ("ssl_cert_reqs=none&ssl_ca_certs=/nowhere", "client_name=shop", "db=3&socket_timeout=2"):
        assert find_place(f"rediss://:secret@host?{query}") is not None


def test_things_that_are_nearly_clients_are_refused():
    redis = pytest.importorskip("redis")
    with pytest.raises(TypeError, match="does not need asyncio"):
        find_place(redis.asyncio.Redis())
    with pytest.raises(TypeError, match="not a Pipeline of one"):
        find_place(redis.Redis().pipeline())
    with pytest.raises(TypeError, match=r"not the class Redis$"):
        find_place(redis.Redis)


def test_a_client_that_is_called_in_another_way_is_refused():
    class Redis:
        """As that of upstash-redis."""

        def evalsha(
            self, sha1: str, keys: list[str] | None = None, args: list[str] | None = None
        ) -> None: ...

        def execute(self, command: list[str]) -> None: ...

    Redis.__module__ = "upstash_redis.client"
    with pytest.raises(
        TypeError, match=r"the calls of redis-py, such as redis.Redis, not upstash_redis.Redis$"
    ):
        find_place(Redis())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "cp037"])
def test_a_client_whose_encoding_changes_the_script_is_refused(encoding: str):
    redis = pytest.importorskip("redis")
    with pytest.raises(ValueError, match=f"^state: the client of Redis has the encoding {encoding}: give it"):
        find_place(redis.Redis(encoding=encoding, decode_responses=True, socket_timeout=0.5))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "no such encoding"])
def test_a_client_with_another_encoding_is_left_alone(encoding: str):
    redis = pytest.importorskip("redis")
    assert find_place(redis.Redis(encoding=encoding, socket_timeout=0.5)) is not None


def test_a_client_without_a_time_out_gets_a_warning():
    redis = pytest.importorskip("redis")
    with pytest.warns(UserWarning, match="no time-out: give it socket_timeout"):
        find_place(redis.Redis(socket_timeout=None))
    assert find_place(redis.Redis(socket_timeout=0.5)) is not None


def test_a_client_whose_connections_have_a_time_out_by_themselves_gets_no_warning(
    recwarn: pytest.WarningsRecorder,
):
    redis = pytest.importorskip("redis")
    client = redis.Redis.from_url("redis://h")
    has_one = client.connection_pool.make_connection().socket_timeout is not None
    assert find_place(client) is not None
    assert bool(recwarn.list) is not has_one


@pytest.mark.parametrize(
    ("option", "where"),
    [
        ("redis://user:secret@redis.internal:6380/3", "the state in Redis at redis.internal:6380/3"),
        ("rediss://:secret@h", "the state in Redis at h:6379"),
        ("redis://[::1]:7/", "the state in Redis at [::1]:7"),
        ("REDIS://h", "the state in Redis at h:6379"),
        (" redis://:secret@h/2\n", "the state in Redis at h:6379/2"),
        ("redis://[fe80::1%eth0]:7/", "the state in Redis at [fe80::1%eth0]:7"),
        ("redis://h_1.internal", "the state in Redis at h_1.internal:6379"),
        ("/var/lib/a@b:c", "the state in /var/lib/a@b:c"),
        ("./a:b@c", f"the state in {Path.cwd()}/a:b@c"),
        ("redis://h/0?db=2", "the state in Redis at h:6379/2"),
        ("unix:///run/redis.sock?db=1", "the state in Redis at /run/redis.sock, database 1"),
        ("unix://user:secret@/run/redis.sock", "the state in Redis at /run/redis.sock"),
        (Path("/var/lib/x"), "the state in /var/lib/x"),
        ("~/state.sqlite", f"the state in {Path.home()}/state.sqlite"),
        ("state.sqlite", f"the state in {Path.cwd()}/state.sqlite"),
        ("./off", f"the state in {Path.cwd()}/off"),
        (Path("off"), f"the state in {Path.cwd()}/off"),
        ("/var/lib/x/", "the state in /var/lib/x/"),
    ],
)
def test_where_it_lives_is_reported_without_a_secret(option, where: str):
    pytest.importorskip("redis")
    place = find_place(option)
    assert place is not None
    assert place.where == where


def test_a_relative_path_is_fixed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    place = find_place("pages.sqlite")
    monkeypatch.chdir("/")
    assert place is not None
    assert place.path == str(tmp_path / "pages.sqlite")


def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PAGERDUTY_STATE", raising=False)
    assert find_place() is None
    assert open_state(routing_key=KEY, host="h") is None
    monkeypatch.setenv("PAGERDUTY_STATE", " /var/lib/x ")
    place = find_place()
    assert place is not None
    assert place.path == "/var/lib/x"
    monkeypatch.setenv("PAGERDUTY_STATE", "off")
    with pytest.raises(ValueError, match="PAGERDUTY_STATE cannot be 'off'"):
        find_place()
    monkeypatch.setenv("PAGERDUTY_STATE", "mysql://:secret@h")
    with pytest.raises(ValueError, match="PAGERDUTY_STATE cannot be mysql"):
        find_place()


def test_what_cannot_be_searched_for_secrets_is_not_stored(tmp_path: Path):
    def fails(text: str) -> str:
        raise RecursionError(text)

    state = open_state(tmp_path / "x", routing_key=KEY, host="h", release="1.4.2", clean=fails)
    assert state is not None
    assert state.program == WITHHELD
    state.count("disk", 1, first=0.0, last=0.0, severity=1, logger="shop")
    assert [tally.logger for _, tally in state._outbox.batch().counts] == [WITHHELD]


def test_without_redis_py_a_redis_address_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=re.escape("pip install 'pagerduty-logging[redis]'")):
        find_place("redis://h")


def test_nothing_is_imported_or_opened_at_construction(tmp_path: Path):
    program = (
        "import sys; from pagerduty_logging.state.options import open_state\n"
        "open_state(sys.argv[1], routing_key='R' * 32, host='h')\n"
        "open_state('redis://127.0.0.1:1/0', routing_key='R' * 32, host='h')\n"
        "sys.exit(bool({'redis', 'sqlite3'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x")]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    subprocess.run(command, check=True, timeout=60, env=bare)  # coverage itself imports sqlite3
    assert list(tmp_path.iterdir()) == []
