"""Bad days of a Redis: the answer is *unknown*, in time, and nothing is counted twice or never."""

import itertools
import os
import signal
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from pagerduty_logging.state.among import MANY
from pagerduty_logging.state.options import open_state
from pagerduty_logging.state.protocol import Anothers, Later, Mine, StateError, Unknown
from pagerduty_logging.state.redis import PREFIX, RedisStore, script
from tests.measured import in_good_time
from tests.ports import free_port

from .conftest import KEY, Member
from .servers import Proxy, Server, running, until

redis = pytest.importorskip("redis")


@pytest.fixture
def own_server(tmp_path: Path):
    """A server that the test may treat badly."""
    with running(tmp_path) as server:
        yield server


def total(url: str, key: str = "disk") -> int:
    known = RedisStore(url=url).problems()[1]
    return sum(problem.occurrences for problem in known if problem.key == key)


def recover(member: Member) -> None:
    """Let the breaker's pause be over."""
    member.state._asker.breaker.until = 0.0
    member.state._asker.breaker._held.clear()


@pytest.mark.usefixtures("hurried")
def test_a_server_that_hangs_holds_the_worker_a_quarter_of_a_second_a_minute(own_server: Server):
    def asked() -> Member:
        own_server.signal(signal.SIGCONT)
        here = Member(own_server.url)
        until(here.state.hand_in)
        own_server.client().flushall()
        own_server.signal(signal.SIGSTOP)
        began = time.monotonic()
        assert here.ask() == Unknown()
        first = time.monotonic() - began
        assert first < 0.4
        for _ in range(50):
            here.state._asker.breaker.until = 0.0  # as if its pause was over each time
            assert here.ask() == Unknown()
        assert time.monotonic() - began - first < 0.25
        return here

    here = in_good_time(asked)
    assert len(here.said) == 1
    assert "does not answer" in here.said[0]
    stats = here.state.stats
    assert (stats.answers, "answer" in str(stats.why)) == (False, True)
    own_server.signal(signal.SIGCONT)
    recover(here)
    until(lambda: here.state.hand_in())
    assert here.state.stats.answers
    assert total(own_server.url) == 51, "what was counted since is handed in, once"


@pytest.mark.parametrize("cut", [0, 1, 20, 60])
def test_an_answer_that_is_cut_off_is_asked_for_once_more_and_counted_once(redis_server: Server, cut: int):
    proxy = Proxy(redis_server.port)
    here = Member(proxy.url)
    here.ask(n=1)
    proxy.cut_after = cut
    answer = here.ask("network", n=100)
    assert (type(answer), answer.occurrences, answer.suppressed) == (Mine, 100, 99)
    assert total(redis_server.url, "network") == 100
    here.see("network", n=10)
    proxy.cut_after = cut
    until(here.state.hand_in)
    assert total(redis_server.url, "network") == 110
    assert here.said == [], "no failure, so that no claim is left without an answer next"
    proxy.close()


def test_an_answer_that_is_lost_is_counted_once(redis_server: Server):
    proxy = Proxy(redis_server.port)
    here = Member(proxy.url)
    here.ask(n=1)
    proxy.cut_after = 20
    proxy.close()  # the next connection finds nobody
    assert here.ask("network", n=100) == Unknown()
    assert total(redis_server.url, "network") == 100, "the command has run"
    proxy = Proxy(redis_server.port, proxy.port)
    recover(here)
    here.see("network", n=10)
    assert isinstance(here.ask("network", n=0), Mine), "its own lease"
    assert total(redis_server.url, "network") == 110
    proxy.close()


def test_a_server_that_is_gone_is_unknown_at_once_and_asked_again(tmp_path: Path):
    port = free_port()

    def asked() -> Member:
        here = Member(f"redis://127.0.0.1:{port}/0")
        here.state._asker.make_store()  # what is imported does not count
        began = time.monotonic()
        assert here.ask(n=7) == Unknown()
        assert time.monotonic() - began < 0.3
        return here

    here = in_good_time(asked)
    here.state.commit("disk", 1, occurrences=7, window=300.0)
    with running(tmp_path, port=port):
        recover(here)
        until(here.state.hand_in)
        there = Member(f"redis://127.0.0.1:{port}/0")
        assert there.ask().told, "what was told meanwhile is known"
        assert total(f"redis://127.0.0.1:{port}/0") == 8


