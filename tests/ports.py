"""Ports for servers that are not given a socket: nothing else takes one before the server has it."""

import random
import socket
from contextlib import suppress
from pathlib import Path

LOWEST = 10_000
_given: set[int] = set()


def free_port() -> int:
    """Return a port of the loopback, of those that the system gives to nobody who asks for any port.

    One of the others may be given away again before the server has started, or while it restarts: to a
    stand-in of another test, or to any connection.
    """
    end = 32_768
    with suppress(OSError):  # not on every system
        end = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    chance = random.SystemRandom()  # the same in no two processes, whatever seeds they have set
    for _ in range(100):
        port = chance.randrange(LOWEST, end) if end > 2 * LOWEST else 0
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as probe:
            port = probe.getsockname()[1]
            if port not in _given:
                _given.add(port)
                return port
    raise AssertionError("no port is free")
