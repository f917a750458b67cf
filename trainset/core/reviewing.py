"""What a review needs of a dataset, whichever way it is shown: items to look at, and a place where decisions go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from trainset.core.company import Company
from trainset.core.comparing import Rival
from trainset.core.drafts import Draft
from trainset.core.model import Annotation, AttributeValue, Item, State, Task, Verdict
from trainset.core.queue import Queue


class Desk(Protocol):
    """What a session needs of a dataset: what to look at, and where decisions go. Every record is durable on return."""

    @property
    def task(self) -> Task:
        """The task under review."""
        ...

    @property
    def reviewer(self) -> str:
        """The handle of who decides."""
        ...

    def queue(self) -> Queue:
        """What waits for a person, most urgent first, as of now."""
        ...

    def item(self, key: str) -> Item:
        """The item of this key; TrainsetError if there is none."""
        ...

    def state(self, item: Item) -> State:
        """Where it stands now; "unlabelled" where nobody and no model has said anything of it."""
        ...

    def versions(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """What to start from, by name: the present answer(s) or the proposal first, then other runs'."""
        ...

    def item_attributes(self, item: Item) -> Mapping[str, AttributeValue]:
        """The attributes of the item as a whole."""
        ...

    def why(self, item: Item) -> Sequence[str]:
        """The reasons why a person should look at it, in words."""
        ...

    def history(self, item: Item) -> Sequence[str]:
        """Its records so far, a line each, oldest first."""
        ...

    def record(
        self,
        item: Item,
        verdict: Verdict,
        annotations: Sequence[Annotation] | None = None,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        note: str | None = None,
        seconds: float | None = None,
    ) -> str:
        """Write a decision and return its record id once it is on disk; TrainsetError if it could not be written."""
        ...

    def withdraw(self, item: Item, record: str) -> str:
        """Take back one of the session's own decisions; returns the withdrawal's record id."""
        ...

    def waiting(self) -> int:
        """How many items wait for a person."""
        ...

    def uncommitted(self) -> int:
        """How many decisions are on disk but not in a Git commit."""
        ...


class RivalDesk(Desk, Protocol):
    """What comparing answers needs of a dataset beside what an item's review does."""

    def rivals(self, item: Item, *, model: bool = False) -> Sequence[Rival]:
        """The answers to compare, in an order that stays; with `model` the proposals too. What is decided next names all
        that was shown."""
        ...


@runtime_checkable
class Blinding(RivalDesk, Protocol):
    """A desk that hides of some items what is known of them, until they are decided; of `rivals` the reviewer's own answer
    comes first."""

    def blind(self, item: Item) -> str:
        """Why an item is to be decided blind, in words; "" where it is not."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A desk that keeps edits which are not decided yet, beyond the end of their session."""

    def drafts(self) -> Sequence[Draft]:
        """What earlier sessions left undecided, the latest first."""
        ...

    def keep_draft(
        self, item: Item, annotations: Sequence[Annotation], attributes: Mapping[str, AttributeValue], note: str | None
    ) -> None:
        """Have an edit of an item on disk soon, in place of an earlier one; nobody waits for it."""
        ...

    def drop_draft(self, key: str) -> None:
        """Forget the edit of an item."""
        ...


@runtime_checkable
class Assigned(Protocol):
    """A desk whose queue is shared among reviewers."""

    @property
    def whose(self) -> str:
        """Whose the items of the queue are, in words; "" where it holds all that waits."""
        ...

    @property
    def outside(self) -> str:
        """Why the queue has nothing for the reviewer, in words; "" where they have their part of it."""
        ...


def outside_in_words(desk: object) -> str:
    """Why a desk's queue has nothing for its reviewer; "" where that is not known."""
    return desk.outside if isinstance(desk, Assigned) else ""


@runtime_checkable
class Sharing(Protocol):
    """A desk beside which others may sit, at the same dataset."""

    @property
    def company(self) -> Company:
        """The others."""
        ...
