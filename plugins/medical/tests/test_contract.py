"""Everything that the distribution registers keeps the contract of plugins."""

import numpy as np
import pytest
from trainset_medical import plugin
from trainset_medical.annotations import VolumeMask, VolumeMaskOps, volume_mask
from trainset_medical.formats.nifti import NiftiExporter, NiftiImporter
from trainset_medical.modality import Volumes
from trainset_medical.prelabel.threshold import Threshold, ThresholdSettings
from trainset_medical.view import SliceView

from trainset.plugins import Labelled
from trainset.testing import (
    MemoryContext,
    check_annotations,
    check_format,
    check_modality,
    check_plugin,
    check_prelabeler,
    check_view,
    items_in,
)

from .volumes import TASK, ball, bright, save

SHAPE = (12, 10, 8)
MASKS = (
    volume_mask(ball(SHAPE, (6, 5, 2), 2), "cord", id="p1"),
    volume_mask(ball(SHAPE, (6, 2, 6), 1), "lesion", id="p2"),
)


@pytest.fixture
def media(tmp_path):
    """Two volumes of different shapes, and beside their folder damaged ones."""
    folder = tmp_path / "media"
    save(folder / "a.nii.gz", bright(SHAPE))
    save(folder / "b.nii", bright((9, 11, 7), (4, 5, 3)))
    (tmp_path / "cut.nii").write_bytes((folder / "b.nii").read_bytes()[:400])
    (tmp_path / "no.nii.gz").write_bytes(b"no volume")
    return folder


@pytest.fixture
def context(media):
    return MemoryContext(
        TASK, items_in(media, Volumes()), folder=media, modality=Volumes(), ops={VolumeMask: VolumeMaskOps()}
    )


def test_the_plugin():
    check_plugin(plugin)


def test_the_modality(media):
    check_modality(Volumes(), sorted(media.iterdir()), [media.parent / "cut.nii", media.parent / "no.nii.gz"])


def test_masks(context):
    empty = volume_mask(np.zeros(SHAPE, bool))
    check_annotations(VolumeMask, VolumeMaskOps(), [*MASKS, empty], context.items[0])


def test_the_threshold_prelabeler(context):
    check_prelabeler(Threshold(ThresholdSettings(), TASK), context.items, context, ["cord"])


@pytest.mark.parametrize("media_mode", ["none", "copy"])
def test_the_nifti_format(context, tmp_path, media_mode):
    context.media_mode = media_mode
    rows = [
        Labelled(item=item, name=item.path(), annotations=some, state="reviewed")
        for item, some in zip(context.items, (MASKS, ()), strict=True)
    ]
    check_format(NiftiImporter(), NiftiExporter(), rows, context, tmp_path)


def test_the_view(context):
    check_view(SliceView, context.items[0], {"threshold": MASKS}, context)
