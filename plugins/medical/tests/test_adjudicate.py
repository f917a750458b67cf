"""Two masks of one volume, side by side: both panes show the slice of the difference."""

from types import SimpleNamespace

from trainset_medical.annotations import VolumeMask, VolumeMaskOps, volume_mask
from trainset_medical.view import SliceView
from trainset_medical.volume import Volume

from trainset.core.adjudicating import MergeView
from trainset.core.comparing import Rival
from trainset.plugins import Size, Viewport
from trainset.testing import MemoryContext

from .volumes import OBLIQUE, TASK, ball, bright, item

SHAPE = (12, 10, 8)
CORD = volume_mask(ball(SHAPE, (6, 5, 2), 2), "cord", id="a1")
SAME = volume_mask(ball(SHAPE, (6, 5, 2), 2), "cord", id="b1")
LESION = volume_mask(ball(SHAPE, (6, 2, 6), 1), "lesion", id="a2")


def compared(left, right):
    view = MergeView(SliceView, SimpleNamespace(rivals=lambda item, model=False: [Rival("ana", annotations=left), Rival("ben", annotations=right)]))  # fmt: skip
    context = MemoryContext(TASK, loaded={item().key: Volume(bright(), OBLIQUE)}, ops={VolumeMask: VolumeMaskOps()})
    view.open(item(), {}, context)
    return view


def slices(view):
    return [pane.scene(Viewport(Size(80, 24))).shapes[0].text.partition(" ·")[0] for pane in view.panes]


def test_both_go_to_the_slice_of_what_only_one_has():
    view = compared((CORD, LESION), (SAME,))
    assert [d.facets for d in view.merge.differences] == [("only",), ()]
    lesion = slices(view)
    assert lesion[0] == lesion[1] and lesion[0] == "axial 3/10"
    view.do("next")
    assert slices(view) == ["axial 6/10", "axial 6/10"]


def test_slice_keys_move_both_and_an_edit_is_refused():
    view = compared((CORD,), (SAME, LESION))
    before = slices(view)
    view.do("slice", None, 1)
    assert slices(view)[0] == slices(view)[1] != before[0]
    assert "e mends by hand" in view.do("grow", None, 1).message
    assert [pane.view.annotations() for pane in view.panes] == [(CORD,), (SAME, LESION)]


def test_the_masks_that_differ_are_marked():
    view = compared((CORD, LESION), (SAME,))
    tints = view.panes[0].scene(Viewport(Size(80, 24))).tints
    assert [tint.text for tint in tints] == ["+"]
