"""One item on a reviewer's desk: what it opened with, the edits made to it, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from trainset.core.model import Annotation, AttributeValue, Item, Task, Verdict
from trainset.core.protocols import Change, View
from trainset.core.queue import Entry
from trainset.errors import TrainsetError


@dataclass(frozen=True)
class Notice:
    """What the session last did or refused, for the status line."""

    text: str = ""
    kind: Literal["info", "saved", "refused", "error"] = "info"


def in_words(error: TrainsetError) -> str:
    """An error with its remedy, on one line."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


@dataclass(frozen=True)
class Aside:
    """What belongs to the item rather than to its annotations: its attributes and the note of the next decision."""

    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True)
class Step:
    """One edit that can be undone: the view's change, or the aside before and after it."""

    text: str
    change: Change | None = None
    before: Aside | None = None
    after: Aside | None = None


@dataclass
class Sitting:
    """One item on the desk: its view, the edits made to it, and how long it has been looked at.

    `opened` are the annotations as the view first gave them; `proposed` says whether there was an answer or a
    proposal to start from (an empty one counts). `objects` are those that the task asks about, by id. `blind` says why
    what is known of the item is hidden, "" where it is not.
    `error` says why the item cannot be shown; there is no view then.
    """

    entry: Entry
    item: Item
    view: View | None = None
    error: str = ""
    versions: Mapping[str, Sequence[Annotation]] = field(default_factory=dict)
    proposed: bool = False
    opened: tuple[Annotation, ...] = ()
    objects: tuple[str, ...] = ()
    aside: Aside = field(default_factory=Aside)
    steps: list[Step] = field(default_factory=list)
    undone: list[Step] = field(default_factory=list)
    seconds: float = 0.0
    blind: str = ""

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """The annotations as edited."""
        return self.view.annotations() if self.view else ()

    @property
    def edited(self) -> bool:
        """Whether the annotations differ from those that the item opened with."""
        return self.annotations != self.opened


@dataclass(frozen=True)
class Ruling:
    """A decision to be written: on an item, or with `object` on that object of its proposal."""

    item: Item
    verdict: Verdict
    annotations: tuple[Annotation, ...] | None = None
    object: str | None = None
    attributes: Mapping[str, AttributeValue] | None = None
    note: str | None = None
    seconds: float | None = None


def missing_attribute(
    task: Task, attributes: Mapping[str, AttributeValue] | None, annotations: Iterable[Annotation]
) -> str | None:
    """A required attribute that the item (whose own are `attributes`; None asks nothing of it) or one of its annotations
    lacks, in words."""
    for attribute in task.attributes_of("item") if attributes is not None else ():
        if attribute.required and attribute.name not in (attributes or {}):
            return f"{attribute.name} of the item"
    for annotation in annotations:
        for attribute in task.attributes_of("object", annotation.label):
            if attribute.required and attribute.name not in annotation.attributes:
                return f"{attribute.name} of {annotation.label or 'an object'}"
    return None


@dataclass(frozen=True)
class Decided:
    """A decision of this session: enough to withdraw it, and to decide the same again."""

    entry: Entry
    item: Item
    verdict: Verdict
    annotations: tuple[Annotation, ...] | None
    aside: Aside
    seconds: float
    steps: tuple[Step, ...]
    record: str = ""

    @property
    def ruling(self) -> Ruling:
        """The same, to be written again."""
        aside = self.aside
        return Ruling(
            self.item, self.verdict, self.annotations, None, aside.attributes or None, aside.note, self.seconds
        )
