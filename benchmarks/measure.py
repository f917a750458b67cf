"""Timing whole processes and parts of them: CPU and wall seconds, peak memory, medians, and a table of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """One finished process: seconds of CPU (user and system) and of wall clock, and its peak resident memory in MB."""

    cpu: float
    wall: float
    peak: float
    out: str


_LAUNCHER = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as report:
    print(usage.ru_utime + usage.ru_stime, time.perf_counter() - started, usage.ru_maxrss / 1024, file=report)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(command: Sequence[str], **options: Any) -> Run:
    """Run a command to its end; CalledProcessError where it fails.

    A small process starts it: Linux takes the memory of whoever starts a process for the first peak of its own.
    """
    with tempfile.NamedTemporaryFile("r") as report:
        launch = [sys.executable, "-c", _LAUNCHER, report.name, *command]
        done = subprocess.run(
            launch, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout)
        cpu, wall, peak = map(float, report.read().split())
    return Run(cpu, wall, peak, done.stdout)


def median(values: Iterable[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table, with what it was measured on above it."""
    print(f"\n### {title}\n\n{machine()}\n")
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(c) for c in row)} |")


def machine() -> str:
    """Python, cores and load, for the reader of a figure."""
    load = os.getloadavg()[0]
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load:.1f}"