def test_what_was_counted_is_handed_in_at_the_end_although_the_state_failed_a_moment_before(tmp_path: Path):
    port = free_port()
    here = Member(f"redis://127.0.0.1:{port}/0")
    assert here.ask(n=7) == Unknown()
    with running(tmp_path, port=port):
        assert here.ask(n=7) == Unknown(), "it is not asked so soon"
        assert here.state.close(5.0)
        assert total(f"redis://127.0.0.1:{port}/0") == 14


def test_a_flush_hands_in_although_the_state_failed_a_moment_before(tmp_path: Path):
    port = free_port()
    here = Member(f"redis://127.0.0.1:{port}/0")
    for _ in range(3):  # the pause is seconds long by now
        here.state._asker.breaker.until = float("-inf")
        assert here.ask(n=7) == Unknown()
    until, failures = here.state._asker.breaker.until, here.state._asker.breaker._failures
    here.state.hand_in_all()
    assert here.state.due() is not None
    breaker = here.state._asker.breaker
    assert (breaker.until, breaker._failures) == (until, failures), "in vain, and the pause is no longer"
    with running(tmp_path, port=port):
        here.state.hand_in_all()
        assert here.state.due() is None
        assert total(f"redis://127.0.0.1:{port}/0") == 21


def test_a_flush_hands_in_after_a_state_that_hung_has_used_up_the_patience(own_server: Server):
    here = Member(own_server.url)
    here.tell()
    own_server.signal(signal.SIGSTOP)
    assert here.ask(n=7) == Unknown()
    own_server.signal(signal.SIGCONT)
    until(lambda: (here.state.hand_in_all(), here.state.due() is None)[1])
    assert total(own_server.url) == 8


def test_a_restarted_server_that_kept_nothing_pages_once_more(own_server: Server):
    here, there = Member(own_server.url), Member(own_server.url)
    here.tell()
    assert there.ask().told
    own_server.stop()
    assert there.ask() == Unknown()
    own_server.start()
    recover(here)
    recover(there)
    assert isinstance(there.ask(), Mine)
    assert isinstance(here.ask(), Anothers)


def test_a_flushed_server_pages_once_more(redis_server: Server):
    here, there = Member(redis_server.url), Member(redis_server.url)
    here.tell()
    there.see(n=5)
    until(there.state.hand_in)
    assert there.state.take_standings()["disk"].told
    redis_server.client().flushall()
    there.see(n=5)
    until(there.state.hand_in)
    assert there.state.take_standings()["disk"].news
    assert isinstance(there.ask(), Mine)
    assert isinstance(here.ask(), Anothers)


def test_scripts_that_the_server_forgot_are_given_again(redis_server: Server):
    here = Member(redis_server.url)
    here.ask()
    redis_server.client().script_flush()
    assert isinstance(here.ask("network"), Mine)


def test_a_full_server_is_unknown(own_server: Server):
    here = Member(own_server.url)
    here.tell()
    own_server.client().config_set("maxmemory", "1")
    assert here.ask("network") == Unknown()
    assert "is full (maxmemory)" in str(here.state.stats.why)
    own_server.client().config_set("maxmemory", "0")
    recover(here)
    assert here.ask().told
    assert total(own_server.url, "network") == 1


def test_a_read_only_replica_is_unknown(own_server: Server, redis_server: Server):
    own_server.client().replicaof("127.0.0.1", str(redis_server.port))
    here = Member(own_server.url)
    assert here.ask() == Unknown()
    assert "read-only replica" in str(here.state.stats.why)
    recover(here)
    assert not here.state.hand_in(), "nor does it look well where nothing is claimed"


def test_an_address_that_is_another_servers_after_a_failover_is_followed(
    own_server: Server, redis_server: Server
):
    proxy = Proxy(own_server.port)
    here = Member(proxy.url)
    here.tell()
    own_server.client().replicaof("127.0.0.1", str(redis_server.port))
    proxy.target = redis_server.port
    assert isinstance(here.ask("network"), Mine)
    assert here.said == []
    assert total(redis_server.url, "network") == 1
    proxy.close()


