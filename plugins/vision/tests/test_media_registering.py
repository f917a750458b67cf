"""Pages and sequences as a dataset registers them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile


def run(*arguments: object, told: str = "") -> str:
    command = [sys.executable, "-m", "trainset", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=told).stdout


def write(path: Path, shades: list[int]) -> None:
    with tifffile.TiffWriter(path) as out:
        for shade in shades:
            out.write(np.full((12, 16), shade * 200, "u2"), photometric="minisblack", metadata=None, contiguous=False)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    subprocess.run(["git", "init", "-q", root], check=True)
    run("init", root, "--modality", "vision", "--task", "t:classify:a,b")
    write(root / "media" / "stack.tif", [1, 2, 3])
    return root


def items(root: Path) -> dict[str, dict[str, object]]:
    shown = run("-C", root, "items", "--json")
    return {one["key"]: one for one in map(json.loads, shown.splitlines())}


def test_pages_are_registered_once_in_one_group_and_one_split(dataset):
    run("-C", dataset, "add", dataset / "media")
    found = items(dataset)
    assert list(found) == [f"media/stack.tif#000{n}" for n in (1, 2, 3)]
    assert len({one["split"] for one in found.values()}) == 1
    records = len([*(dataset / "labels/items").rglob("*.jsonl")])
    run("-C", dataset, "add", dataset / "media")
    assert len([*(dataset / "labels/items").rglob("*.jsonl")]) == records


def test_another_page_makes_no_decision_stale_and_a_changed_one_does(dataset):
    run("-C", dataset, "add", dataset / "media")
    run("-C", dataset, "reviewer", "add", "ana")
    answer = {"verdict": "corrected", "annotations": [{"type": "class", "label": "a"}]}
    lines = [json.dumps({"item": f"media/stack.tif#000{n}", **answer}) for n in (1, 2)]
    run("-C", dataset, "decide", "--from", "-", told="\n".join(lines))
    write(dataset / "media" / "stack.tif", [9, 2, 3, 4])
    run("-C", dataset, "add", dataset / "media")
    states = {key[-1]: one["state"] for key, one in items(dataset).items()}
    assert states == {"1": "stale", "2": "reviewed", "3": "unlabelled", "4": "unlabelled"}


def test_another_stretch_is_recorded_and_leaves_decisions(dataset):
    run("-C", dataset, "add", dataset / "media")
    with (dataset / "trainset.toml").open("a") as out:
        out.write('\n[media]\nstretch = "none"\n')
    run("-C", dataset, "add", dataset / "media")
    last = max((dataset / "labels/items").rglob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns).read_text()
    assert last.count('"stretch":"none"') == 3
