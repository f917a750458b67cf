"""How long `trainset --help` and `--version` take beside a bare interpreter and neighbours of it.

python benchmarks/startup.py
"""

from __future__ import annotations

import sys

from measure import median, run, table

RUNS = 21
COMMANDS = {
    "bare interpreter (`python -c pass`)": [sys.executable, "-c", "pass"],
    "`import click`": [sys.executable, "-c", "import click"],
    "`trainset --version`": [sys.executable, "-m", "trainset", "--version"],
    "`trainset --help`": [sys.executable, "-m", "trainset", "--help"],
    "`import numpy` (which help does not)": [sys.executable, "-c", "import numpy"],
    "`import textual.app` (which help does not)": [sys.executable, "-c", "import textual.app"],
}


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            times[name].append(run(command).wall * 1000)
    bare = median(times["bare interpreter (`python -c pass`)"])
    rows = [(name, f"{median(ms):.0f}", f"{median(ms) - bare:+.0f}") for name, ms in times.items()]
    table(f"Start-up, median of {RUNS} runs in turn", ("command", "ms", "above bare"), rows)


if __name__ == "__main__":
    main()
