"""Masks that come as pictures of their own, laid on the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset_vision.prelabel.candidates import Candidates, joined
from trainset_vision.prelabel.masks import Masks
from trainset_vision.prelabel.preprocess import Placement

Region = tuple[float, float, float, float]


class Pasted(Masks):
    """Masks as `Masks` makes them, of probabilities in the output number `which`, of any shape that ends in (h, w).

    `Candidates.extra` `(n,)` are the masks' numbers there. A mask as large as the input lies on all of it, a smaller one
    on its object's box.
    """

    def placed(self, kept: Candidates, arrays: Sequence[NDArray[Any]], placement: Placement) -> Candidates:
        """See `Boxes.placed`: a pixel belongs to an object where the probability, interpolated, is above 0.5."""
        high, wide = arrays[self.which].shape[-2:]
        masks = arrays[self.which].reshape(-1, high, wide)
        whole = (wide, high) == self.size
        found = []
        for n, index in enumerate(np.asarray(kept.extra).tolist()):
            one = kept.take(np.array([n]))
            left, top, right, bottom = (0, 0, wide, high) if whole else one.corners[0].tolist()
            found.append(laid(one, masks[index] - 0.5, (left, top, right, bottom), placement))
        return joined([nothing(kept), *found])


class Laid(Masks):
    """Masks of pictures that candidates bring themselves: `Candidates.extra` `(n,)` are tuples of a picture `(h, w)` that is
    positive where the object is, and of the region (left, top, right, bottom) of the tensor that it shows."""

    def placed(self, kept: Candidates, arrays: Sequence[NDArray[Any]], placement: Placement) -> Candidates:
        """See `Boxes.placed`."""
        found = []
        for n, (picture, region) in enumerate(np.asarray(kept.extra)):
            found.append(laid(kept.take(np.array([n])), picture, region, placement))
        return joined([nothing(kept), *found])


def laid(one: Candidates, picture: NDArray[Any], region: Region, placement: Placement) -> Candidates:
    """One candidate with the mask that is positive in a picture `(h, w)` of a region (left, top, right, bottom) of the
    tensor; within its box, in the image's pixels."""
    left, top, right, bottom = region
    moved = replace(placement, offset=(placement.offset[0] - left, placement.offset[1] - top))
    part = replace(one, corners=one.corners - np.array([left, top, left, top]), extra=np.ones((1, 1), np.float32))
    return Masks((right - left, bottom - top), 0, None).placed(part, [picture[None].astype(np.float32)], moved)


def nothing(kept: Candidates) -> Candidates:
    """No candidate, as what is laid on the image begins with."""
    none = kept.take(np.empty(0, np.intp))
    return replace(none, corners=none.corners.astype(np.float64), extra=np.empty(0, object))
