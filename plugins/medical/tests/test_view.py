"""Slices under review."""

import numpy as np
import pytest
from trainset_medical.annotations import volume_mask
from trainset_medical.planes import PLANES, Window
from trainset_medical.view import SliceView
from trainset_medical.volume import Volume

from trainset.plugins import Change, Rect, Size, Viewport
from trainset.testing import MemoryContext

from .volumes import OBLIQUE, TASK, ball, bright, item

VIEWPORT = Viewport(Size(80, 24))
MASK = volume_mask(ball((12, 10, 8), (6, 5, 2), 2), "cord", id="p1", score=0.8)
OTHER = volume_mask(ball((12, 10, 8), (6, 2, 6), 1), "lesion", id="p2")


def opened(*first, data=None, affine=OBLIQUE):
    view = SliceView()
    volume = Volume(bright() if data is None else data, affine)
    view.open(item(), {"model": first}, MemoryContext(TASK, loaded={item().key: volume}))
    return view


def place(view):
    return view.scene(VIEWPORT).shapes[0].text.partition(" ·")[0]


def test_an_axial_slice_is_hung_as_radiologists_do():
    data = np.zeros((12, 10, 8), np.int16)
    data[1, 5, 7] = 1000  # towards the front (stored axis 0 goes back) and the patient's right
    view = opened(data=data)
    picture = view.scene(VIEWPORT).pictures[0]
    assert place(view) == "axial 6/10"
    row, column = np.argwhere(picture.pixels[..., 0])[0]
    assert (row, column) == (1, 0)
    assert picture.pixels.shape == (12, 8, 3)
    assert (picture.place.width, picture.place.height) == pytest.approx((8 * 1.5, 12 * 1), abs=0.02)


def test_it_opens_at_the_first_objects_largest_slice_with_the_mask_over_it():
    view = opened(MASK, OTHER)
    assert place(view) == "axial 6/10"
    tints = view.scene(VIEWPORT).tints
    assert [t.color for t in tints] == [0]
    filled = opened(MASK)
    filled.do("contour")
    assert filled.scene(VIEWPORT).tints[0].mask.sum() > tints[0].mask.sum()


def test_slices_stop_at_both_ends_and_planes_take_turns():
    view = opened()
    for by, shown in ((1, "axial 7/10"), (10, "axial 10/10"), (-10, "axial 1/10"), (-1, "axial 1/10")):
        view.do("slice", argument=by)
        assert place(view) == shown
    for shown in ("coronal 7/12", "sagittal 5/8"):
        assert view.do("plane").region == view.scene(VIEWPORT).extent
        assert place(view) == shown


def test_selecting_an_object_goes_to_it():
    view = opened(MASK, OTHER)
    view.do("next")
    view.do("next")
    assert place(view) == "axial 3/10"
    assert [t.selected for t in view.scene(VIEWPORT).tints] == [True]


def test_growing_and_shrinking_are_undone():
    view = opened(MASK)
    assert view.do("grow", argument=1).message == "select an object first"
    view.do("next")
    change = view.do("grow", argument=1)
    assert isinstance(change, Change)
    (grown,) = view.annotations()
    assert (grown.id, grown.label, grown.score) == ("p1", "cord", None)
    assert (grown.voxels & ~MASK.voxels).any() and not (MASK.voxels & ~grown.voxels).any()
    view.undo(change)
    assert view.annotations() == (MASK,)
    view.redo(change)
    assert view.annotations() == (grown,)


def test_an_object_never_shrinks_to_nothing():
    view = opened(OTHER)
    view.do("next")
    view.do("grow", argument=-1)
    assert view.do("grow", argument=-1).message == "nothing would be left of it"


def test_labels_and_volumes_stand_in_the_side_panel():
    view = opened(MASK)
    assert view.lines()[0].text == f"1 Cord .80 · {MASK.voxels.sum() * 3 / 1000:.3g} ml"
    view.do("label", argument="lesion")
    assert view.lines()[0].text.startswith("1 lesion ·")
    view.do("delete")
    assert view.annotations() == ()


def test_the_window_is_narrowed_and_moved():
    view = opened()
    before = view.scene(VIEWPORT).pictures[0].pixels
    view.do("level", argument=-0.1)
    assert (view.scene(VIEWPORT).pictures[0].pixels >= before).all()
    view.do("width", argument=0.8)
    assert (view.scene(VIEWPORT).pictures[0].pixels != before).any()
    assert Window(50, 100).grey(np.array([[-10, 50, 200]]))[0, :, 0].tolist() == [0, 127, 255]


def test_every_plane_is_as_large_as_the_body_part():
    shape, zooms = (4, 6, 8), (1.0, 2.0, 3.0)
    assert [p.place(shape, zooms) for p in PLANES] == [Rect(0, 0, 4, 12), Rect(0, 0, 4, 24), Rect(0, 0, 12, 24)]


def test_a_thumbnail_shows_the_object():
    volume = Volume(bright(), OBLIQUE)
    context = MemoryContext(TASK, loaded={item().key: volume})
    scene = SliceView().thumbnail(item(), OTHER, Size(20, 10), context)
    assert scene.tints[0].mask.any()
