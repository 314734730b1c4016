#!/usr/bin/env bash
# redis-py 8.1 with hiredis: over TLS 1.3 a client's first command fails with "Connection not ready", if nothing was read while it connected (RESP 2,
# driver_info=None, no password) and the server's session tickets have come by then, as on a busy machine; here redis_connect_func takes 50 ms.
# The tickets are taken for data that nobody has asked for. Each new connection meets the same. Without hiredis, or with TLS 1.2, it works.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for parser in without with; do python3 -m venv "$work/$parser"; done
"$work/without/bin/pip" install -q redis==8.1.0 trustme==1.2.1
"$work/with/bin/pip" install -q redis==8.1.0 trustme==1.2.1 hiredis==3.5.0
cat > "$work/program.py" <<'PY'
import importlib.util, socket, ssl, threading, time
import redis, trustme
authority = trustme.CA()
authority.cert_pem.write_to_path("ca.pem")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
authority.issue_cert("localhost").configure_cert(context)
listener = socket.create_server(("127.0.0.1", 0))
def answer(connection):
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            while secure.recv(1000): secure.sendall(b"+PONG\r\n")  # all that is asked is PING
    except OSError: pass
def serve():
    while True: threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
threading.Thread(target=serve, daemon=True).start()
def connect_slowly(connection):
    connection.on_connect()
    time.sleep(0.05)
def asked(**options):
    client = redis.Redis("localhost", listener.getsockname()[1], ssl=True, ssl_ca_certs="ca.pem", protocol=2, driver_info=None, socket_timeout=5, **options)
    try: return repr(client.ping())
    except redis.ConnectionError as error: return str(error)
has_hiredis = importlib.util.find_spec("hiredis") is not None
tickets = [asked(redis_connect_func=connect_slowly) for _ in range(3)]
context.maximum_version = ssl.TLSVersion.TLSv1_2
none = asked(redis_connect_func=connect_slowly)
print("redis-py", redis.__version__, ("with" if has_hiredis else "without") + " hiredis", "- TLS 1.3:", tickets, "- TLS 1.2:", none)
assert tickets == ["Connection not ready" if has_hiredis else "True"] * 3 and none == "True"
PY
cd "$work"
without/bin/python program.py
with/bin/python program.py
