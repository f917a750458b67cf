"""Importing COCO at train2017's size: 118,287 images, 860,001 objects with polygons of 20 to 40 vertices.

    python benchmarks/coco_import.py [--share 0.1]

The file is drawn from a seed. Floors (a typed decode with segmentations left raw, the standard library's parser) and
peers that are installed (pycocotools, Datumaro) are measured in the same run, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from measure import Run, run, table

IMAGES, PER_IMAGE = 118_287, 860_001 / 118_287

FLOOR = """
import gc, msgspec, sys
from msgspec import Raw, Struct
class Image(Struct):
    id: int
    file_name: str
    width: int
    height: int
class Annotation(Struct):
    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    segmentation: Raw
class File(Struct):
    images: list[Image]
    annotations: list[Annotation]
gc.disable()
msgspec.json.decode(open(sys.argv[1], 'rb').read(), type=File)
"""
OURS = """
import sys, time
from trainset.core.index import Index
spent, refresh = [0.0], Index.refresh
def timed(self, *a, **k):
    start = time.process_time()
    try:
        return refresh(self, *a, **k)
    finally:
        spent[0] += time.process_time() - start
Index.refresh = timed
from trainset import cli
sys.argv = ['trainset', 'import', 'coco', sys.argv[1]]
try:
    cli.main()
finally:
    print('INDEX', spent[0])
"""
PEERS = {
    "json.load": ("json", "import json, sys; json.load(open(sys.argv[1]))"),
    "pycocotools `COCO()`": ("pycocotools", "import sys; from pycocotools.coco import COCO; COCO(sys.argv[1])"),
    "Datumaro import": (
        "datumaro",
        "import sys; from pathlib import Path; import datumaro as dm; "
        "[None for _ in dm.Dataset.import_from(str(Path(sys.argv[1]).parents[1]), 'coco_instances')]",
    ),
}


def draw(path: Path, images: int) -> int:
    """Write a COCO file of so many images; how many annotations it has."""
    chance = random.Random(0)
    count = 0
    with path.open("w") as out:
        out.write('{"info":{},"licenses":[],"categories":')
        json.dump([{"id": n + 1, "name": f"class {n:02}", "supercategory": ""} for n in range(80)], out)
        out.write(',"images":[')
        for n in range(images):
            image = {"id": n + 1, "file_name": f"{n + 1:012}.jpg", "width": 640, "height": 480, "license": 3}
            out.write((",\n" if n else "") + json.dumps(image))
        out.write('],"annotations":[')
        while count < images * PER_IMAGE:
            x, y, w, h = (round(chance.uniform(1, 230), 2) for _ in range(4))
            polygon = [round(chance.uniform(0, 480), 2) for _ in range(2 * chance.randrange(20, 41))]
            entry = {"segmentation": [polygon], "area": round(w * h, 2), "iscrowd": 0, "image_id": chance.randrange(images) + 1,
                     "bbox": [x, y, w, h], "category_id": chance.randrange(80) + 1, "id": count + 1}  # fmt: skip
            out.write((",\n" if count else "") + json.dumps(entry))
            count += 1
        out.write("]}")
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of train2017's size")
    share = parser.parse_args().share
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annotations" / "instances_train.json"
        path.parent.mkdir()
        (Path(folder) / "images").mkdir()  # Datumaro wants one
        annotations = draw(path, round(IMAGES * share))
        rows: list[tuple[object, ...]] = []
        floor = run([sys.executable, "-c", FLOOR, str(path)])
        rows.append(_row("floor: typed decode, segmentations raw", floor, floor))
        for name, (module, code) in PEERS.items():
            if find_spec(module):
                rows.append(_row(name, run([sys.executable, "-c", code, str(path)]), floor))
        for kind in ("box", "polygon"):
            root = Path(folder) / kind
            task = f"objects:{kind}"
            run(
                [
                    sys.executable,
                    "-m",
                    "trainset",
                    "init",
                    str(root),
                    "--modality",
                    "vision",
                    "--task",
                    task,
                    "--labels",
                    str(path),
                ]
            )
            ours = run([sys.executable, "-c", OURS, str(path)], cwd=root)
            index = float(ours.out.rpartition("INDEX ")[2])
            spent = Run(ours.cpu - index, 0, ours.peak, "")
            rows.append(_row(f"trainset import, each a {kind}, to durable records", spent, floor))
            rows.append(("its index, apart", f"{index:.1f}", "", f"{index / floor.cpu:.1f}"))
        size = path.stat().st_size / 1e6
    table(
        f"Import COCO: {size:.0f} MB, {round(IMAGES * share):,} images, {annotations:,} annotations",
        ("what", "CPU s", "peak MB", "× floor"),
        rows,
    )


def _row(name: str, done: Run, floor: Run) -> tuple[object, ...]:
    return name, f"{done.cpu:.1f}", f"{done.peak:.0f}", f"{done.cpu / floor.cpu:.1f}"


if __name__ == "__main__":
    main()
