"""Pre-label throughput beside its floor and the naive loop, and peak memory as the number of items grows.

    python benchmarks/prelabel.py [--items 500]

Images are 640×480 JPEGs of noise over gradients, drawn from a seed; the model is the demo's detector.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from measure import run, table
from PIL import Image
from trainset_vision.demo.belt import MODEL

from trainset.core.model import Item

THREADS = 2


def draw(folder: Path, count: int) -> None:
    """Write so many JPEGs."""
    folder.mkdir(parents=True)
    chance = np.random.default_rng(0)
    base = np.linspace(0, 200, 640)[None, :, None] + chance.integers(0, 55, (480, 640, 3))
    for n in range(count):
        Image.fromarray(np.roll(base, 13 * n, axis=1).astype(np.uint8)).save(folder / f"{n:05}.jpg", quality=88)


def floor(count: int) -> float:
    """`run` alone on a prepared tensor, two threads on one shared session: milliseconds an image."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: np.random.default_rng(0).random((1, 3, 240, 320), np.float32)}
    session.run(None, feed)
    with ThreadPoolExecutor(THREADS) as pool:
        start = time.perf_counter()
        list(pool.map(lambda _: session.run(None, feed), range(count)))
    return (time.perf_counter() - start) / count * 1000


def naive(folder: Path, count: int) -> float:
    """Decode, run and decode boxes one after the other, the runtime's own threads: milliseconds an image."""
    import onnxruntime as ort

    session = ort.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    start = time.perf_counter()
    for path in sorted(folder.iterdir())[:count]:
        image = Image.open(path).convert("RGB").resize((320, 240), Image.Resampling.BILINEAR)
        tensor = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
        session.run(None, {name: tensor})
    return (time.perf_counter() - start) / count * 1000


def bound(folder: Path, count: int) -> float:
    """The machine's bound: CPU of reading and of `run`, measured one item at a time, over the threads."""
    from trainset_vision.prelabel.yolo import Yolo, YoloSettings

    from trainset.core.model import Label, Task

    task = Task(name="parts", type="box", labels=(Label(id="screw", index=0),))
    labeller = Yolo(YoloSettings(path=str(MODEL)), task)

    class Context:
        class media:
            path = staticmethod(lambda item, part="": folder / item.path())

    items = [Item(key=f"media/{p.name}", meta={"width": 640, "height": 480}) for p in sorted(folder.iterdir())[:count]]
    start = time.process_time()
    for item in items:
        labeller.infer([labeller.prepare(item, Context())])  # type: ignore[arg-type]
    return (time.process_time() - start) / count / THREADS * 1000


def engine(root: Path) -> tuple[float, float]:
    """Milliseconds an image and peak MB of `trainset prelabel` on a fresh data set."""
    trainset = [sys.executable, "-m", "trainset"]
    run([*trainset, "init", str(root), "--modality", "vision", "--task", "parts:box:screw,bent-screw,nut,washer,gear"])
    run([*trainset, "add", "media"], cwd=root)
    run([*trainset, "model", "add", str(MODEL)], cwd=root)
    done = run([*trainset, "prelabel"], cwd=root)
    line = next(line for line in done.out.splitlines() if " items in " in line)
    items, seconds = int(line.split()[0].replace(",", "")), float(line.split(" in ")[1].split()[0])
    return seconds / items * 1000, done.peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=500)
    count = parser.parse_args().items
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        draw(root / "small" / "media", count)
        media = root / "small" / "media"
        low = floor(count)
        limit, plain = bound(media, count), naive(media, count)
        ours, peak = engine(root / "small")
        table(
            f"Pre-labelling {count} JPEGs of 640×480 with the demo's detector, {THREADS} threads",
            ("way", "ms an image", "× floor"),
            [(name, f"{ms:.2f}", f"{ms / low:.2f}") for name, ms in (
                ("floor: `run` alone on prepared tensors", low), ("bound: CPU of reading and `run` over the threads", limit),
                ("`trainset prelabel`", ours), ("naive: read, run, one after the other", plain))],
        )  # fmt: skip
        print(f"\n`trainset prelabel` reaches {limit / ours:.2f} of the bound.")
        rows = [(count, f"{peak:.0f}")]
        for times in (2, 4):
            big = root / f"x{times}"
            draw(big / "media", count * times)
            rows.append((count * times, f"{engine(big)[1]:.0f}"))
        table("Peak memory of `trainset prelabel`", ("items", "peak MB"), rows)


if __name__ == "__main__":
    main()
