"""What was worked out of annotations once, so that a screenful of them is not worked out anew for each key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from trainset.core.model import Annotation

T = TypeVar("T")

_MOST = 20_000


class Kept(Generic[T]):
    """A function of an annotation that remembers its values. Annotations never change, and are told apart by identity."""

    def __init__(self, make: Callable[[Annotation], T]) -> None:
        self._make = make
        self._known: OrderedDict[int, tuple[Annotation, T]] = OrderedDict()

    def __call__(self, annotation: Annotation) -> T:
        """The value for an annotation."""
        found = self._known.get(id(annotation))
        if found is None or found[0] is not annotation:
            found = self._known[id(annotation)] = (annotation, self._make(annotation))
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(id(annotation))
        return found[1]