def test_a_wrong_password_is_reported_without_it(own_server: Server):
    own_server.client().config_set("requirepass", "right")
    for url in (own_server.url, f"redis://:wr%C3%B6ng@127.0.0.1:{own_server.port}/0"):
        here = Member(url)
        assert here.ask() == Unknown()
        assert here.said == [
            f"the state in Redis at 127.0.0.1:{own_server.port}/0 does not answer: Redis refuses the user "
            "name or password: check those of the URL, or of the client. Pages go out as without state"
        ]
    good = Member(f"redis://:right@127.0.0.1:{own_server.port}/0")
    assert isinstance(good.ask(), Mine)


def test_the_scheme_of_an_address_may_be_in_capitals(redis_server: Server):
    assert isinstance(Member(redis_server.url.replace("redis", "REDIS", 1)).ask(), Mine)


def test_what_a_client_says_is_repeated_without_its_password():
    client = redis.Redis(password="hunter2", socket_timeout=0.2)

    def execute_command(*command: object) -> None:
        raise RuntimeError("cannot log in with hunter2.")

    client.execute_command = execute_command
    here = Member(client)
    assert here.ask() == Unknown()
    why = "its client raises RuntimeError (cannot log in with ….): does its ping() work?"
    assert here.state.stats.why == why


@pytest.mark.parametrize(
    "words",
    [
        "no way to redis://user:hunter2@cache:6379",
        "cannot log in, password=hunter2",
        "AUTH hunter2 failed",
        "wrong secret: hunter2",
    ],
)
@pytest.mark.usefixtures("hurried")
def test_what_a_strange_client_says_is_repeated_without_a_password(words: str):
    for error in (RuntimeError(words), ConnectionError(words), redis.RedisError(words)):
        here = Member(Strange(lambda error=error: _raise(error)))
        assert here.ask() == Unknown()
        assert "hunter2" not in here.said[0]
        assert "…" in here.said[0]


def test_what_has_expired_is_in_no_key(redis_server: Server):
    server = redis_server.client()
    server.zadd(f"{PREFIX}index", {f"{PREFIX}problem:long ago": time.time() - 1.0})
    Member(redis_server.url, release="1").tell()
    assert [name.rpartition(b":")[2] for name in server.zrange(f"{PREFIX}index", 0, -1)] == [b"disk"]
    time.sleep(0.1)
    here = Member(redis_server.url, remember=0.05, release="2")
    here.ask()
    assert set(server.hgetall(f"{PREFIX}releases:{here.state._sender.space}")) == {b"2", b"2\nran"}


def test_the_acl_rules_of_the_readme_suffice(own_server: Server):
    rules = _acl_rules()
    own_server.client().execute_command("ACL", "SETUSER", "pager", *rules, ">secret")
    url = f"redis://pager:secret@127.0.0.1:{own_server.port}/0"
    here = Member(url, release="1")
    assert isinstance(here.tell(), Mine)
    here.state.resolve("disk", at=time.time())
    store = here.state._asker.make_store()
    from .test_shared import silence

    stored = store.silence(silence(), 60.0)
    assert store.silences()[1] == [stored]
    assert store.unsilence(stored.id)
    assert store.problems()[1] == []
    assert here.said == []
    own_server.client().execute_command("ACL", "SETUSER", "pager", "-hgetall", "-zremrangebyscore", "-rpop")
    there = Member(url, release="2")
    assert isinstance(there.tell("network"), Mine)
    there.ask("queue")
    there.state.release("queue")
    assert there.said == [], "a user who may delete no expired names only keeps more of them"
    other = redis.Redis("127.0.0.1", own_server.port, username="pager", password="secret", protocol=2)
    with pytest.raises(redis.exceptions.NoPermissionError):
        other.set("anything", 1)
    with pytest.raises(redis.exceptions.NoPermissionError):
        other.flushall()


def _acl_rules() -> list[str]:
    import pagerduty_logging.state

    readme = Path(pagerduty_logging.state.__file__).with_name("README.md").read_text()
    line = next(line for line in readme.splitlines() if line.startswith("ACL SETUSER pager "))
    return [word for word in line.split()[3:] if not word.startswith(">")]


