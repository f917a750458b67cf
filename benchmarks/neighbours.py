"""How long the search among a million vectors takes, how much of what is nearest it finds, and what embedding takes.

    python benchmarks/neighbours.py search [--vectors 1000000] [--width 384]
    python benchmarks/neighbours.py embed [--images 10000]

Vectors are drawn around centres, as embeddings of pictures lie around what they show. `recall` is the share of the exact
24 nearest of some hundred vectors that the search finds; the exact ones come from comparing with all. `open` is a search
object made from the cached index in a process that had nothing in memory; its first query is timed too.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COUNT = 24
QUERIES = 200


def vectors_at(folder: Path, count: int, width: int) -> Path:
    """A file of `count` float32 vectors, drawn once."""
    path = folder / f"{count}x{width}.f32"
    if not path.exists():
        random = np.random.default_rng(0)
        centres = random.standard_normal((max(2, count // 100), width)).astype(np.float32)
        with path.open("wb") as stream:
            for at in range(0, count, 10_000):
                some = min(10_000, count - at)
                noise = random.standard_normal((some, width)).astype(np.float32)
                stream.write((centres[random.integers(0, len(centres), some)] + 0.7 * noise).tobytes())
    return path


def search(count: int, width: int, folder: Path) -> None:
    """Build, open, and query."""
    from trainset.core.neighbours import Neighbours

    path = vectors_at(folder, count, width)
    vectors = np.memmap(path, "<f4", "r", shape=(count, width))
    cache = path.with_suffix(".faiss")
    cache.unlink(missing_ok=True)
    rows = np.arange(count)
    started = time.perf_counter()
    Neighbours(vectors, rows, cache)
    built = time.perf_counter() - started
    size = cache.stat().st_size / 1e6 if cache.exists() else 0
    print(f"{count:,} vectors of {width}: built in {built:.1f} s, index {size:,.0f} MB, peak {peak():,.0f} MB")
    subprocess.run([sys.executable, __file__, "query", "--vectors", str(count), "--width", str(width), "--folder", str(folder)],
                   check=True)  # fmt: skip


def query(count: int, width: int, folder: Path) -> None:
    """Query a cached index in a fresh process."""
    from trainset.core.neighbours import Neighbours

    path = vectors_at(folder, count, width)
    vectors = np.memmap(path, "<f4", "r", shape=(count, width))
    rows = np.arange(count)
    started = time.perf_counter()
    found = Neighbours(vectors, rows, path.with_suffix(".faiss"))
    opened = time.perf_counter()
    chosen = np.random.default_rng(1).choice(count, QUERIES, replace=False)
    found.search(vectors[chosen[:1]], COUNT)
    first = time.perf_counter()
    times = []
    for one in chosen:
        at = time.perf_counter()
        found.search(vectors[[one]], COUNT)
        times.append(time.perf_counter() - at)
    print(f"open {opened - started:.2f} s, first query {(first - opened) * 1e3:.0f} ms, then median "
          f"{np.median(times) * 1e3:.1f} ms, p95 {np.quantile(times, 0.95) * 1e3:.1f} ms, worst {max(times) * 1e3:.1f} ms, "
          f"peak {peak():,.0f} MB")  # fmt: skip
    at = time.perf_counter()
    mine, _ = found.search(vectors[chosen], COUNT)
    batch = time.perf_counter() - at
    at = time.perf_counter()
    exact, _ = Neighbours(vectors, rows).search(vectors[chosen], COUNT)
    slow = time.perf_counter() - at
    recall = np.mean([len(set(a) & set(b)) / COUNT for a, b in zip(mine.tolist(), exact.tolist(), strict=True)])
    print(
        f"recall@{COUNT} {recall:.4f}; {QUERIES} queries at once {batch:.2f} s, comparing with all vectors {slow:.2f} s"
    )


def embed(count: int, folder: Path) -> None:
    """Embed small images, and find near-duplicate pairs, each count in a process of its own."""
    for some in (count // 10, count):
        subprocess.run(
            [sys.executable, __file__, "embedded", "--images", str(some), "--folder", str(folder)], check=True
        )


def embedded(count: int, folder: Path) -> None:
    """Make a dataset of drawn images, every tenth of them a copy of the one before in another quality, and embed it."""
    import cv2

    from trainset.core.context import TaskContext
    from trainset.core.embedding import all_items, open_embedding
    from trainset.core.layout import write_layout, write_settings
    from trainset.core.model import Task
    from trainset.core.registering import add
    from trainset.workspace import open_dataset

    root = folder / f"images-{count}"
    shutil.rmtree(root, ignore_errors=True)
    (root / "media").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    random = np.random.default_rng(0)
    for n in range(count):
        if n % 10 != 9:
            small = random.integers(0, 255, (9, 12, 3), np.uint8)
            picture = cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(root / "media" / f"{n:06}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 60 if n % 10 == 9 else 90])
    write_settings(root, "images", "vision")
    write_layout(root)
    with open_dataset(root) as dataset:
        for _ in add(dataset, [root / "media"]):
            pass
        before = peak()
        started = time.perf_counter()
        done = open_embedding(dataset).ensure(all_items(dataset))
        seconds = time.perf_counter() - started
        after = peak()
        took = []
        for _ in range(2):
            started = time.perf_counter()
            context = TaskContext(dataset, Task(name="", type=""))
            pairs = {frozenset((item.key, other.item)) for item, near in context.neighbours(all_items(dataset), COUNT)
                     for other in near if other.similarity >= 0.95}  # fmt: skip
            took.append(time.perf_counter() - started)
        print(f"{count:,} images: {done.made:,} vectors in {seconds:.1f} s ({done.made / seconds:,.0f}/s), peak {before:,.0f} MB before, "
              f"{after:,.0f} MB after; {len(pairs):,} pairs of {count // 10:,} planted found in {took[0]:.1f} s, "
              f"again in {took[1]:.2f} s, peak {peak():,.0f} MB")  # fmt: skip


def peak() -> float:
    """The most memory that this process held, in MB; pages of mapped files that were read are part of it."""
    with contextlib.suppress(OSError):
        return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["search", "query", "embed", "embedded"])
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if asked.what in ("search", "query"):
            {"search": search, "query": query}[asked.what](asked.vectors, asked.width, folder)
        else:
            {"embed": embed, "embedded": embedded}[asked.what](asked.images, folder)
    finally:
        if asked.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
