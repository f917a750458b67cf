"""Pre-label throughput beside the machine's bound and other loops, and peak memory as the number of items grows.

    python benchmarks/prelabel.py [--items 500] [--rounds 3] [--model FILE.onnx] [--images FOLDER] [--peer PYTHON]

Images are 640×480 JPEGs of noise over gradients, drawn from a seed, or those of a folder over and over; the model is
the demo's detector, or any other that `trainset model add` recognises as YOLO or YOLOX. `--peer` is a Python that has
supervision, OpenCV and onnxruntime, or ultralytics: their loops then run on the same model and files (that of
ultralytics where it can read the model's layout, which it cannot of YOLOX). Everything takes turns over several rounds, and medians count.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import simplejpeg
from measure import median, run, table
from PIL import Image
from trainset_vision.demo.belt import MODEL
from trainset_vision.prelabel import yolo, yolox
from trainset_vision.prelabel.preprocess import Preprocess, load_tensor, needed

from trainset.core.allocator import keep_freed_memory
from trainset.core.model import Task
from trainset.onnx import Session
from trainset.plugins import Recognition

THREADS = 2
PILLOW, TURBO = "bound: CPU of Pillow's `draft` and `run` over the cores", "the same with libjpeg-turbo into an array"
Cost = tuple[float, float]
"""Milliseconds of CPU and of wall clock an image."""

SUPERVISION = """
import sys, time, os
from pathlib import Path
import cv2, numpy as np, onnxruntime as ort, supervision as sv
model, folder, width, height = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
strides = np.concatenate([np.full((height // s) * (width // s), s) for s in (8, 16, 32)])[:, None]
grids = [np.stack(np.meshgrid(np.arange(width // s), np.arange(height // s)), -1).reshape(-1, 2) for s in (8, 16, 32)]
cells = np.concatenate(grids)
yolox = session.get_outputs()[0].shape[1] == len(cells)
def detect(path):
    image = cv2.imread(str(path))
    boxed = sv.letterbox_image(image, (width, height), (114, 114, 114))
    if yolox:
        tensor = np.ascontiguousarray(boxed.transpose(2, 0, 1)[None], np.float32)
        rows = session.run(None, {name: tensor})[0][0]
        likely = rows[:, 4] >= 0.25
        rows, stride, cell = rows[likely], strides[likely], cells[likely]
        box = np.concatenate([(rows[:, :2] + cell) * stride, np.exp(rows[:, 2:4]) * stride], axis=1)
        rows = np.concatenate([box, rows[:, 5:] * rows[:, 4:5]], axis=1)
    else:
        tensor = np.ascontiguousarray(boxed[..., ::-1].transpose(2, 0, 1)[None], np.float32) / 255
        rows = session.run(None, {name: tensor})[0][0].T
    if not len(rows):
        return sv.Detections.empty()
    scores, classes = rows[:, 4:].max(axis=1), rows[:, 4:].argmax(axis=1)
    rows, kept = rows[scores >= 0.25], scores >= 0.25
    boxes = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    scale = min(width / image.shape[1], height / image.shape[0])
    shift = [(width - image.shape[1] * scale) / 2, (height - image.shape[0] * scale) / 2] * 2
    return sv.Detections((boxes - shift) / scale, confidence=scores[kept], class_id=classes[kept]).with_nms(0.5)
paths = sorted(folder.iterdir())
detect(paths[0])
cpu, wall = time.process_time(), time.perf_counter()
found = sum(len(detect(path)) for path in paths)
print("COST", time.process_time() - cpu, time.perf_counter() - wall, found)
"""
ULTRALYTICS = """
import sys, time, os
os.environ.update(YOLO_AUTOINSTALL="false", YOLO_CONFIG_DIR=os.path.dirname(sys.argv[2]))
from ultralytics import YOLO
model, folder, width, height = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
yolo = YOLO(model, task="detect")
def detect(source):
    results = yolo.predict(source, imgsz=(height, width), conf=0.25, iou=0.5, stream=True, verbose=False, device="cpu")
    return sum(len(result.boxes) for result in results)
detect(os.path.join(folder, sorted(os.listdir(folder))[0]))
cpu, wall = time.process_time(), time.perf_counter()
found = detect(folder)
print("COST", time.process_time() - cpu, time.perf_counter() - wall, found)
"""
PEERS = {"supervision": SUPERVISION, "ultralytics": ULTRALYTICS}


def draw(folder: Path, count: int) -> None:
    """Write so many JPEGs."""
    folder.mkdir(parents=True)
    chance = np.random.default_rng(0)
    base = np.linspace(0, 200, 640)[None, :, None] + chance.integers(0, 55, (480, 640, 3))
    for n in range(count):
        Image.fromarray(np.roll(base, 13 * n, axis=1).astype(np.uint8)).save(folder / f"{n:05}.jpg", quality=88)


def repeat(images: Path, folder: Path, count: int) -> None:
    """Copy a folder's JPEGs over and over until there are so many."""
    folder.mkdir(parents=True)
    found = sorted(images.glob("*.jpg"))
    for n in range(count):
        shutil.copyfile(found[n % len(found)], folder / f"{n:05}.jpg")


def recognised(model: Path) -> Recognition:
    """What a model is, as `model add` sees it."""
    task = Task(name="parts", type="box")
    found = [r for adapter in (yolo, yolox) if (r := adapter.recognise(model, task))]
    return max(found, key=lambda r: r.confidence)


class Floor:
    """The parts that nobody gets around, each on its own: decoding a JPEG as small as the model allows, and `run`."""

    def __init__(self, model: Path, media: Path, pre: Preprocess) -> None:
        self._session, self._pre, self._paths = Session(model), pre, sorted(media.iterdir())
        size = (pre.size[1], pre.size[0], 3)
        tensor, _ = load_tensor(pre, lambda _: np.zeros(size, np.uint8), pre.size)
        self._feeds = {self._session.info.inputs[0].name: tensor[None]}
        self._session.run(self._feeds)

    def by_pillow(self, path: Path) -> None:
        """The pixels of a JPEG as Pillow's `draft` has them, at a half or less where the model needs no more."""
        with Image.open(path) as image:
            width, height = image.size
            if (factor := self._factor(width, height)) > 1:
                image.draft(None, (width // factor, height // factor))
            image.load()

    def by_turbo(self, path: Path) -> None:
        """The same pixels by libjpeg-turbo, straight into an array: nothing that is known is quicker."""
        data = path.read_bytes()
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        factor = self._factor(width, height)
        least = {"min_height": -(-height // factor), "min_width": -(-width // factor)} if factor > 1 else {}
        simplejpeg.decode_jpeg(data, "RGB", **least)

    def _factor(self, width: int, height: int) -> int:
        least = needed(self._pre, (width, height))
        return max(f for f in (1, 2, 4, 8) if -(-width // f) >= least[0] and -(-height // f) >= least[1])

    def bound(self, decode: Callable[[Path], None]) -> Cost:
        """CPU of decoding and of `run`, by turns in one thread; the wall clock that fully used cores would take for it."""
        keep_freed_memory()
        start = time.process_time()
        for path in self._paths:
            decode(path)
            self._session.run(self._feeds)
        cpu = time.process_time() - start
        return self._each(cpu, cpu / THREADS)

    def runs(self) -> Cost:
        """`run` alone, two threads on one shared session."""
        with ThreadPoolExecutor(THREADS) as pool:
            cpu, wall = time.process_time(), time.perf_counter()
            list(pool.map(lambda _: self._session.run(self._feeds), self._paths))
            return self._each(time.process_time() - cpu, time.perf_counter() - wall)

    def _each(self, cpu: float, wall: float) -> Cost:
        return cpu / len(self._paths) * 1000, wall / len(self._paths) * 1000


def prepare(root: Path, model: Path, labels: Sequence[str]) -> None:
    """A data set of the media in a folder, with the model added."""
    trainset = [sys.executable, "-m", "trainset"]
    run([*trainset, "init", str(root), "--modality", "vision", "--task", f"parts:box:{','.join(labels)}"])
    run([*trainset, "add", "media"], cwd=root)
    run([*trainset, "model", "add", str(model)], cwd=root)


def engine(root: Path) -> tuple[Cost, float]:
    """What `trainset prelabel` takes on a fresh copy of a data set, and its peak MB. The CPU is that of the whole
    command; the wall clock is the command's own, which leaves start-up out."""
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        copy = Path(folder) / "data"
        shutil.copytree(root, copy, copy_function=_linked)
        done = run([sys.executable, "-m", "trainset", "prelabel"], cwd=copy)
    line = next(line for line in done.out.splitlines() if " items in " in line)
    items, seconds = int(line.split()[0].replace(",", "")), float(line.split(" in ")[1].split()[0])
    return (done.cpu / items * 1000, seconds / items * 1000), done.peak


def _linked(source: str, target: str) -> None:
    """Copy a file; a medium, which nothing writes to, by another link to it."""
    if source.endswith(".jpg"):
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)


def peer(python: str, name: str, model: Path, media: Path, size: tuple[int, int]) -> Cost | None:
    """What a peer's loop takes, start-up apart; None where that Python has not got it."""
    if subprocess.run([python, "-c", f"import {name}"], check=False, capture_output=True).returncode:
        return None
    done = run([python, "-c", PEERS[name], str(model), str(media), *map(str, size)])
    cpu, wall, _ = next(line for line in done.out.splitlines() if line.startswith("COST ")).split()[1:]
    count = sum(1 for _ in media.iterdir())
    return float(cpu) / count * 1000, float(wall) / count * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, default=Path(MODEL))
    parser.add_argument("--images", type=Path, help="a folder of JPEGs to repeat")
    parser.add_argument("--peer", help="a Python that has supervision or ultralytics")
    options = parser.parse_args()
    model, count = options.model.resolve(), options.items
    what = recognised(model)
    pre = Preprocess(**what.settings["preprocess"])
    labels = what.classes or [f"class-{n}" for n in range(what.class_count or 0)]

    def made(folder: Path, many: int) -> Path:
        repeat(options.images, folder / "media", many) if options.images else draw(folder / "media", many)
        prepare(folder, model, labels)
        return folder

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = made(root / "small", count)
        floor = Floor(model, data / "media", pre)
        peaks: list[float] = []

        def ours() -> Cost:
            cost, peak = engine(data)
            peaks.append(peak)
            return cost

        ways: dict[str, Callable[[], Cost | None]] = {
            "floor: `run` alone on prepared tensors": floor.runs,
            PILLOW: lambda: floor.bound(floor.by_pillow),
            TURBO: lambda: floor.bound(floor.by_turbo),
            "`trainset prelabel`": ours,
        }
        for name in [n for n in PEERS if n != "ultralytics" or "layout" in what.settings] if options.peer else ():
            ways[f"{name}'s loop"] = lambda name=name: peer(options.peer, name, model, data / "media", pre.size)
        costs: dict[str, list[Cost]] = defaultdict(list)
        for _ in range(options.rounds):
            for way, cost in ways.items():
                if (found := cost()) is not None:
                    costs[way].append(found)
        table(
            f"Pre-labelling {count} JPEGs with {model.name}, {THREADS} threads",
            ("way", "CPU ms an image", "wall ms an image"),
            [(way, *(f"{median(c):.2f}" for c in zip(*each, strict=True))) for way, each in costs.items()],
        )
        left_out = [name for name in PEERS if f"{name}'s loop" not in costs]
        if left_out:
            print(f"\nLeft out: {', '.join(left_out)}; `--peer` takes a Python that has it.")
        many = {count: (median(cpu for cpu, _ in costs["`trainset prelabel`"]), median(peaks))}
        for times in (2, 8):
            (cpu, _), peak = engine(made(root / f"x{times}", count * times))
            many[count * times] = cpu, peak
        bounds = [median(cpu for cpu, _ in costs[way]) for way in (PILLOW, TURBO)]
        (few, (first, _)), *_, (most, (last, _)) = many.items()
        further = (last * most - first * few) / (most - few)
        rows = [(f"{n:,}", cpu, f"{peak:.0f}") for n, (cpu, peak) in many.items()] + [("each further one", further, "")]
        table(
            "`trainset prelabel` as items grow, start-up and routing included",
            ("items", "CPU ms an image", "of the bound", "with libjpeg-turbo", "peak MB"),
            [(n, f"{cpu:.2f}", *(f"{bound / cpu:.2f}" for bound in bounds), peak) for n, cpu, peak in rows],
        )


if __name__ == "__main__":
    main()