def test_other_data_in_the_place_of_ours_is_unknown(redis_server: Server):
    redis_server.client().set(f"{PREFIX}problem:{Member(redis_server.url).state._sender.space}:disk", "x")
    here = Member(redis_server.url)
    assert here.ask() == Unknown()
    assert "overwritten by another program" in str(here.state.stats.why)


def _forbid(server: Server, *commands: str) -> None:
    server.client().execute_command("ACL", "SETUSER", "default", *(f"-{name}" for name in commands))


@pytest.mark.parametrize("command", ["hset", "rpush", "pexpire", "zadd", "del"])
def test_a_script_that_is_stopped_in_the_middle_counts_each_occurrence_once(own_server: Server, command: str):
    here = Member(own_server.url)
    here.tell("network")
    here.state.resolve("network", at=time.time() + 2.0)
    _forbid(own_server, command)
    here.see("network", n=3)
    assert here.ask("disk", n=4) == Unknown()
    assert "forbids what the state needs" in str(here.state.stats.why)
    recover(here)
    assert here.ask("disk", n=0) == Unknown(), "what failed is handed in again"
    own_server.client().execute_command("ACL", "SETUSER", "default", "+@all")
    recover(here)
    here.ask("disk", n=0)
    until(lambda: not len(here.state._outbox) or here.state.hand_in())
    assert total(own_server.url, "disk") == 4
    assert total(own_server.url, "network") == 3


def test_a_hand_in_with_a_problem_whose_place_was_taken_is_not_lost(own_server: Server):
    here = Member(own_server.url)
    here.ask("warm")
    taken = f"{PREFIX}problem:{here.state._sender.space}:network"
    own_server.client().set(taken, "x")
    here.see("disk", n=4)
    assert here.ask("network") == Unknown()
    own_server.client().delete(taken)
    recover(here)
    here.ask("network", n=0)
    assert (total(own_server.url, "disk"), total(own_server.url, "network")) == (4, 1)


class Strange:
    """A client that does what no client does."""

    def __init__(self, does) -> None:
        self._does = does

    def evalsha(self, *arguments):
        return self._does()

    eval = evalsha


@pytest.mark.usefixtures("hurried")
def test_a_client_that_hangs_again_and_again_is_not_taken_for_many_handlers():
    go_on = threading.Event()
    here = Member(Strange(lambda: go_on.wait(60.0)))
    for number in range(MANY + 1):
        recover(here)
        answer = here.ask(f"problem {number}")
        assert isinstance(answer, Unknown)
        assert not answer.many_handlers, "events would wait for others, which do not exist"
        here.state._asker._abandon()
    go_on.set()


def _raise(error: BaseException):
    raise error


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (lambda: _raise(RuntimeError("boom")), "boom"),
        (lambda: _raise(ValueError("hm")), "hm"),
        (lambda: b"PONG", "nonsense"),
        (lambda: None, "nonsense"),
        (lambda: [1, 2], "nonsense"),
        (lambda: b'{"now": "x"}', "nonsense"),
        (lambda: b'{"now": 1, "standings": [], "answer": {"kind": "yes"}}', "nonsense"),
        (lambda: _raise(SystemExit(3)), "SystemExit"),
        (
            lambda: _raise(redis.exceptions.MovedError("17 127.0.0.1:7000")),
            "give a client instead of its address",
        ),
        (lambda: _raise(redis.ResponseError("SELECT is not allowed in cluster mode")), "a node of a cluster"),
        (lambda: _raise(redis.exceptions.ClusterDownError("no slot")), "no primary for now"),
        (lambda: _raise(redis.exceptions.ClusterError("TTL exhausted")), "is moving the state"),
        (lambda: _raise(redis.ResponseError("unknown command 'EVALSHA'")), "a Sentinel or a proxy"),
        (lambda: _raise(redis.ResponseError("NOREPLICAS Not enough good ones")), "too few of its replicas"),
        (lambda: _raise(redis.ResponseError("BUSY Redis is busy running")), "a script of another program"),
        (lambda: _raise(redis.InvalidResponse("Protocol Error: b'SSH-2.0'")), "is no Redis"),
        (lambda: _raise(redis.ConnectionError("Connection closed by server.")), "does it want TLS"),
        (lambda: _raise(redis.ConnectionError("Too many connections")), "a client of its own"),
        (lambda: _raise(redis.ConnectionError("max number of clients reached")), "(maxclients)"),
        (lambda: _raise(redis.ConnectionError("[SSL: WRONG_VERSION_NUMBER]")), "speaks no TLS"),
        (lambda: _raise(redis.ConnectionError("[SSL: CERTIFICATE_VERIFY_FAILED]")), "?ssl_ca_certs=FILE"),
        (lambda: _raise(redis.ConnectionError("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED]")), "?ssl_certfile="),
        (lambda: _raise(redis.ConnectionError("[SSL: TLSV1_ALERT_UNKNOWN_CA]")), "not trust our certificate"),
        (lambda: _raise(redis.ConnectionError("[X509: KEY_VALUES_MISMATCH]")), "not the key of ssl_certfile"),
        (lambda: _raise(redis.ConnectionError("(104, 'Connection reset by peer')")), "does it want TLS"),
        (lambda: time.sleep(5.0), "no answer within 0.25 s"),
    ],
)
@pytest.mark.usefixtures("hurried")
def test_a_strange_client_is_unknown(does, why: str):
    def asked() -> None:
        here = Member(Strange(does))
        began = time.monotonic()
        assert here.ask() == Unknown()
        assert time.monotonic() - began < 0.5
        assert why in here.said[0]

    in_good_time(asked)


