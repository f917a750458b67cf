"""What a grid shows, and what it asks of a dataset: groups of tiles that share a label, and decisions on many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from trainset.core.model import Annotation, AttributeValue, Item, Task, Verdict
from trainset.core.reviewing import Desk
from trainset.core.sitting import Ruling

Subject = Literal["item", "object", "completeness"]
"""What a tile is decided on: the item as a whole, one object of its proposal, or whether none of its objects is missing."""

Order = Literal["low", "high", "queue", "odd"]
"""Lowest scores first, highest first, as the queue has the items, or those first that are least like the others."""

Name = tuple[str, str | None]
"""What a tile is known by: the item's key, and the object's id."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A place of a grid: an item, or one object of its proposal, with the score of what is proposed."""

    key: str
    object: str | None = None
    score: float | None = None

    @property
    def name(self) -> Name:
        """What it is known by."""
        return self.key, self.object


@dataclass(frozen=True)
class Group:
    """Tiles of which the same is predicted. `labels` are those of the items, or the one of the objects; () is "nothing
    there". `count` says how many there are, or with `at_most` an upper bound: objects that were decided one by one count."""

    subject: Subject
    labels: tuple[str, ...]
    count: int = field(compare=False)
    at_most: bool = field(default=False, compare=False)

    def title(self, task: Task) -> str:
        """The group in words."""
        if self.subject == "completeness":
            return "is anything missing?"
        names = (label.title if (label := task.label(name)) else name for name in self.labels)
        return " + ".join(names) or "nothing there"


@dataclass(frozen=True)
class Shown:
    """A tile as it stands when it comes on the screen.

    `annotations` are what an acceptance says: the object, the classes of the item, or (where it is to be said whether
    something is missing) all objects as decided. `focus` is where the tile's object is, `labelled` what a new label would
    be put on, None where there is not one label to change. `whole` is to be seen with all its annotations. `taken` says
    why there is nothing to decide (any more); "" where there is.
    """

    tile: Tile
    item: Item
    annotations: tuple[Annotation, ...] = ()
    focus: Annotation | None = None
    labelled: Annotation | None = None
    whole: bool = False
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    taken: str = ""


@dataclass(frozen=True)
class Mark:
    """What a reviewer says of a tile. `label` is the one that it gets instead, of `corrected`."""

    verdict: Verdict
    label: str | None = None


class Sheet(Protocol):
    """The tiles of a group in an order that stays. They are found as far as they are asked for."""

    def upto(self, count: int) -> Sequence[Tile]:
        """All the tiles that are found so far: at least `count`, fewer only where there are no more."""
        ...


class GridDesk(Desk, Protocol):
    """What a grid needs of a dataset beside what an item's review does."""

    def groups(self) -> Sequence[Group]:
        """What there is to look at, by predicted label."""
        ...

    @property
    def orders(self) -> Sequence[Order]:
        """The orders there are, the usual one first."""
        ...

    def sheet(self, group: Group, order: Order) -> Sheet:
        """The tiles of a group."""
        ...

    def show(self, group: Group, tiles: Sequence[Tile], *, ahead: bool = False) -> Sequence[Shown]:
        """How these tiles stand now. What is decided next of their items supersedes what there is now, unless they are
        looked at `ahead`."""
        ...

    def finished(self) -> int:
        """How many items are decided object by object, of which nobody said yet that nothing is missing."""
        ...

    def record_all(self, rulings: Sequence[Ruling]) -> Sequence[str]:
        """Write decisions, and return their record ids once all are on disk; TrainsetError where none was written."""
        ...

    def withdraw_all(self, records: Sequence[tuple[Item, str]]) -> None:
        """Take back decisions of the session, all or none."""
        ...
