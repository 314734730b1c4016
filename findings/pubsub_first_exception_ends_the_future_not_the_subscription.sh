#!/usr/bin/env bash
# google-cloud-pubsub: the first exception of a subscriber's callback ends the future of subscribe(), so that a program that waits for it, as the
# documentation shows, ends; the subscription itself goes on, and a program that keeps running without asking gets all later messages. Each failure
# is an ERROR of the logger callback-exceptions, which is not below google.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile google-cloud-pubsub==2.44.0
cat > "$work/program.py" <<'PY'
import logging, os, threading, time
from concurrent import futures
from importlib.metadata import version
import grpc
from google.cloud import pubsub_v1
from google.protobuf import empty_pb2
from google.pubsub_v1 import types
def pull(requests, context):
    for number in range(4):
        message = types.PubsubMessage(data=b"order", message_id=str(number))
        yield types.StreamingPullResponse(received_messages=[types.ReceivedMessage(ack_id=str(number), message=message)])
        time.sleep(0.3)
    while context.is_active(): time.sleep(0.1)
def answer(request, context): return empty_pb2.Empty()
def plain(kind): return grpc.unary_unary_rpc_method_handler(answer, kind.deserialize, lambda made: made.SerializeToString())
server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", {
    "StreamingPull": grpc.stream_stream_rpc_method_handler(pull, types.StreamingPullRequest.deserialize, types.StreamingPullResponse.serialize),
    "Acknowledge": plain(types.AcknowledgeRequest), "ModifyAckDeadline": plain(types.ModifyAckDeadlineRequest)}),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
os.environ.update(PUBSUB_EMULATOR_HOST=f"127.0.0.1:{port}", no_grpc_proxy="127.0.0.1", no_proxy="127.0.0.1")
got, records, enough = [], [], threading.Event()
class Recorder(logging.Handler):
    def emit(self, record): records.append((record.name, record.levelname, bool(record.exc_info)))
logging.getLogger().addHandler(Recorder())
def pay(message):
    got.append(future.done())
    if len(got) == 4: enough.set()
    raise ValueError(f"boom {message.message_id}")
client = pubsub_v1.SubscriberClient()
future = client.subscribe("projects/p/subscriptions/s", callback=pay)
assert enough.wait(60)
time.sleep(0.5)
print("google-cloud-pubsub", version("google-cloud-pubsub"), "the future was done at each message:", got, "its exception:", repr(future.exception()), records)
assert got == [False, True, True, True] and str(future.exception()) == "boom 0"
assert records == [("callback-exceptions", "ERROR", True)] * 4
future.cancel()
server.stop(0)
os._exit(0)
PY
cd "$work"
"$work/venv/bin/python" program.py