@pytest.mark.usefixtures("hurried")
def test_what_a_client_says_that_tries_again_for_long_is_shown_later():
    def does():
        time.sleep(0.4)  # as redis-py does from its release 8 on
        raise redis.ConnectionError("Error 111. Connection refused")

    def asked() -> Member:
        here = Member(Strange(does))
        assert here.ask() == Unknown()
        assert "no answer" in here.said[0]
        return here

    here = in_good_time(asked)
    recover(here)
    until(lambda: here.state.hand_in() or len(here.said) > 1)
    assert "Connection refused" in here.said[1]
    recover(here)
    until(lambda: here.state.hand_in() or here.state._asker.breaker.until > 0.0)
    assert len(here.said) == 2


def test_an_address_of_tls_says_so_where_nobody_answers(redis_server: Server):
    with pytest.raises(StateError, match="does it speak TLS there"):
        RedisStore(url=f"rediss://127.0.0.1:{redis_server.port}/0", patience=0.1).problems()


def test_a_client_given_by_the_user_is_used_and_never_closed(redis_server: Server):
    for client in (
        redis.Redis("127.0.0.1", redis_server.port, socket_timeout=1.0, decode_responses=True),
        redis.Redis("127.0.0.1", redis_server.port, socket_timeout=1.0, protocol=3),
        pytest.importorskip("valkey").Valkey("127.0.0.1", redis_server.port, socket_timeout=1.0),
    ):
        redis_server.client().flushall()
        here, there = Member(client), Member(client)
        assert isinstance(here.tell(), Mine)
        assert there.ask().told
        assert here.state.close(1.0)
        assert client.ping()
        client.close()


def test_old_and_new_lua_run_side_by_side(redis_server: Server):
    """A version that adds its own field to what it stores, and that answers more."""
    newer = (
        script()
        .replace("{'n', 'told',", "{'n', 'mood', 'told',")
        .replace("local reply = {now = now,", "local reply = {news = 'yes', now = now,")
    )
    assert newer.count("mood") == newer.count("news = 'yes'") == 1
    old, new = Member(redis_server.url), Member(redis_server.url)
    new.state._asker.store = RedisStore(url=redis_server.url, lua=newer)
    for number in range(10):
        first, second = (old, new) if number % 2 else (new, old)
        key = f"problem {number}"
        assert isinstance(first.tell(key), Mine)
        assert second.ask(key).told
        first.see(key, n=5)
        until(first.state.hand_in)
        assert total(redis_server.url, key) == 7
    assert old.said == new.said == []


