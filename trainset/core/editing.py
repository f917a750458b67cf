"""Editing the annotations of an item under review: what a view's commands make of them, and how it is undone.

A view of any modality builds on `EditorView` and an `Editor`, which knows a list with a selection, and nothing of
geometry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from trainset.core.model import Annotation, AttributeValue, Class, Item, Label, Opaque, Task
from trainset.core.protocols import Change, Effect
from trainset.core.scene import Line, Point

Similarity = Callable[[Sequence[Annotation], Sequence[Annotation], Item], NDArray[np.float64]]
"""`AnnotationOps.similarity` of a type, or `Context.similarity` for any."""

SEEN = Effect()
"""Nothing changed but what is selected or shown."""

UNSELECTED = Effect(message="select an object first")
"""What a command that needs a selection says without one."""


class Named(NamedTuple):
    """An annotation as it is shown: its number, label and score in words, its colour, and whether it is a candidate."""

    annotation: Annotation
    text: str
    color: int
    weak: bool


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

    With `similarity`, annotations that only other versions have (another run's, another reviewer's) are candidates:
    they can be selected and taken, and become objects by the first edit. So are, when they are asked for, what models
    hold for too weak to propose, which keeps its id, and what was proposed and is gone.
    """

    def __init__(
        self,
        item: Item,
        task: Task,
        versions: Mapping[str, Sequence[Annotation]],
        similarity: Similarity | None = None,
    ) -> None:
        self.item, self.task = item, task
        self._ids: set[str] = {a.id for version in versions.values() for a in version}
        seen = {""}
        objects: list[Annotation] = []
        for annotation in next(iter(versions.values()), ()):
            objects.append(replace(annotation, id=self.new_id()) if annotation.id in seen else annotation)
            seen.add(annotation.id)
        self.objects: tuple[Annotation, ...] = tuple(objects)
        self.selected: str | None = None
        self._recent: str | None = None
        self._similarity = similarity
        others = (
            replace(a, id=f"{name}/{n}")
            for name, version in list(versions.items())[1:]
            for n, a in enumerate(version)
            if not isinstance(a, Opaque)
        )
        self._others = sorted(others, key=lambda a: -(a.score or 0)) if similarity else []
        self._proposed = tuple(a for a in self.objects if a.score is not None and not isinstance(a, Opaque))
        self._weak: dict[str, Annotation] = {}
        self._matched: tuple[tuple[Annotation, ...], tuple[Annotation, ...]] | None = None
        self._alike: dict[int, tuple[Annotation, NDArray[np.bool_]]] = {}
        self._worded: dict[int, tuple[Annotation, str, int]] = {}

    # -- what is shown --------------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """The annotations for the side panel: objects numbered from 1, then candidates."""
        return [
            Line(a.id, " · ".join(filter(None, (text, self.measure(a)))), color, a.id == self.selected, weak)
            for a, text, color, weak in self.named()
        ]

    def named(self) -> Iterator[Named]:
        """The annotations as they are shown: objects numbered from 1, then candidates."""
        for n, annotation in enumerate(self.current(), 1):
            weak = n > len(self.objects)
            mark = "?" if weak else str(n)
            known = self._worded.get(id(annotation))
            if known is None or known[0] is not annotation:
                known = annotation, label_text(annotation, self.task), label_color(annotation, self.task)
                self._worded[id(annotation)] = known
            yield Named(annotation, f"{mark} {known[1]}", known[2], weak)
        if len(self._worded) > 2 * len(self._ids) + 1000:
            self._worded.clear()

    def measure(self, annotation: Annotation) -> str:
        """What the side panel says of an annotation beside its label: its size, in an editor that knows of one."""
        return ""

    def candidates(self) -> Sequence[Annotation]:
        """What of other versions is like none of the objects of its label, nor like each other; best score first."""
        if not self._others:
            return ()
        if self._matched is None or self._matched[0] is not self.objects:
            self._match()
            taken = np.zeros(len(self._others), bool)
            for annotation in self.objects:
                taken |= self._alike[id(annotation)][1]
            left = []
            for n, annotation in enumerate(self._others):
                if not taken[n]:
                    left.append(annotation)
                    taken |= self._alike[id(annotation)][1]
            self._matched = (self.objects, tuple(left))
        return self._matched[1]

    def _match(self) -> None:
        """Note which of the other versions' annotations each annotation is like, where that is not known yet."""
        known = [*self.objects, *self._others]
        new = [a for a in known if id(a) not in self._alike]
        if new and self._similarity is not None:
            alike = self._similarity(self._others, new, self.item) >= self.task.agree_above
            alike &= np.array([[str(a.label)] for a in self._others]) == np.array([str(a.label) for a in new])
            self._alike |= {id(a): (a, column) for a, column in zip(new, alike.T, strict=True)}
        self._alike = {id(a): self._alike[id(a)] for a in known}

    def weaker(self) -> Sequence[Annotation]:
        """What models hold for too weak, and what was proposed and is gone, as far as it is like no object or candidate, of
        whatever label, nor like a better one of these; best score first."""
        shown = (*self.objects, *self.candidates())
        there = {a.id for a in shown}
        pool = [a for a in (*self._proposed, *self._weak.values()) if a.id not in there]
        if not pool or self._similarity is None:
            return ()
        pool.sort(key=lambda a: -(a.score or 0))
        alike = self._similarity(pool, (*pool, *shown), self.item) >= self.task.agree_above
        left: list[int] = []
        for n in range(len(pool)):
            if not alike[n, [*left, *range(len(pool), len(pool) + len(shown))]].any():
                left.append(n)
        return [pool[n] for n in left]

    def current(self) -> tuple[Annotation, ...]:
        """The annotations that are there: objects, then candidates, and the weaker one that is selected."""
        shown = (*self.objects, *self.candidates())
        if self.selected is None or any(a.id == self.selected for a in shown):
            return shown
        return (*shown, *(a for a in (*self._proposed, *self._weak.values()) if a.id == self.selected))

    def chosen(self) -> Annotation | None:
        """The selected annotation."""
        return next((a for a in self.current() if a.id == self.selected), None)

    def annotations(self) -> tuple[Annotation, ...]:
        """The objects as they are stored."""
        return self.objects

    # -- commands -------------------------------------------------------------------------------------------

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command that the core sends to every view, `cycle` or `take`; None for any other."""
        match command:
            case "next" | "previous":
                return self._step(1 if command == "next" else -1)
            case "select":
                return self.select(argument if argument in {a.id for a in self.current()} else None)
            case "label":
                return self.label(argument)
            case "delete":
                return self._delete()
            case "attribute":
                return self._attribute(*argument)
            case "recent":
                self._recent = argument
            case "weak":
                self._weak = {a.id: a for some in argument.values() for a in some}
            case "cycle":
                return self.cycle([*self.candidates(), *self.weaker()])
            case "take":
                return self._take()
        return None

    def put(self, edited: Edited) -> None:
        """Go back, or forward, to a state of a change."""
        self.objects, self.selected = edited.objects, edited.selected

    def select(self, name: str | None) -> Effect | None:
        """Select an annotation by id, or none."""
        if name == self.selected:
            return None
        self.selected = name
        return SEEN

    def cycle(self, candidates: Sequence[Annotation]) -> Effect | None:
        """Select the one of these candidates that follows the selected one, and after the last none."""
        if not candidates:
            return Effect(message="no model has another candidate here")
        names = [c.id for c in candidates]
        at = names.index(self.selected) + 1 if self.selected in names else 0
        if at == len(names):
            self.select(None)
            return Effect(message="that was the last candidate here")
        self.select(names[at])
        said = label_text(candidates[at], self.task)
        return Effect(message=f"candidate {at + 1} of {len(names)}, {said}: c takes it, Esc leaves it")

    def label(self, name: str) -> Change | Effect | None:
        """Give the selected annotation, or the only one, a label by id."""
        given = self.given(name)
        if isinstance(given, Effect):
            return given
        alone = self.select(self.objects[0].id) if self.chosen() is None and len(self.objects) == 1 else None
        if self.chosen() is not None:
            self._recent = given.id
        return self.edit(given.title, label=given.id) or alone

    def edit(self, text: str, **fields: Any) -> Change | Effect | None:
        """Give the selected annotation other fields, and no score; a candidate becomes an object by it."""
        chosen = self.chosen()
        if chosen is None:
            return UNSELECTED
        if isinstance(chosen, Opaque):
            return Effect(message=f"no installed plugin can edit a {chosen.kind}")
        edited = replace(chosen, **fields, score=None)
        return None if edited == chosen and chosen in self.objects else self.become(text, edited)

    def become(self, text: str, *annotations: Annotation) -> Change | Effect:
        """Put these in the selected annotation's place: the first is that object, the others are new ones."""
        chosen = self.chosen()
        if chosen is None:
            return UNSELECTED
        first, *more = annotations
        parts = [replace(a, id=self.new_id()) for a in more]
        if all(a.id != chosen.id for a in self.objects):
            new = replace(first, id=chosen.id if chosen.id in self._weak else self.new_id())
            return self.change(text, (*self.objects, new, *parts), new.id)
        put = (replace(first, id=chosen.id), *parts)
        return self.change(
            text, tuple(p for a in self.objects for p in (put if a.id == chosen.id else (a,))), chosen.id
        )

    def add(self, text: str, annotation: Annotation) -> Change:
        """Take one more annotation, under an id of its own, and select it."""
        new = replace(annotation, id=self.new_id())
        return self.change(text, (*self.objects, new), new.id)

    def change(self, text: str, objects: tuple[Annotation, ...], selected: str | None) -> Change:
        """Take other annotations and selection, as one step that can be undone."""
        before, after = Edited(self.objects, self.selected), Edited(objects, selected)
        self.put(after)
        return Change(text, (before, after))

    def undo(self, change: Change) -> None:
        """Put back what was before a change."""
        self.put(change.data[0])

    def redo(self, change: Change) -> None:
        """Put back what a change made."""
        self.put(change.data[1])

    # -- what edits are made of -----------------------------------------------------------------------------

    @property
    def new_label(self) -> str | None:
        """The label of a new object: the one that was last given, on this item or before; else the task's first."""
        given = self.given(self._recent) if self._recent else None
        return given.id if isinstance(given, Label) else next((label.id for label in self.task.active), None)

    def new_id(self) -> str:
        """An id that no version of the item has."""
        name = next(f"a{n}" for n in range(1, len(self._ids) + 2) if f"a{n}" not in self._ids)
        self._ids.add(name)
        return name

    def given(self, name: str) -> Label | Effect:
        """The label of this id if it may be given, or what to say instead."""
        label = self.task.label(name)
        if label is None or label.retired:
            return Effect(message=f"{name} is not a label of this task" if label is None else f"{name} is retired")
        return label

    def _step(self, by: int) -> Effect | None:
        if not self.objects:
            return None
        at = next((n for n, a in enumerate(self.objects) if a.id == self.selected), -1 if by > 0 else 0)
        return self.select(self.objects[(at + by) % len(self.objects)].id)

    def _delete(self) -> Change | Effect:
        at = next((n for n, a in enumerate(self.objects) if a.id == self.selected), None)
        if at is None:
            return UNSELECTED
        rest = self.objects[:at] + self.objects[at + 1 :]
        return self.change("deleted", rest, rest[min(at, len(rest) - 1)].id if rest else None)

    def _take(self) -> Change | Effect | None:
        chosen = self.chosen()
        if chosen is None or chosen in self.objects:
            return Effect(message="this takes a candidate: select one first")
        return self.become("taken", chosen)

    def _attribute(self, name: str, value: AttributeValue) -> Change | Effect | None:
        chosen = self.chosen()
        if chosen is None:
            return UNSELECTED
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
        present = next((a for a in classes if a.label == given.id), None)
        if self.task.many and present:
            rest = tuple(a for a in self.objects if a is not present)
            return self.change(f"no longer {given.title}", rest, None)
        if self.task.many or not classes:
            return self.add(given.title, Class(label=given.id))
        new = replace(classes[0], label=given.id, score=None)
        others = tuple(a for a in self.objects if not isinstance(a, Class))
        return None if self.objects == (new, *others) else self.change(given.title, (new, *others), new.id)


class EditorView:
    """What every view does that leaves its edits to an editor, which its `open` sets."""

    editor: Editor

    def lines(self) -> Sequence[Line]:
        """The editor's annotations for the side panel."""
        return self.editor.lines()

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Have the editor carry out a command."""
        return self.editor.do(command, at, argument)

    def undo(self, change: Change) -> None:
        """Put back what was before the change."""
        self.editor.undo(change)

    def redo(self, change: Change) -> None:
        """Put back what the change made."""
        self.editor.redo(change)

    def annotations(self) -> tuple[Annotation, ...]:
        """The annotations as edited."""
        return self.editor.annotations()
