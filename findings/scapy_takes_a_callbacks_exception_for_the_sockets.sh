#!/usr/bin/env bash
# scapy: what the function given to `sniff(prn=...)` raises is taken for a failure of the socket: `sniff` warns, closes it and returns what it has
# so far, with nothing raised. The warning does not reach the root logger, and is without the traceback. `AsyncSniffer` ends so, too, and `join` raises nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q scapy==2.8.0
cat > "$work/program.py" <<'PY'
import logging
from importlib.metadata import version
seen, hers, called = [], [], []
class Recorder(logging.Handler):
    def __init__(self, kept): super().__init__(); self.kept = kept
    def emit(self, record): self.kept.append((record.name, record.levelname, record.getMessage(), bool(record.exc_info)))
logging.getLogger().addHandler(Recorder(seen))
from scapy.all import IP, UDP, AsyncSniffer, Ether, sniff, wrpcap
logging.getLogger("scapy").addHandler(Recorder(hers))
wrpcap("three.pcap", [Ether() / IP(dst="127.0.0.1") / UDP()] * 3)
seen.clear(), hers.clear()
def watch(packet):
    called.append(packet)
    raise ValueError("boom")
packets = sniff(offline="three.pcap", prn=watch)
print("scapy", version("scapy"), "- called", len(called), "of 3 times, sniff returned", len(packets), "packet(s)")
print("at the root logger:", seen)
print("at the logger scapy:", hers)
assert len(called) == 1 and seen == []
(name, level, text, exc_info), = hers
assert level == "WARNING" and "failed with 'boom'. It was closed." in text and not exc_info
sniffer = AsyncSniffer(offline="three.pcap", prn=watch)
sniffer.start()
print("AsyncSniffer: join", sniffer.join(), "running", sniffer.running)
assert not sniffer.running and seen == []
PY
cd "$work"
"$work/venv/bin/python" program.py
