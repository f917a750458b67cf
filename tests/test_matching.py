"""Annotations of two types are alike where the type of one says that it can be compared with the other."""

import msgspec
import numpy as np
import pytest

from trainset.core.matching import equivalent, likeness
from trainset.core.model import Annotation, Class, Item, Opaque
from trainset.core.protocols import Comparing

ITEM = Item(key="n/1")


class Moment(Annotation, kw_only=True, frozen=True, tag="toy.moment"):
    at: float


class Stretch(Annotation, kw_only=True, frozen=True, tag="toy.stretch"):
    start: float
    end: float


class MomentOps:
    def similarity(self, a, b, item):
        return np.array([[float(x.at == y.at) for y in b] for x in a]).reshape(len(a), len(b))

    def extent(self, annotation, item):
        return None


class StretchOps(MomentOps):
    """A moment and a stretch are alike where one lies in the other."""

    comparable = ("toy.moment",)

    def similarity(self, a, b, item):
        return np.array([[self._one(x, y) for y in b] for x in a]).reshape(len(a), len(b))

    def _one(self, x, y):
        if type(x) is type(y):
            return float(x == y)
        moment, stretch = (x, y) if isinstance(x, Moment) else (y, x)
        return float(stretch.start <= moment.at < stretch.end)


OPS = {"toy.moment": MomentOps(), "toy.stretch": StretchOps(), "class": MomentOps()}
MOMENTS, STRETCH = [Moment(label="a", at=1.0), Moment(label="a", at=7.0)], [Stretch(label="a", start=0.0, end=2.0)]


def test_one_of_both_types_need_say_so():
    assert isinstance(OPS["toy.stretch"], Comparing) and not isinstance(OPS["toy.moment"], Comparing)
    assert likeness(MOMENTS, STRETCH, ITEM, OPS.get).tolist() == [[1.0], [0.0]]
    assert likeness(STRETCH, MOMENTS, ITEM, OPS.get).tolist() == [[1.0, 0.0]]
    assert likeness([*MOMENTS, *STRETCH], [*STRETCH, MOMENTS[1]], ITEM, OPS.get).tolist() == [[1, 0], [0, 1], [1, 0]]


def test_answers_of_comparable_types_may_mean_the_same():
    assert equivalent(MOMENTS[:1], STRETCH, ITEM, OPS.get, 0.5)
    assert not equivalent(MOMENTS[1:], STRETCH, ITEM, OPS.get, 0.5)
    assert not equivalent(MOMENTS[:1], [Stretch(label="b", start=0.0, end=2.0)], ITEM, OPS.get, 0.5)


@pytest.mark.parametrize(
    "other", [Class(label="a"), Opaque(id="o", label="a", kind="toy.moment", raw=msgspec.Raw(b"{}"))]
)
def test_other_types_are_never_alike(other):
    assert not likeness([other], STRETCH, ITEM, OPS.get).any()
    assert not equivalent([other], STRETCH, ITEM, OPS.get, 0.0)
