"""Page for other processes: they log to a socket, this one sends the pages.

Listen to this machine only: `SocketHandler` sends pickles, and whoever can send one runs code here.
"""

import logging
import logging.handlers
import pickle
import socketserver
import struct
import threading

from pagerduty_logging import PagerDutyHandler

pagerduty = PagerDutyHandler()


class Records(socketserver.StreamRequestHandler):
    """Takes the records of one process."""

    def handle(self) -> None:
        """Hand each record to the handler, until the process hangs up."""
        while header := self.rfile.read(4):
            (length,) = struct.unpack(">L", header)
            record = logging.makeLogRecord(pickle.loads(self.rfile.read(length)))
            if record.levelno >= pagerduty.level:
                pagerduty.handle(record)


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Records) as server:
    # One process is enough for an example; a service calls `serve_forever`.
    accepting = threading.Thread(target=server.handle_request)
    accepting.start()

    # The other process:
    to_server = logging.handlers.SocketHandler(*server.server_address)
    logger = logging.getLogger("shop.orders")
    logger.addHandler(to_server)
    order = {"number": 7}
    try:
        order["card"]
    except KeyError:
        logger.exception("cannot charge order %d", 7, extra={"order": 7})
    to_server.close()

    accepting.join()
pagerduty.flush()
