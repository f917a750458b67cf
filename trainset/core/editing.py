"""Editing the annotations of an item under review: what a view's commands make of them, and how it is undone.

A view of any modality builds on `Editor`: it knows a list with a selection, and nothing of geometry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from trainset.core.model import Annotation, AttributeValue, Class, Item, Task
from trainset.core.protocols import Change, Effect
from trainset.core.scene import Line

SEEN = Effect()
"""Nothing changed but what is selected or shown."""


@dataclass(frozen=True)
class Edited:
    """Annotations and selection, before or after a change."""

    objects: tuple[Annotation, ...]
    selected: str | None


def label_color(annotation: Annotation, task: Task) -> int:
    """The palette index of an annotation's label."""
    label = task.label(annotation.label) if annotation.label else None
    return label.index if label else 0


def label_text(annotation: Annotation, task: Task) -> str:
    """An annotation in words: its label's title and its score, such as `Screw .87`."""
    label = task.label(annotation.label) if annotation.label else None
    title = label.title if label else annotation.label or "no label"
    score = "" if annotation.score is None else f" {annotation.score:.2f}".replace(" 0.", " .")
    return title + score


class Editor:
    """A list of annotations with a selection, started from the first of `versions`.

    Every edit replaces the tuple of annotations, so a change is undone by putting the old one back. Ids are kept by
    edits and never given twice. An edited annotation has no score: a person decided it.
    """

    def __init__(self, item: Item, task: Task, versions: Mapping[str, Sequence[Annotation]]) -> None:
        self.item, self.task = item, task
        self._ids: set[str] = {a.id for version in versions.values() for a in version}
        seen = {""}
        objects: list[Annotation] = []
        for annotation in next(iter(versions.values()), ()):
            objects.append(replace(annotation, id=self.new_id()) if annotation.id in seen else annotation)
            seen.add(annotation.id)
        self.objects: tuple[Annotation, ...] = tuple(objects)
        self.selected: str | None = None

    # -- what is shown --------------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """The annotations for the side panel, numbered from 1."""
        return [
            Line(a.id, f"{n} {label_text(a, self.task)}", label_color(a, self.task), selected=a.id == self.selected)
            for n, a in enumerate(self.objects, 1)
        ]

    def current(self) -> tuple[Annotation, ...]:
        """The annotations that can be selected."""
        return self.objects

    def chosen(self) -> Annotation | None:
        """The selected annotation."""
        return next((a for a in self.current() if a.id == self.selected), None)

    # -- commands -------------------------------------------------------------------------------------------

    def command(self, name: str, argument: Any = None) -> Change | Effect | None:
        """Carry out one of the commands that the core sends to every view; None for any other."""
        match name:
            case "next" | "previous":
                return self._step(1 if name == "next" else -1)
            case "select":
                return self.select(argument if argument in {a.id for a in self.current()} else None)
            case "label":
                return self.label(argument)
            case "delete":
                return self._delete()
            case "attribute":
                return self._attribute(*argument)
        return None

    def put(self, edited: Edited) -> None:
        """Go back, or forward, to a state of a change."""
        self.objects, self.selected = edited.objects, edited.selected

    def undo(self, change: Change) -> None:
        """Put back what was before a change."""
        self.put(change.data[0])

    def redo(self, change: Change) -> None:
        """Put back what a change made."""
        self.put(change.data[1])

    def select(self, name: str | None) -> Effect | None:
        """Select an annotation by id, or none."""
        if name == self.selected:
            return None
        self.selected = name
        return SEEN

    def label(self, name: str) -> Change | Effect | None:
        """Give the selected annotation, or the only one, a label by id."""
        if self.chosen() is None and len(self.objects) == 1:
            self.selected = self.objects[0].id
        given = self.given(name)
        return given if isinstance(given, Effect) else self.edit(given[1], label=given[0])

    def edit(self, text: str, **fields: Any) -> Change | Effect | None:
        """Give the selected annotation other fields, and no score."""
        chosen = self.chosen()
        if chosen is None:
            return Effect(message="select an object first")
        edited = replace(chosen, **fields, score=None)
        if edited == chosen:
            return None
        return self.change(text, tuple(edited if a.id == chosen.id else a for a in self.objects), chosen.id)

    def change(self, text: str, objects: tuple[Annotation, ...], selected: str | None) -> Change:
        """Take other annotations and selection, as one step that can be undone."""
        before = Edited(self.objects, self.selected)
        self.put(Edited(objects, selected))
        return Change(text, (before, Edited(objects, selected)))

    def new_id(self) -> str:
        """An id that no version of the item has."""
        name = next(f"a{n}" for n in range(1, len(self._ids) + 2) if f"a{n}" not in self._ids)
        self._ids.add(name)
        return name

    def given(self, name: str) -> tuple[str, str] | Effect:
        """Id and title of a label that may be given, or what to say instead."""
        label = self.task.label(name)
        if label is None or label.retired:
            return Effect(message=f"{name} is not a label of this task" if label is None else f"{name} is retired")
        return label.id, label.title

    def _step(self, by: int) -> Effect | None:
        if not self.objects:
            return None
        at = next((n for n, a in enumerate(self.objects) if a.id == self.selected), -1 if by > 0 else 0)
        return self.select(self.objects[(at + by) % len(self.objects)].id)

    def _delete(self) -> Change | Effect | None:
        at = next((n for n, a in enumerate(self.objects) if a.id == self.selected), None)
        if at is None:
            return Effect(message="select an object first")
        rest = self.objects[:at] + self.objects[at + 1 :]
        return self.change("deleted", rest, rest[min(at, len(rest) - 1)].id if rest else None)

    def _attribute(self, name: str, value: AttributeValue) -> Change | Effect | None:
        chosen = self.chosen()
        if chosen is None:
            return Effect(message="select an object first")
        declared = next((a for a in self.task.attributes_of("object", chosen.label) if a.name == name), None)
        problem = declared.problem(value) if declared else f"objects of this label have no attribute {name}"
        if problem:
            return Effect(message=problem)
        rest = {key: old for key, old in chosen.attributes.items() if key != name}
        return self.edit(f"{name} set", attributes=rest if value is None else {**rest, name: value})


class ClassEditor(Editor):
    """The class, or with the task's `many` the classes, of the whole item."""

    def label(self, name: str) -> Change | Effect | None:
        """Make a label the class; with `many` add it, or take it away where it is there."""
        given = self.given(name)
        if isinstance(given, Effect):
            return given
        classes = [a for a in self.objects if isinstance(a, Class)]
        present = next((a for a in classes if a.label == given[0]), None)
        if self.task.many and present:
            rest = tuple(a for a in self.objects if a is not present)
            return self.change(f"no longer {given[1]}", rest, None)
        if self.task.many or not classes:
            new = Class(id=self.new_id(), label=given[0])
            return self.change(given[1], (*self.objects, new), new.id)
        new = replace(classes[0], label=given[0], score=None)
        others = tuple(a for a in self.objects if not isinstance(a, Class))
        return None if self.objects == (new, *others) else self.change(given[1], (new, *others), new.id)
