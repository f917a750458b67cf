"""From a detector's candidates to annotations: threshold, non-maximum suppression, and the way back to the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, field
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item
from trainset.errors import ConfigError, ModelError
from trainset.plugins import Context, Decoded, chunks
from trainset_vision.media.items import open_item
from trainset_vision.prelabel.adapter import ImageModel, ModelSettings, Prepared
from trainset_vision.prelabel.candidates import FAINT, OTHERS, Candidates, Likely, joined
from trainset_vision.prelabel.inputs import Arrays
from trainset_vision.prelabel.preprocess import ImageInput, Placement, Preprocess, changed
from trainset_vision.prelabel.seams import merged
from trainset_vision.prelabel.shapes import Boxes
from trainset_vision.prelabel.views import Part, Views, one_large, through_windows

CANDIDATES = 30_000
"""How many candidates suppression looks at, the best first: it takes quadratic time where a model fires everywhere."""

WEAK = 20
"""How many objects an image may have that are kept without being proposed, the best ones."""

_WEAK_CANDIDATES = 500

Share = Annotated[float, Meta(ge=0, le=1)]


class DetectorSettings(ModelSettings, kw_only=True, frozen=True):
    """Settings of every detector: the `score` from which objects are proposed, with exceptions by class name in
    `scores`; the overlap (`iou`) above which the lower-scored of two objects of one class is dropped, or of any two
    where that is to be `agnostic` of classes; and how many objects an image may have. Objects from `keep_below` up to their
    score are kept for review without being proposed, and for all objects other classes; 0 keeps neither.

    Images larger than `tile` pixels are looked at through windows of that size, which share `overlap` of their side;
    true stands for the size of the model's input. With `flips` each is looked at in the mirror too.
    """

    score: Share = 0.25
    scores: dict[str, Share] = field(default_factory=dict)
    iou: Share = 0.5
    agnostic: bool = False
    max_detections: Annotated[int, Meta(ge=1)] = 300
    keep_below: Share = 0.05
    tile: bool | Annotated[int, Meta(ge=32)] = False
    overlap: Annotated[float, Meta(ge=0, le=0.9)] = 0.2
    flips: bool = False


class Detector(ImageModel):
    """An image model whose answers are objects: what derives from it says how candidates lie in the outputs.

    `shapes` is what objects are besides boxes.
    """

    settings: DetectorSettings
    shapes: Boxes = Boxes()

    def __init__(self, settings: DetectorSettings, default: Preprocess, takes: ImageInput | None = None) -> None:
        super().__init__(settings, default, takes)
        self.settings = settings
        self.least = min(
            [settings.score, *settings.scores.values(), *([settings.keep_below] if settings.keep_below else [])]
        )
        self._exceptions = self._by_class(settings.scores)

    def candidates(self, arrays: Arrays) -> Candidates:
        """The candidates in one item's outputs (without the batch); those whose score is under `least` may be left out.

        ModelError for values or shapes that make no sense.
        """
        raise NotImplementedError

    def prepare(self, item: Item, context: Context) -> Any:
        """A tensor, or `Views` where there are several, which `infer` reads. Thread-safe; MediaError names the file."""
        tile = max(self.preprocess.size) if self.settings.tile is True else self.settings.tile
        if not (tile or self.settings.flips):
            return super().prepare(item, context)
        path = context.media.path(item)
        with open_item(path, item) as raster:
            size = raster.size
        was = (int(item.meta.get("width", size[0])), int(item.meta.get("height", size[1])))
        if size != was:
            raise changed(str(path), size, was)
        windows, factor = through_windows(size, tile or max(size), self.settings.overlap, self.preprocess)
        if len(windows) == 1 and not self.settings.flips:
            return super().prepare(item, context)
        return Views(path, item, size, windows, factor, self.settings.flips)

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        """Run the model: each item's part of every output, or what was found in its views. Thread-safe; ModelError
        where a run fails, MediaError where views cannot be read."""
        plain = iter(super().infer([prepared for prepared in batch if not isinstance(prepared, Views)]))
        return [self._looked(prepared) if isinstance(prepared, Views) else next(plain) for prepared in batch]

    def decode(self, output: Any, item: Item) -> Sequence[Annotation]:
        """Annotations in the image's pixels, best first, ids `p1`, `p2`, …, coordinates rounded to 1/100 pixel."""
        return self.decode_all(output, item).annotations

    def decode_all(self, output: Any, item: Item) -> Decoded:
        """The same, with weaker objects, ids `w1`, `w2`, …, and other classes."""
        first, second = output
        found, image = (first, second) if isinstance(first, Candidates) else (self.found(first, second), second.image)
        proposed, weak = (
            self.annotations(some, image, prefix) for some, prefix in zip(self._parted(found), "pw", strict=True)
        )
        likely = {a.id: other for a, other in (*proposed, *weak) if other and self.settings.keep_below}
        return Decoded([a for a, _ in proposed], [a for a, _ in weak], likely)

    def _looked(self, views: Views) -> tuple[Candidates, tuple[int, int]]:
        """What an image's views show together, and its size. Memory holds a few tensors at a time."""
        at_once = max(1, self.limits.batch // (1 + views.mirrored))
        seen: list[tuple[Part, tuple[Candidates, Candidates]]] = []
        with open_item(views.path, views.item) as raster:
            heavy = views.heavy(raster)
            with one_large if heavy else nullcontext(), ThreadPoolExecutor(self.limits.concurrency) as pool:
                groups = chunks(views.tensors(raster, self.preprocess), at_once)
                while share := list(islice(groups, self.limits.concurrency if heavy else 1)):
                    for some in pool.map(self._seen, share) if heavy else map(self._seen, share):
                        seen += some
        settings = self.settings
        proposed, weak = (
            merged(
                [(window, found[n]) for window, found in seen], views.size, self.shapes, settings.iou, settings.agnostic
            )
            for n in (0, 1)
        )
        proposed = proposed.first(settings.max_detections)
        return joined([proposed, self._unlike(weak, proposed).first(WEAK)]), views.size

    def _seen(self, group: Sequence[tuple[Part, list[Prepared]]]) -> list[tuple[Part, tuple[Candidates, Candidates]]]:
        """What some windows show, each as it is and in the mirror: proposed, and weaker."""
        outputs = iter(super().infer([prepared for _, views in group for prepared in views]))
        seen = []
        for window, views in group:
            proposed, weak = self._parted(joined([self.found(*next(outputs)) for _ in views]))
            if len(views) > 1:
                proposed = proposed.take(self.shapes.survivors(proposed, self.settings.iou, self.settings.agnostic))
                weak = self._unlike(weak, proposed)
            seen.append((window, (proposed, weak)))
        return seen

    def found(self, arrays: Arrays, placement: Placement) -> Candidates:
        """What one tensor shows, in the image's pixels: cut at its edges, without what has no area there. Best first, what is
        proposed before what is weaker."""
        candidates = self.candidates(arrays)
        self._check(candidates)
        kept, weak = self._parted(candidates)
        if not kept.suppressed:
            kept = kept.take(self.shapes.survivors(kept, self.settings.iou, self.settings.agnostic))
        kept = _inside(kept, placement).first(self.settings.max_detections)
        if len(weak):
            kept = joined([kept, self._unlike(_inside(weak, placement), kept).first(WEAK)])
        return self.shapes.placed(kept, arrays, placement)

    def _parted(self, found: Candidates) -> tuple[Candidates, Candidates]:
        """What is proposed, and what is weaker, the best of each first."""
        sure = found.scores >= self._least(found.classes)
        below = self.settings.keep_below
        weak = ~sure & (found.scores >= below) if below else np.zeros(len(found), bool)
        return found.best(sure, CANDIDATES), found.best(weak, _WEAK_CANDIDATES)

    def _unlike(self, weak: Candidates, proposed: Candidates) -> Candidates:
        """Those of the weaker that overlap nothing proposed, and no better one of them, whatever its class."""
        both = joined([proposed, weak])
        # The weaker come last here, also where single classes have other thresholds.
        ranked = replace(both, scores=np.arange(len(both), 0, -1.0))
        kept = self.shapes.survivors(ranked, self.settings.iou, True)
        return weak.take(np.sort(kept[kept >= len(proposed)]) - len(proposed))

    def annotations(
        self, found: Candidates, image: tuple[int, int], prefix: str = "p"
    ) -> list[tuple[Annotation, Likely]]:
        """Annotations of placed candidates, best first, each with other classes that it may be of."""
        annotations: list[tuple[Annotation, Likely]] = []
        extras = [None] * len(found) if found.extra is None else found.extra
        corners = found.corners.round(2) + 0.0  # turns -0.0 into 0.0
        for box, extra, score, index, other in zip(
            corners.tolist(), extras, found.scores.tolist(), found.classes.tolist(), self._others(found), strict=True
        ):
            common = {
                "id": f"{prefix}{len(annotations) + 1}",
                "label": self.label(int(index)),
                "score": round(min(1.0, score), 4),
            }
            annotation = self.shapes.annotation(tuple(box), extra, image, common)
            if annotation is not None:
                annotations.append((annotation, other))
        return annotations

    def _others(self, found: Candidates) -> Sequence[Likely]:
        """The classes that are likeliest for each candidate after its own."""
        if found.table is None or not len(found):
            return [()] * len(found)
        table = found.table.clip(max=1)
        order = np.argsort(-table, axis=1, kind="stable")[:, : OTHERS + 1]
        scores = np.take_along_axis(table, order, axis=1).astype(float).round(3)
        return [
            [(self.label(n), score) for n, score in zip(*row, strict=True) if n != own and score >= FAINT][:OTHERS]
            for own, *row in zip(found.classes.tolist(), order.tolist(), scores.tolist(), strict=True)
        ]

    def _check(self, found: Candidates) -> None:
        name = self.info.path.name
        if not (np.isfinite(found.scores).all() and np.isfinite(found.corners).all()):
            raise ModelError(f"{name} returns boxes or scores that are NaN or infinite", hint="check `preprocess`")
        if len(found) and found.scores.max() > 1.01:
            raise ModelError(
                f"{name}: scores up to {found.scores.max():.3g} are no probabilities",
                hint="export the model with its sigmoid, or choose another adapter with `model add --prelabeler`",
            )

    def _by_class(self, scores: Mapping[str, float]) -> dict[int, float]:
        """Exceptions from `score` by class number; ConfigError for a class that the model does not have."""
        numbers = {name.casefold(): i for i, name in reversed(list(enumerate(self.names or ())))}
        wrong = [n for n in scores if n.casefold() not in numbers and (self.names or not n.isdecimal())]
        if wrong:
            known = f"the classes of {self.info.path.name} are {', '.join(self.names[:20])}" if self.names else ""
            raise ConfigError(
                f"scores: {self.info.path.name} has no class {wrong[0]!r}", hint=known or "name its classes by number"
            )
        return {numbers[n.casefold()] if self.names else int(n): score for n, score in scores.items()}

    def _least(self, classes: NDArray[Any]) -> NDArray[np.float64] | float:
        """The score from which each candidate is proposed."""
        if not self._exceptions:
            return self.settings.score
        least = np.full(len(classes), self.settings.score)
        for index, score in self._exceptions.items():
            least[classes == index] = score
        return least


def _inside(found: Candidates, placement: Placement) -> Candidates:
    """Those that have an area on the image."""
    corners = placement.to_image(found.corners).round(2)
    return found.take(np.flatnonzero((corners[:, 2:] > corners[:, :2]).all(axis=1)))
