"""One item on a reviewer's desk: what it opened with, the edits made to it, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from trainset.core.assisting import Hint
from trainset.core.model import Annotation, AttributeValue, Item, Task, Verdict
from trainset.core.protocols import Change, View
from trainset.core.queue import Entry
from trainset.errors import TrainsetError


@dataclass(frozen=True)
class Notice:
    """What the session last did or refused, for the status line. `remedy` is the end of an error's text, in brackets, which
    says what mends it: the last to give way."""

    text: str = ""
    kind: Literal["info", "saved", "refused", "error"] = "info"
    remedy: str = ""


def in_words(error: TrainsetError) -> str:
    """An error with its remedy, on one line."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


def failure(what: str, error: TrainsetError) -> Notice:
    """What was not done, why, and what mends it."""
    return Notice(f"{what}: {in_words(error)}", "error", error.hint or "")


@dataclass(frozen=True)
class Aside:
    """What belongs to the item rather than to its annotations: its attributes and the note of the next decision."""

    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True)
class Step:
    """One edit that can be undone: the view's change, the aside before and after it, or what was `opened` before and after
    when something else was taken up."""

    text: str
    change: Change | None = None
    before: Aside | None = None
    after: Aside | None = None
    opened: tuple[Mapping[str, Sequence[Annotation]], Mapping[str, Sequence[Annotation]]] | None = None


@dataclass
class Sitting:
    """One item on the desk: its view, the edits made to it, and how long it has been looked at.

    `opened` are the annotations as the view first gave them; `proposed` says whether there was an answer or a
    proposal to start from (an empty one counts). `objects` are those that the task asks about, by id. `blind` says why
    what is known of the item is hidden, "" where it is not. `hints` are what models say beside what they propose.
    `kept` is the last step of the edit that was kept as a draft. `error` says why the item cannot be shown; there is no
    view then.
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
    kept: Step | None = None
    seconds: float = 0.0
    blind: str = ""
    hints: Mapping[str, Hint] = field(default_factory=dict)

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """The annotations as edited."""
        return self.view.annotations() if self.view else ()

    @property
    def edited(self) -> bool:
        """Whether the annotations differ from those that the item opened with."""
        return self.annotations != self.opened


@dataclass(frozen=True, eq=False)
class Question:
    """What a view asked of a model: on which item, and the command that brings the answer."""

    sitting: Sitting
    command: str


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