def test_clocks_of_hosts_that_differ_by_minutes_change_nothing(redis_server: Server):
    here, there = Member(redis_server.url), Member(redis_server.url)
    shift = 600.0
    there.state._wall = lambda: time.time() + shift
    keys = itertools.count()

    def told() -> tuple[str, float, Mine]:
        now, key = time.time(), f"disk {next(keys)}"
        here.state.count(key, 1, first=now, last=now, severity=1)
        answer = here.state.claim(key, 1, at=now)
        here.state.commit(key, 1, occurrences=1, window=0.3)
        there.state.count(key, 1, first=now + shift, last=now + shift, severity=1)
        held = there.state.claim(key, 1, at=now + shift)
        assert isinstance(held, Anothers), "the window is over, on a busy machine"
        assert held.told
        return key, now, answer

    key, now, answer = in_good_time(told)
    time.sleep(0.31)
    later = there.state.claim(key, 1, at=time.time() + shift)
    assert isinstance(later, Mine)
    assert later.first_seen == pytest.approx(answer.first_seen, abs=0.5)
    assert later.last_seen == pytest.approx(now, abs=1.0)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_during_a_call_harms_neither_side(redis_server: Server):
    here = Member(redis_server.url)
    here.ask()
    here.see("network", n=3)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            here.see("child", n=2)
            status = 0 if isinstance(here.ask("network"), Mine) and here.state.close(2.0) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    until(here.state.hand_in)
    assert total(redis_server.url, "network") == 4, "the parent's three are counted by the parent alone"
    assert total(redis_server.url, "child") == 2
    known = {p.key: p.processes for p in RedisStore(url=redis_server.url).problems()[1]}
    assert known == {"disk": 1, "network": 2, "child": 1}


def test_a_unix_socket(tmp_path: Path):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path has 108 bytes at most
        path = f"{folder}/redis.sock"
        with running(tmp_path, "--unixsocket", path):
            assert isinstance(Member(f"unix://{path}").tell(), Mine)
            assert Member(f"unix://{path}?db=0").ask().told


def test_a_cluster_keeps_the_keys_of_a_state_on_one_node(tmp_path: Path):
    servers: list[Server] = []
    try:
        for number in range(3):
            folder = tmp_path / str(number)
            folder.mkdir()
            servers.append(Server(folder, "--cluster-enabled", "yes", "--cluster-port", str(free_port())))
        addresses = [f"127.0.0.1:{server.port}" for server in servers]
        command = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        until(lambda: all(s.client().cluster("info")["cluster_state"] == "ok" for s in servers))
        client = redis.RedisCluster("127.0.0.1", servers[0].port, socket_timeout=2.0)
        here, there = Member(client, release="1"), Member(client)
        for number in range(20):
            assert isinstance(here.tell(f"problem {number}"), Mine)
            assert there.ask(f"problem {number}").told
        assert len(RedisStore(client).problems()[1]) == 20
        assert sorted(server.client().dbsize() > 0 for server in servers) == [False, False, True]
        (owner,) = (server for server in servers if server.client().dbsize())
        for server in servers:
            if server is owner:
                assert len(RedisStore(url=server.url).problems()[1]) == 20
                continue
            with pytest.raises(StateError, match=f"a command takes the address of 127.0.0.1:{owner.port},"):
                RedisStore(url=server.url).problems()
            elsewhere = Member(server.url)
            assert elsewhere.ask() == Unknown()
            assert f"127.0.0.1:{owner.port}" in elsewhere.said[0]
        client.close()
    finally:
        for server in servers:
            server.stop()


