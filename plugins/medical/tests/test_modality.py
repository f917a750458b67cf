"""NIfTI files as items."""

import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainset_medical.annotations import Runs, VolumeMask, volume_mask
from trainset_medical.modality import Volumes
from trainset_medical.volume import Axes

from trainset.errors import MediaError
from trainset.plugins import ItemDraft, Rect

from .volumes import OBLIQUE, ball, bright, item, save

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "")) / "medical" / "sct"
needs_real_data = pytest.mark.skipif(not os.environ.get("TRAINSET_REAL_DATA"), reason="TRAINSET_REAL_DATA is not set")


def scanned(path):
    return list(Volumes().scan(path, {}))


def only(path):
    (found,) = scanned(path)
    return found


@pytest.mark.parametrize(
    ("name", "kind"), [("a.nii", nib.Nifti1Image), ("a.nii.gz", nib.Nifti1Image), ("a.nii", nib.Nifti2Image)]
)
def test_a_volume_is_known_by_its_header(tmp_path, name, kind):
    path = save(tmp_path / name, bright(), kind=kind)
    draft = only(path)
    assert isinstance(draft, ItemDraft)
    assert draft.parts == {"": path}
    assert (draft.meta["shape"], draft.meta["orientation"]) == ([12, 10, 8], "PSR")
    assert draft.meta["zooms"] == pytest.approx([1, 2, 1.5], abs=0.01)
    assert np.allclose(draft.meta["affine"], OBLIQUE)


def test_only_the_header_is_read(tmp_path):
    path = save(tmp_path / "a.nii", bright())
    path.write_bytes(path.read_bytes()[:352])
    assert isinstance(only(path), ItemDraft)
    with pytest.raises(MediaError, match=r"a\.nii: its voxels cannot be read"):
        Volumes().load({"": path}, item())


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda p: save(p, np.zeros((3, 3, 2, 5), np.int16)), "4 dimensions (3×3×2×5)"),
        (lambda p: save(p, np.zeros((3, 3), np.int16)), "2 dimensions"),
        (lambda p: p.write_bytes(b"nonsense"), "it is no NIfTI image"),
        (lambda p: p.write_bytes(gzip.compress(b"")), "it is no NIfTI image"),
        (lambda p: p.write_bytes(b""), "it is no NIfTI image"),
    ],
)
def test_what_is_no_volume_is_skipped_with_the_reason(tmp_path, write, reason):
    path = tmp_path / "a.nii.gz"
    write(path)
    assert reason in only(path).reason
    assert str(path) not in only(path).reason


def test_a_label_map_is_an_answer_and_no_item(tmp_path):
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.uint8), OBLIQUE)
    image.header.set_intent("label")
    nib.save(image, tmp_path / "a.nii")
    assert "label map" in only(tmp_path / "a.nii").reason


def test_other_files_are_passed_over_in_a_folder_and_said_where_they_are_named(tmp_path):
    save(tmp_path / "sub" / "a.nii", bright())
    (tmp_path / "notes.txt").write_text("x")
    assert len(scanned(tmp_path)) == 1
    assert "not a volume" in only(tmp_path / "notes.txt").reason


def test_a_volume_is_loaded_as_it_is_stored(tmp_path):
    path = save(tmp_path / "a.nii.gz", bright())
    volume = Volumes().load({"": path}, item())
    assert (volume.data == bright()).all()
    assert np.allclose(volume.affine, OBLIQUE)


def test_a_volume_that_was_turned_or_cut_since_is_refused(tmp_path):
    turned = save(tmp_path / "a.nii", bright(), np.diag([1, 1, 1, 1.0]))
    with pytest.raises(MediaError, match="the same voxel lies elsewhere"):
        Volumes().load({"": turned}, item())
    cut = save(tmp_path / "b.nii", bright()[:-1])
    with pytest.raises(MediaError, match="11×10×8 voxels, the volume 12×10×8"):
        Volumes().load({"": cut}, item())


def test_a_mask_that_does_not_fit_is_a_problem():
    fits = volume_mask(ball((12, 10, 8), (5, 5, 5), 2), id="a1")
    empty = volume_mask(np.zeros((12, 10, 8), bool), id="a2")
    other = volume_mask(np.ones((8, 10, 12), bool), id="a3")
    damaged = VolumeMask(mask=Runs((12, 10, 8), "9"), id="a4")
    found = list(Volumes().check(item(), [fits, empty, other, damaged]))
    assert [p.where for p in found] == ["a2", "a3", "a4"]
    assert "it has 8×10×12 voxels" in found[1].message


def test_the_frame_is_seen_along_the_last_axis():
    assert Volumes().frame(item()) == Rect(0, 0, 12, 10)


@given(st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1, 1])] * 3))
def test_the_canonical_view_is_undone_exactly(order, signs):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] * signs
    axes = Axes.of(affine)
    stored = np.arange(24).reshape(2, 3, 4)
    assert (axes.stored(axes.canonical(stored)) == stored).all()
    turned = nib.as_closest_canonical(nib.Nifti1Image(stored.astype(np.int16), affine))
    assert (axes.canonical(stored) == np.asanyarray(turned.dataobj)).all()
    assert axes.zooms((2.0, 3.0, 4.0)) == tuple(axes.canonical(np.zeros((2, 3, 4))).shape)


@needs_real_data
def test_real_volumes_are_read():
    found = {next(iter(f.parts.values())).name: f for f in scanned(REAL) if isinstance(f, ItemDraft)}
    assert found["t2.nii.gz"].meta["shape"] == [60, 55, 52]
    assert found["t2.nii.gz"].meta["orientation"] == "PSR"
    assert "fmri_r.nii.gz" not in found
