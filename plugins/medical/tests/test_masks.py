"""Masks of voxels: how they are written, and how two are compared."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from trainset_medical import runs
from trainset_medical.annotations import Runs, VolumeMask, VolumeMaskOps, volume_mask

from trainset.core.codec import Codec
from trainset.errors import RecordError
from trainset.plugins import Rect

from .volumes import ball, item

volumes = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, max_side=7))


@given(volumes)
def test_any_mask_comes_back(mask):
    assert (runs.decode(runs.encode(mask), mask.shape) == mask).all()


@given(volumes)
def test_runs_are_what_cocos_tools_write_of_the_voxels_in_fortran_order(mask):
    from pycocotools import mask as tools

    column = np.asfortranarray(mask.reshape(-1, 1, order="F").astype(np.uint8))
    assert runs.encode(mask) == tools.encode(column)["counts"].decode()


@given(st.text(max_size=12))
def test_runs_that_do_not_fill_the_volume_are_an_error(text):
    try:
        mask = runs.decode(text, (2, 3, 2))
    except RecordError:
        return
    assert mask.shape == (2, 3, 2)


def test_the_geometry_stands_in_a_field_of_its_own_name():
    mask = volume_mask(ball((3, 3, 3), (1, 1, 1), 0), "cord", id="a1")
    stored = Codec({"volume-mask": VolumeMask}).encode([mask])
    assert stored == b'[{"type":"volume-mask","id":"a1","label":"cord","volume-mask":{"size":[3,3,3],"counts":"=1="}}]'
    assert msgspec.json.decode(stored, type=list[VolumeMask]) == [mask]


@given(volumes.flatmap(lambda a: st.tuples(st.just(a), hnp.arrays(bool, a.shape))))
def test_similarity_is_the_overlap_and_symmetric(pair):
    a, b = (volume_mask(x) for x in pair)
    ops = VolumeMaskOps()
    table = ops.similarity([a, b], [a, b], item())
    assert (table == table.T).all()
    assert table[0, 0] == table[1, 1] == 1
    union = np.count_nonzero(pair[0] | pair[1])
    assert table[0, 1] == pytest.approx(np.count_nonzero(pair[0] & pair[1]) / union if union else 1)


def test_masks_of_other_shapes_are_unlike_and_damaged_ones_too():
    a = volume_mask(np.ones((2, 2, 2), bool))
    b = volume_mask(np.ones((2, 2, 1), bool))
    damaged = VolumeMask(mask=Runs((2, 2, 2), "9"))
    assert VolumeMaskOps().similarity([a], [b, damaged], item()).tolist() == [[0, 0]]


def test_the_extent_is_seen_along_the_last_axis():
    mask = np.zeros((12, 10, 8), bool)
    mask[2:5, 4:9, 7] = True
    ops = VolumeMaskOps()
    assert ops.extent(volume_mask(mask), item()) == Rect(2, 4, 3, 5)
    assert ops.extent(volume_mask(mask & False), item()) is None
