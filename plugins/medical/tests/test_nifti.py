"""Label maps in and out."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from msgspec import structs
from trainset_medical.annotations import volume_mask
from trainset_medical.formats.nifti import NiftiExporter, NiftiImporter

from trainset.core.model import Class
from trainset.errors import TrainsetError
from trainset.plugins import Imported, Labelled, Problem
from trainset.testing import MemoryContext

from .volumes import OBLIQUE, TASK, ball, bright, item, save

SHAPE = (12, 10, 8)
CORD, LESION = ball(SHAPE, (6, 5, 3), 3), ball(SHAPE, (6, 5, 5), 1)


@pytest.fixture
def context(tmp_path):
    save(tmp_path / "media" / "a.nii.gz", bright(), qform=2, sform=4)
    return MemoryContext(TASK, [item()], folder=tmp_path / "media")


def written(context, dest, *annotations, **more):
    row = Labelled(item=item(), name="a.nii.gz", annotations=annotations, state="reviewed", **more)
    lost = list(NiftiExporter().write([row], dest, context))
    assert {x.what for x in lost} <= NiftiExporter.losses.keys()
    return nib.load(dest / "a_dseg.nii.gz"), [x.what for x in lost]


def read(src, context):
    found = list(NiftiImporter().read(src, context))
    return [f for f in found if isinstance(f, Imported)], [f for f in found if isinstance(f, Problem)]


def test_masks_come_back_as_they_were(tmp_path, context):
    _, lost = written(context, tmp_path / "out", volume_mask(CORD & ~LESION, "cord"), volume_mask(LESION, "lesion"))
    assert lost == []
    assert (tmp_path / "out" / "labels.tsv").read_text() == "index\tname\n1\tCord\n2\tlesion\n"
    (found,), problems = read(tmp_path / "out", context)
    assert not problems
    assert found.name == "media/a.nii.gz"
    assert [(a.label, a.voxels.tolist()) for a in found.annotations] == [
        ("Cord", (CORD & ~LESION).tolist()), ("lesion", LESION.tolist())
    ]  # fmt: skip
    assert NiftiImporter().classes(tmp_path / "out") == [(0, "Cord"), (1, "lesion")]
    assert NiftiImporter().sniff(tmp_path / "out").confidence == 0.9


def test_a_volume_that_lies_beside_its_label_map_is_none(tmp_path, context):
    written(replace(context, media_mode="copy"), tmp_path / "out", volume_mask(CORD, "cord"))
    (found,), problems = read(tmp_path / "out", context)
    assert [a.label for a in found.annotations] == ["Cord"] and not problems


def test_the_header_keeps_the_volumes_place_and_codes(tmp_path, context):
    image, _ = written(context, tmp_path / "out", volume_mask(CORD, "cord"))
    assert np.allclose(image.affine, OBLIQUE)
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (2, 4)
    assert image.get_data_dtype() == np.uint8
    assert image.header.get_intent()[0] == "label"
    assert image.header.get_xyzt_units()[0] == nib.load(context.folder / "a.nii.gz").header.get_xyzt_units()[0]
    assert context.placed == [tmp_path / "out" / "a.nii.gz"]


def test_what_a_label_map_cannot_hold_is_said(tmp_path, context):
    image, lost = written(
        context, tmp_path / "out",
        volume_mask(CORD, "cord", score=0.5), volume_mask(LESION, "lesion"), volume_mask(LESION, "lesion"),
        volume_mask(np.ones((2, 2, 2), bool), "cord"), Class(label="cord"), note="hm",
    )  # fmt: skip
    assert sorted(lost) == ["misfit", "objects", "overlap", "overlap", "rest", "rest", "types"]
    assert (np.asanyarray(image.dataobj)[LESION] == 2).all()


def test_nothing_there_is_an_empty_label_map(tmp_path, context):
    image, _ = written(context, tmp_path / "out")
    assert not np.asanyarray(image.dataobj).any()
    (found,), _ = read(tmp_path / "out", context)
    assert found.annotations == []


@pytest.mark.parametrize("name", ["a.nii.gz", "a_seg.nii", "a_seg-manual_v2.nii.gz"])
def test_a_single_label_map_is_for_the_volume_that_its_name_begins_with(tmp_path, context, name):
    src = save(tmp_path / "seg" / name, CORD.astype(np.uint8))
    (found,), problems = read(src, context)
    assert [a.label for a in found.annotations] == ["Cord"]
    assert not problems


@pytest.mark.parametrize(
    ("data", "affine", "message"),
    [
        (CORD.astype(np.uint8), np.eye(4), "the same voxel lies elsewhere (RAS, the volume PSR)"),
        (CORD[:-1].astype(np.uint8), OBLIQUE, "it has 11×10×8 voxels, the volume 12×10×8"),
        (CORD * np.float32(0.5), OBLIQUE, "no whole numbers"),
        (CORD.astype(np.uint8) * 9, OBLIQUE, "the value 9 is no label"),
    ],
)
def test_a_label_map_that_does_not_fit_is_a_problem(tmp_path, context, data, affine, message):
    src = save(tmp_path / "a_seg.nii", data, affine)
    items, problems = read(src, context)
    assert message in problems[0].message
    assert all(not i.annotations for i in items)


def test_a_label_map_of_an_unknown_volume_is_a_problem(tmp_path, context):
    items, problems = read(save(tmp_path / "b_seg.nii", CORD.astype(np.uint8)), context)
    assert not items
    assert "no volume's name" in problems[0].message


def test_a_folder_without_images_and_a_damaged_table_are_errors(tmp_path, context):
    with pytest.raises(TrainsetError, match="no NIfTI image"):
        read(tmp_path / "seg", context)
    save(tmp_path / "seg" / "a_seg.nii", CORD.astype(np.uint8))
    (tmp_path / "seg" / "labels.tsv").write_text("index\tname\none\tcord\n")
    with pytest.raises(TrainsetError, match="no table of labels"):
        read(tmp_path / "seg", context)


def test_a_volume_that_nobody_decided_says_that_its_state_is_lost(tmp_path, context):
    row = Labelled(item=item(), name="a.nii.gz", annotations=(), state="unlabelled")
    proposed = replace(row, annotations=(volume_mask(CORD, "cord"),), state="predicted")
    for n, undecided in enumerate((row, proposed)):
        lost = list(NiftiExporter().write([undecided], tmp_path / str(n), context))
        assert [(x.what, x.detail) for x in lost] == [("states", undecided.state)]


def test_a_volume_that_is_not_at_hand_is_left_out_and_the_others_are_written(tmp_path, context):
    rows = [
        Labelled(item=structs.replace(item(), key=f"media/{name}"), name=name, annotations=(), state="reviewed")
        for name in ("a.nii.gz", "b.nii.gz")
    ]
    lost = list(NiftiExporter().write(rows, tmp_path / "out", context))
    assert [(x.what, x.item) for x in lost] == [("volume", "media/b.nii.gz")]
    assert (tmp_path / "out" / "a_dseg.nii.gz").is_file()


def test_no_label_map_is_written_over_another(tmp_path, context):
    save(tmp_path / "media" / "a.nii", bright())
    rows = [
        Labelled(item=structs.replace(item(), key=f"media/{name}"), name=name, annotations=(), state="reviewed")
        for name in ("a.nii", "a.nii.gz")
    ]
    lost = list(NiftiExporter().write(rows, tmp_path / "out", context))
    assert [(x.what, x.item) for x in lost] == [("names", "media/a.nii.gz")]
