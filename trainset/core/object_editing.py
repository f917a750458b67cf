"""Giving each object of another task its class under review: which object is selected, and which one comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from trainset.core.editing import UNSELECTED, ClassEditor, Editor, label_color, label_text
from trainset.core.model import Annotation, Class, Item, Opaque, Task
from trainset.core.protocols import Change, Context, Effect
from trainset.core.scene import Line, Point


class ObjectClassEditor(Editor):
    """One class for each of the objects that a task asks about; what speaks of none of them stays as it is.

    `about` are those objects as their own task has them; an answer is a `Class` with the id of its object. Lines and the
    selection go by `about`: a view draws each object's place, in the words and the colour of its line (`placed`).
    """

    def __init__(
        self, item: Item, task: Task, versions: Mapping[str, Sequence[Annotation]], about: Sequence[Annotation]
    ) -> None:
        super().__init__(item, task, versions)
        self.about = tuple(about)
        self.objects = self._ordered({a.id: a for a in self.objects})
        self.selected = self._next_open(None) or next((a.id for a in self.about), None)

    def lines(self) -> list[Line]:
        """A line for each object: its number, what it is, and its class; a weak one where it has none."""
        given = {a.id: a for a in self.objects}
        found = []
        for number, one in enumerate(self.about, 1):
            answer = given.get(one.id)
            text = "no answer" if answer is None else label_text(answer, self.task)
            color = 0 if answer is None else label_color(answer, self.task)
            name = f"{number} {one.label}: {text}" if one.label else f"{number} {text}"
            found.append(Line(one.id, name, color, one.id == self.selected, answer is None))
        known = {a.id for a in self.about}
        return found + [
            Line(a.id, label_text(a, self.task), label_color(a, self.task), a.id == self.selected)
            for a in self.objects
            if a.id not in known
        ]

    def placed(self) -> list[tuple[Annotation, Line]]:
        """Each object, as its own task has it, with its line: what a view draws."""
        return list(zip(self.about, self.lines(), strict=False))

    def place(self) -> Annotation | None:
        """The selected object, as its own task has it."""
        return next((a for a in self.about if a.id == self.selected), None)

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command of the core's; `delete` takes an object's answer away."""
        if command == "select":
            return self.select(argument if argument in {line.id for line in self.lines()} else None)
        return super().do(command, at, argument)

    def label(self, name: str) -> Change | Effect | None:
        """Answer for the selected object, and go on to the next that has no answer."""
        given = self.given(name)
        if isinstance(given, Effect):
            return given
        if self.selected is None:
            return UNSELECTED
        before = self.chosen()
        if isinstance(before, Opaque):
            return Effect(message=f"no installed plugin can edit a {before.kind}")
        new = Class(id=self.selected, label=given.id) if before is None else replace(before, label=given.id, score=None)
        objects = self._ordered({**{a.id: a for a in self.objects}, new.id: new})
        after = self._next_open(self.selected, objects) or self.selected
        return self.select(after) if objects == self.objects else self.change(given.title, objects, after)

    def _step(self, by: int) -> Effect | None:
        names = [line.id for line in self.lines()]
        if not names:
            return None
        at = names.index(self.selected) if self.selected in names else -1 if by > 0 else 0
        return self.select(names[(at + by) % len(names)])

    def _delete(self) -> Change | Effect:
        if self.chosen() is None:
            return UNSELECTED
        return self.change("answer taken away", tuple(a for a in self.objects if a.id != self.selected), self.selected)

    def _ordered(self, answers: Mapping[str, Annotation]) -> tuple[Annotation, ...]:
        """The answers in the order of the objects, the others behind them."""
        names = [a.id for a in self.about]
        return (
            *(answers[name] for name in names if name in answers),
            *(a for a in answers.values() if a.id not in names),
        )

    def _next_open(self, after: str | None, objects: Sequence[Annotation] | None = None) -> str | None:
        """The first object behind another, and round again, that has no answer."""
        given = {a.id for a in (self.objects if objects is None else objects)}
        names = [a.id for a in self.about]
        start = names.index(after) + 1 if after in names else 0
        return next((name for name in names[start:] + names[:start] if name not in given), None)


def class_editor(item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context) -> Editor:
    """The editor of a `classify` task: of the item's class, or of a class for each object that the task asks about."""
    if context.task.on is None:
        return ClassEditor(item, context.task, versions)
    return ObjectClassEditor(item, context.task, versions, context.objects(item))
