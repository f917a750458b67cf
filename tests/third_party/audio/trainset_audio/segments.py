"""Stretches of time: the annotation type, how two are compared, and a rule over all of a task's."""

from collections import defaultdict
from statistics import median

import numpy as np
from msgspec import Struct

from trainset.core.model import Annotation
from trainset.plugins import Finding, Rect


class Segment(Annotation, kw_only=True, frozen=True, tag="audio.segment"):
    """`segment` is [start, end] in seconds."""

    segment: tuple[float, float]


class SegmentOps:
    def similarity(self, a, b, item):
        """Intersection over union in time."""
        left = np.array([x.segment for x in a], float).reshape(-1, 1, 2)
        right = np.array([x.segment for x in b], float).reshape(1, -1, 2)
        shared = np.minimum(left[..., 1], right[..., 1]) - np.maximum(left[..., 0], right[..., 0])
        spanned = np.maximum(left[..., 1], right[..., 1]) - np.minimum(left[..., 0], right[..., 0])
        return shared.clip(min=0) / spanned.clip(min=1e-9)

    def extent(self, annotation, item):
        start, end = annotation.segment
        return Rect(start, 0, end - start, 1)


class UnusualLengthSettings(Struct):
    times: float = 2.0


class UnusualLength:
    """Segments `times` as long as their label's median in the task, or as short."""

    def findings(self, cases, context):
        lengths = defaultdict(list)
        for case in cases:
            for a in case.annotations or ():
                lengths[a.label].append((a.segment[1] - a.segment[0], case.item.key, a.id))
        for label, some in lengths.items():
            usual, times = median(length for length, _, _ in some), context.settings.times
            for length, key, name in some:
                if not usual / times <= length <= usual * times:
                    yield Finding(key, f"{length:.2f} s of {label}, usually {usual:.2f} s", object=name)
