"""Loghub's samples, put back into the lines that they were taken from."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

SAMPLES = Path(__file__).parents[4] / "shared" / "fingerprint" / "data" / "loghub_2k"

LINES: dict[str, Callable[[dict[str, str]], str]] = {
    "Android": lambda r: (
        f"{r['Date']} {r['Time']}  {r['Pid']}  {r['Tid']} {r['Level']} {r['Component']}: {r['Content']}"
    ),
    "Apache": lambda r: f"[{r['Time']}] [{r['Level']}] {r['Content']}",
    "BGL": lambda r: (
        f"{r['Label']} {r['Timestamp']} {r['Date']} {r['Node']} {r['Time']} {r['NodeRepeat']} {r['Type']} "
        f"{r['Component']} {r['Level']} {r['Content']}"
    ),
    "HDFS": lambda r: f"{r['Date']} {r['Time']} {r['Pid']} {r['Level']} {r['Component']}: {r['Content']}",
    "HealthApp": lambda r: f"{r['Time']}|{r['Component']}|{r['Pid']}|{r['Content']}",
    "Linux": lambda r: (
        f"{r['Month']} {r['Date']:>2} {r['Time']} {r['Level']} {r['Component']}"
        f"{'[' + r['PID'] + ']' if r['PID'] else ''}: {r['Content']}"
    ),
    "Proxifier": lambda r: f"[{r['Time']}] {r['Program']} - {r['Content']}",
    "Zookeeper": lambda r: (
        f"{r['Date']} {r['Time']} - {r['Level']}  [{r['Node']}:{r['Component']}@{r['Id']}] - {r['Content']}"
    ),
}
"""How each system writes a line (Loghub's own log formats)."""


def rows(system: str) -> Iterator[dict[str, str]]:
    with next((SAMPLES / system).glob("*_structured.csv")).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
