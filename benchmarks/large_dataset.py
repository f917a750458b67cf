"""What daily commands take on a large data set with a warm index.

    python benchmarks/large_dataset.py [--items 200000]

Commit is measured beside plain `git add` and `git commit` of the same file in a copy of the same repository.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import median, run, table
from synthetic import make

TRAINSET = [sys.executable, "-m", "trainset"]
FIRST_ITEM = """
import sys, time
from pathlib import Path
start = time.perf_counter()
from trainset.core.desk import ReviewDesk
from trainset.workspace import Workspace
with Workspace().open(Path('.')) as opened:
    desk = ReviewDesk(opened, opened.config.task(None), 'ana')
    entry = desk.queue()[0]
    item = desk.item(entry.key)
    desk.versions(item), desk.why(item), desk.history(item)
    print('FIRST', time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=200_000)
    count = parser.parse_args().items
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "dataset"
        make(root, count)
        environment = {"cwd": root}
        run([*TRAINSET, "reviewer", "add", "ana"], **environment)
        (root / ".trainset" / "index.sqlite").unlink()
        built = run([*TRAINSET, "items", "--where", "key = nothing"], **environment)
        rows.append(("index built anew", f"{built.wall:.2f} s"))
        routed = run([*TRAINSET, "route"], **environment)
        rows.append(("`route` over all", f"{routed.wall:.2f} s"))
        run([*TRAINSET, "route"], **environment)
        again = run([*TRAINSET, "route"], **environment)
        rows.append(("`route` where nothing changed", f"{again.wall:.2f} s"))
        rows.append(("`status`", f"{median(run([*TRAINSET, 'status'], **environment).wall for _ in range(5)):.2f} s"))
        first = [
            float(run([sys.executable, "-c", FIRST_ITEM], **environment).out.rpartition("FIRST ")[2]) for _ in range(5)
        ]
        rows.append(("first review item ready, imports included", f"{median(first):.2f} s"))
        run([*TRAINSET, "commit"], **environment)
        decided = [json.dumps({"item": f"media/0000/{n:07}.jpg", "verdict": "accepted"}) for n in range(500)]
        lines = Path(folder) / "decisions.jsonl"
        lines.write_text("\n".join(decided))
        deciding = run([*TRAINSET, "decide", "--from", str(lines)], **environment)
        rows.append(("500 decisions, each durable", f"{deciding.wall:.2f} s"))
        plain = Path(folder) / "plain"
        shutil.copytree(root, plain)
        start = time.perf_counter()
        subprocess.run("git add labels && git commit -qm x", shell=True, cwd=plain, check=True)
        rows.append(("plain `git add labels && git commit` of them", f"{time.perf_counter() - start:.2f} s"))
        rows.append(("`trainset commit` of them", f"{run([*TRAINSET, 'commit'], **environment).wall:.2f} s"))
    table(f"A data set of {count:,} items with 3 boxes each", ("what", "takes"), rows)


if __name__ == "__main__":
    main()
