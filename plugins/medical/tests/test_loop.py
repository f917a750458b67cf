"""From volumes to a committed, exported and verified dataset, by the command line and the review screen."""

import asyncio
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from trainset.commands.review import view_for
from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.plugins.registry import load
from trainset.testing import CommandLine
from trainset.tui.app import ReviewApp
from trainset.workspace import Workspace

from .volumes import ball, bright, save

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "")) / "medical" / "sct"
needs_real_data = pytest.mark.skipif(not os.environ.get("TRAINSET_REAL_DATA"), reason="TRAINSET_REAL_DATA is not set")


@pytest.fixture
def run(tmp_path):
    return CommandLine(tmp_path)


def review(data, *keys):
    """Open the review screen and press keys."""
    plugins = Workspace()
    with plugins.open(data) as opened:
        task = opened.config.task(None)
        desk = ReviewDesk(opened, task, "ana")

        async def script():
            view = load(view_for(plugins.registry, opened, task.type).factory)
            app = ReviewApp(desk, view, TaskContext(opened, task), min_look=0.0)
            async with app.run_test(size=(100, 30)) as pilot:
                await pilot.pause(0.1)
                await pilot.press(*keys)
                await pilot.pause(0.1)
                assert app.session.notice.kind == "saved"

        asyncio.run(script())
        desk.close()


def test_the_loop(tmp_path, run):
    data = tmp_path / "d"
    run("init", data, "--modality", "medical", "--task", "organs:volume-mask:cord,lesion")
    for name, centre in (("a", (6, 5, 4)), ("b", (5, 6, 3))):
        save(data / "media" / f"{name}.nii.gz", bright(centre=centre))
    save(data / "media" / "series.nii", np.zeros((3, 3, 3, 9), np.int16))
    assert "2 items added, 0 changed, 0 known, 1 skipped" in run("-C", data, "add", data / "media")
    assert "2 annotations" in run("-C", data, "prelabel")
    run("-C", data, "reviewer", "add", "ana")
    review(data, "tab", "greater_than_sign", "2", "a")
    states = [json.loads(line)["state"] for line in run("-C", data, "items", "--json").splitlines()]
    assert sorted(states) == ["predicted", "reviewed"]
    run("-C", data, "decide", "--where", "state = predicted", "--verdict", "accepted", "--yes")
    wrong = '[{"label": "cord", "volume-mask": {"size": [8, 10, 12], "counts": "0P:"}}]'
    assert "the mask does not fit" in run(
        "-C", data, "decide", "media/a.nii.gz", "--verdict", "corrected", "--annotations", wrong, code=2
    )
    run("-C", data, "commit")
    run("-C", data, "export", "nifti", tmp_path / "out", "--media", "copy")
    found = {n: np.asanyarray(nib.load(tmp_path / "out" / f"{n}_dseg.nii.gz").dataobj) for n in "ab"}
    values = {n: set(np.unique(x).tolist()) for n, x in found.items()}
    assert sorted(map(sorted, values.values())) == [[0, 1], [0, 2]]
    (as_is,) = (n for n in "ab" if values[n] == {0, 1})
    assert ((found[as_is] == 1) == ball((12, 10, 8), (6, 5, 4) if as_is == "a" else (5, 6, 3), 3)).all()
    assert (tmp_path / "out" / "a.nii.gz").is_file()
    assert "0 problems" in run("-C", data, "verify", "--media")


@needs_real_data
def test_a_real_segmentation_goes_in_and_out_voxel_by_voxel(tmp_path, run):
    data = tmp_path / "d"
    run("init", data, "--modality", "medical", "--task", "cord:volume-mask:cord")
    run("-C", data, "add", REAL / "t2.nii.gz", REAL / "t1w.nii.gz", "--source", "sct")
    run("-C", data, "reviewer", "add", "ana")
    assert "1 decision recorded" in run(
        "-C", data, "import", "nifti", REAL / "t2_seg-manual.nii.gz", "--reviewer", "ana"
    )
    assert "1 unchanged" in run("-C", data, "import", "nifti", REAL / "t2_seg-manual.nii.gz", "--reviewer", "ana")
    run("-C", data, "export", "nifti", tmp_path / "out")
    ours, theirs = nib.load(tmp_path / "out" / "t2_dseg.nii.gz"), nib.load(REAL / "t2_seg-manual.nii.gz")
    assert (np.asanyarray(ours.dataobj) == np.asanyarray(theirs.dataobj)).all()
    assert np.allclose(ours.affine, nib.load(REAL / "t2.nii.gz").affine)
