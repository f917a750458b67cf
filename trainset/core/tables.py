"""Classes in a table of labels, as CSV importers of every modality read them: its columns, and the rows of one item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast, get_args

from trainset.core.model import Class, State, Verdict
from trainset.core.protocols import Imported

CLASS_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "label": ("label", "class", "category", "intent", "labels", "class_name", "classname"),
    "score": ("score", "confidence"),
    "state": ("state",),
    "split": ("split", "subset"),
    "decided_by": ("decided_by", "reviewer", "annotator"),
}
"""What a column may hold, and the words by which a header names it; the importer adds those that name the item."""

_VERDICTS: Mapping[str, Verdict] = {"flagged": "flagged", "excluded": "excluded"}


def named_columns(header: Sequence[str], words: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Where in a header each kind of column is that it names by one of its words, whatever their case."""
    found = [cell.strip().casefold() for cell in header]
    named = {what: next((word for word in some if word in found), None) for what, some in words.items()}
    return {what: found.index(word) for what, word in named.items() if word is not None}


@dataclass
class ClassRows:
    """What the rows of one item say of it, from `line` on. Of what only one can hold, the first row's word counts."""

    line: int
    labels: dict[str, float | None] = field(default_factory=dict)
    state: State | None = None
    split: str | None = None
    reviewer: str | None = None

    def add(self, cells: Mapping[str, str]) -> str | None:
        """Take in a row's cells by column (`CLASS_COLUMNS`); what is wrong with it, in words."""
        label, written, state, split, people = (cells.get(what, "").strip() for what in CLASS_COLUMNS)
        if state in get_args(State):
            self.state = self.state or cast(State, state)
        self.split = self.split or split or None
        if len(names := people.split()) == 1:
            self.reviewer = self.reviewer or names[0]
        if not label:
            return None
        try:
            score = float(written) if written else None
        except ValueError:
            score = -1.0
        sound = score is None or 0 <= score <= 1
        self.labels.setdefault(label, score if sound else None)
        return None if sound else f"the score {written!r} is no number in 0..1 and is left out"

    @property
    def silent(self) -> bool:
        """No class, and no state to say that somebody looked."""
        return self.state == "unlabelled" or (not self.labels and self.state is None)

    def imported(self, name: str) -> Imported:
        """The item's labels, for the item that `name` finds."""
        return Imported(
            name=name,
            annotations=[Class(label=label, score=score) for label, score in self.labels.items()],
            split=self.split,
            state=self.state,
            verdict=_VERDICTS.get(self.state or "", "accepted"),
            reviewer=self.reviewer,
        )
