"""One review session: the current item, its edits, undo and redo, and what gets recorded. Pure of any terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from trainset.core.model import Annotation, AttributeValue, Item, State, Task, Verdict


@dataclass(frozen=True)
class Entry:
    """A place in the queue: the item, how urgent it is (higher first), and why it is there, in words."""

    key: str
    priority: float
    reason: str


class Desk(Protocol):
    """What a session needs of a dataset: what to look at, and where decisions go. Every record is durable on return."""

    @property
    def task(self) -> Task: ...
    @property
    def reviewer(self) -> str: ...
    def queue(self) -> Sequence[Entry]:
        """What waits for a person, most urgent first, as of now."""
        ...

    def item(self, key: str) -> Item: ...
    def state(self, item: Item) -> State: ...
    def versions(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """What to start from, by name: the present answer(s) or the proposal first, then other runs'."""
        ...

    def item_attributes(self, item: Item) -> Mapping[str, AttributeValue]: ...
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