def test_a_sentinel_finds_the_primary(tmp_path: Path):
    (tmp_path / "primary").mkdir()
    with running(tmp_path / "primary") as primary:
        configuration = tmp_path / "sentinel.conf"
        configuration.write_text(f"sentinel monitor shop 127.0.0.1 {primary.port} 1\n")
        port = free_port()
        command = ["redis-server", os.fspath(configuration), "--sentinel", "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path) as process:
            try:
                sentinel = redis.sentinel.Sentinel([("127.0.0.1", port)], socket_timeout=2.0)
                until(lambda: sentinel.discover_master("shop"))
                client = sentinel.master_for("shop", socket_timeout=2.0)
                assert isinstance(Member(client).tell(), Mine)
                assert Member(primary.url).ask().told
                client.close()
            finally:
                process.kill()


def test_valkey_is_understood_too(tmp_path: Path):
    with running(tmp_path, program="valkey-server") as server:
        assert isinstance(Member(server.url).tell(), Mine)
        assert Member(server.url).ask().told


def test_nothing_is_opened_before_it_is_asked():
    state = open_state("redis://127.0.0.1:1/0", routing_key=KEY, host="h")
    assert state is not None
    assert state.stats.answers
    assert state.close(0.0)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forks_during_calls(redis_server: Server):
    here = Member(redis_server.url)
    until(here.state.hand_in)
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            here.see()
            here.state.hand_in()

    worker = threading.Thread(target=work)
    worker.start()
    statuses = []
    for _ in range(20):
        child = os.fork()
        if child == 0:
            here.see("child")
            os._exit(0 if here.state.close(5.0) else 1)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    ended.set()
    worker.join()
    assert statuses == [0] * 20
    assert here.said == []
    assert total(redis_server.url, "child") == 20


@pytest.mark.usefixtures("hurried")
def test_a_state_that_hung_is_used_again_as_soon_as_it_answers(own_server: Server):
    here = Member(own_server.url)
    here.state.hand_in()
    own_server.signal(signal.SIGSTOP)
    assert here.ask() == Unknown()
    assert 0.0 < here.state.due() <= 1.0

    def looked() -> None:
        here.state._asker.breaker.until = 0.0
        assert not here.state.hand_in()
        assert 0.5 < here.state.due() <= 1.0, "nobody spins while a call hangs"

    in_good_time(looked)
    own_server.signal(signal.SIGCONT)
    until(lambda: here.state.hand_in())
    assert isinstance(here.ask("network"), Mine)
    assert here.said[1:] == [f"{here.state.stats.where} answers again"]


def test_a_connection_of_tls_that_was_broken_off_in_a_pause_is_no_failure(redis_server: Server):
    client = redis_server.client()
    asked = client.evalsha
    errors = [ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:2427)")]

    def evalsha(*arguments: object) -> object:
        if errors:
            raise errors.pop()
        return asked(*arguments)

    client.evalsha = evalsha
    here = Member(client)
    assert isinstance(here.ask(), Mine)
    assert here.said == []


def test_tls(tmp_path: Path):
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    port = free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no"]
    for name in ("ca-cert-file=ca.pem", "key-file=key.pem", "cert-file=cert.pem"):
        option, _, file = name.partition("=")
        options += [f"--tls-{option}", os.fspath(tmp_path / file)]
    with running(tmp_path, *options) as server:
        url = f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"
        here = Member(url)
        assert isinstance(here.tell(), Mine)
        assert Member(url).ask().told
        assert isinstance(here.ask("network"), Mine)
        server.client().client_kill_filter(_type="normal")
        assert isinstance(here.ask("memory"), Mine)
        assert here.said == []
        stranger = Member(f"rediss://localhost:{port}/0")
        assert stranger.ask() == Unknown()
        assert "?ssl_ca_certs=FILE names who has signed it" in stranger.said[0]
        mistaken = Member(f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path / 'none.pem'}")
        assert mistaken.ask() == Unknown()
        assert "a file that its address names is not there" in mistaken.said[0]


def test_a_client_of_the_users_own_gets_the_number_of_keys_as_a_number(redis_server: Server):
    class Exact(redis.Redis):  # as clusters of redis-py 5.0 reckon with it
        def evalsha(self, sha, numkeys, *keys_and_args):
            assert keys_and_args[: 0 + numkeys]
            return super().evalsha(sha, numkeys, *keys_and_args)

    client = Exact("127.0.0.1", redis_server.port, protocol=2, socket_timeout=1.0)
    assert isinstance(Member(client).ask(), Mine)
    client.close()


def test_what_was_sent_long_ago_or_before_the_clock_was_set_back_takes_no_budget(redis_server: Server):
    here, client = Member(redis_server.url, per_minute=5), redis_server.client()
    assert isinstance(here.ask("first"), Mine)
    (budget,) = client.keys("*:budget:*")
    seconds, _ = client.time()
    client.delete(budget)
    client.rpush(budget, *([seconds - 100.0] * 5), *([seconds + 3_600.0] * 5))
    answers = [here.ask(f"problem {number}") for number in range(5)]
    assert [type(answer) for answer in answers] == [Mine] * 4 + [Later]
    assert 50.0 < answers[-1].again_in <= 60.0
    client.close()
