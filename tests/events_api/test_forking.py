"""A client goes through a fork: both sides go on, over connections of their own."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pagerduty_logging.events_api.forking import ForkGate
from tests.events_api.scripted_server import KEY, Conversation, ScriptedServer, answer

Serve = Callable[..., ScriptedServer]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def run(program: str, server: ScriptedServer, ca_bundle: Path) -> None:
    """Run a program against the server; it must end by itself, in peace and in time."""
    environment = {
        **os.environ,
        "PAGERDUTY_EVENTS_URL": server.url,
        "PAGERDUTY_ROUTING_KEY": KEY,
        "REQUESTS_CA_BUNDLE": str(ca_bundle),
    }
    # From 3.12 on Python warns of any fork in a process with threads: the very thing that is tried here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_parent_and_child_go_on_over_connections_of_their_own(
    serve: Serve, good_tls: ssl.SSLContext, ca_bundle: Path
) -> None:
    server = serve(tls=good_tls)
    run(
        """
        import os, signal
        from pagerduty_logging.events_api.client import EventsClient

        client = EventsClient()
        client.trigger("parent, before", dedup_key="1")
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            client.trigger("child", dedup_key="2")
            client.trigger("child again", dedup_key="2")
            client.close()
        else:
            client.trigger("parent, meanwhile", dedup_key="3")
            assert os.waitpid(child, 0)[1] == 0
            client.trigger("parent, after", dedup_key="3")
            client.close()
        """,
        server,
        ca_bundle,
    )
    connections = {request.event["payload"]["summary"]: request.connection for request in server.requests}
    assert len(connections) == 5
    assert connections["child"] == connections["child again"]
    parent = {number for summary, number in connections.items() if summary.startswith("parent")}
    assert len(parent) == 1, "the parent's connection did not survive the child"
    assert connections["child"] not in parent


def test_a_fork_during_exchanges_of_other_threads_leaves_a_child_that_works(
    serve: Serve, good_tls: ssl.SSLContext, ca_bundle: Path
) -> None:
    server = serve(tls=good_tls)
    run(
        """
        import os, signal, threading
        from pagerduty_logging.events_api.client import EventsClient

        client, enough = EventsClient(), threading.Event()

        def send():
            while not enough.is_set():
                client.close()  # so that each exchange shakes hands again
                client.check()

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(15):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                client.check()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        enough.set()
        for thread in threads:
            thread.join()
        client.close()
        """,
        server,
        ca_bundle,
    )


def test_a_fork_does_not_wait_for_a_server_that_is_slow_to_answer(
    serve: Serve, good_tls: ssl.SSLContext, ca_bundle: Path
) -> None:
    held, forked = threading.Event(), threading.Event()

    def dances(conversation: Conversation) -> None:
        assert conversation.request is not None
        match conversation.request.event["dedup_key"]:
            case "held":
                held.set()
                assert forked.wait(30)
            case "child":
                forked.set()
            case _:
                assert held.wait(30)
        answer(202)(conversation)

    server = serve(dances, dances, dances, tls=good_tls)
    run(
        """
        import os, threading, time
        from pagerduty_logging.events_api.client import EventsClient
        from pagerduty_logging.events_api.forking import FORK_WAIT

        client = EventsClient(timeout=30)
        holding = threading.Thread(target=client.resolve, args=["held"])
        holding.start()
        client.check()  # is answered when the other thread's request is held
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            client.resolve("child")
            os._exit(0)
        assert time.monotonic() - begun < 0.75 * FORK_WAIT
        assert os.waitpid(child, 0)[1] == 0
        holding.join()
        client.close()
        """,
        server,
        ca_bundle,
    )
    assert len(server.requests) == 3


def test_an_event_can_be_sent_while_the_interpreter_shuts_down(
    serve: Serve, good_tls: ssl.SSLContext, ca_bundle: Path
) -> None:
    server = serve(tls=good_tls)
    run(
        """
        import atexit
        from pagerduty_logging.events_api.client import EventsClient

        @atexit.register
        def last():
            with EventsClient() as client:
                client.trigger("last words")
        """,
        server,
        ca_bundle,
    )
    assert [event["payload"]["summary"] for event in server.events] == ["last words"]


# --- the gate itself, without a fork ---------------------------------------------------------------


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_fork_waits_for_a_passage_and_new_passages_wait_for_the_fork() -> None:
    gate, events = ForkGate(), []
    inside, leave, second_asks = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with gate:
            inside.set()
            leave.wait(10)
            events.append("first leaves")

    def second() -> None:
        second_asks.set()
        with gate:
            events.append("second enters")

    def fork() -> None:
        gate.before_fork()
        events.append("fork")
        newcomer = in_thread(second)
        second_asks.wait(10)
        newcomer.join(0.05)
        gate.after_in_parent()
        newcomer.join(10)

    passing = in_thread(first)
    inside.wait(10)
    forking = in_thread(fork)
    forking.join(0.05)
    leave.set()
    passing.join(10)
    forking.join(10)
    assert events == ["first leaves", "fork", "second enters"]


def test_a_fork_does_not_wait_for_a_passage_that_pauses_or_is_its_own() -> None:
    gate = ForkGate()
    paused, go_on = threading.Event(), threading.Event()

    def pausing() -> None:
        with gate, gate.pause():
            paused.set()
            go_on.wait(10)

    thread = in_thread(pausing)
    paused.wait(10)
    with gate:
        gate.before_fork()
        gate.after_in_parent()
    go_on.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_passage_in_which_the_process_forked_ends_in_the_child_too() -> None:
    gate = ForkGate()
    with gate:
        gate.before_fork()
        gate.after_in_child()
    with gate:
        pass


def test_a_passage_for_which_another_one_waits_does_not_wait_for_a_fork() -> None:
    gate, joined = ForkGate(), threading.Event()
    inside, forking = threading.Event(), threading.Event()

    def helping() -> None:
        with gate.joined():
            joined.set()

    def waiting() -> None:
        with gate:
            inside.set()
            forking.wait(10)
            helper = in_thread(helping)
            joined.wait(10)
            helper.join(10)

    passing = in_thread(waiting)
    inside.wait(10)

    def fork() -> None:
        gate.before_fork()
        gate.after_in_parent()

    fork_thread = in_thread(fork)
    while not gate._forks:
        fork_thread.join(0.001)
    forking.set()
    assert joined.wait(1.0), "the fork waits for the one who waits for it"
    passing.join(10)
    fork_thread.join(10)


def test_what_no_child_may_inherit_is_closed_before_a_fork_while_nobody_uses_it() -> None:
    gate, closed = ForkGate(), []
    gate.closing[gate] = closed.append
    with gate:
        gate.before_fork()
        gate.after_in_parent()
    assert closed == []
    gate.before_fork()
    gate.after_in_parent()
    assert closed == [gate]
