"""The dialog for declared attributes, of the selected object and of the item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Select, Static

from trainset.core.files import visible
from trainset.core.model import Attribute, AttributeValue
from trainset.tui.dialogs.dialog import Dialog
from trainset.tui.widgets.colors import MUTED


@dataclass(frozen=True)
class Slot:
    """A declared attribute, of an object or of the item, and its present value."""

    of: Literal["object", "item"]
    attribute: Attribute
    value: AttributeValue


Changes = Mapping[tuple[Literal["object", "item"], str], AttributeValue]


class AskAttributes(Dialog[Changes]):
    """Shows a field for each slot, and gives the values that changed; None where it is called off."""

    BINDINGS: ClassVar = [Binding("ctrl+s", "save", show=False, priority=True)]

    def __init__(self, title: str, slots: Sequence[Slot]) -> None:
        super().__init__()
        self._title, self._slots = title, slots
        self._fields: list[Input | Select[AttributeValue]] = []

    def compose(self) -> ComposeResult:
        """A name and a field for each attribute."""
        yield Static(Content.styled(visible(self._title), "bold"), classes="title")
        with VerticalScroll():
            for slot in self._slots:
                need = " (required)" if slot.attribute.required else ""
                yield Static(Content.assemble(visible(slot.attribute.name), (f" of the {slot.of}{need}", MUTED)))
                self._fields.append(_field(slot))
                yield self._fields[-1]
        yield Static(id="problem")
        yield Static(Content.styled("Tab next · Ctrl+S or Enter in a line saves · Esc leaves it", MUTED))

    def on_mount(self) -> None:
        """Start in the first field."""
        self._fields[0].focus()

    def on_input_submitted(self) -> None:
        """Enter in a line saves."""
        self.action_save()

    def action_save(self) -> None:
        """Check every field, and close with what changed."""
        changes: dict[tuple[Literal["object", "item"], str], AttributeValue] = {}
        for slot, field in zip(self._slots, self._fields, strict=True):
            value = _read(slot.attribute, field)
            if problem := slot.attribute.problem(value):
                self.query_one("#problem", Static).update(Content.styled(visible(problem), "$error"))
                field.focus()
                return
            if value != slot.value:
                changes[slot.of, slot.attribute.name] = value
        self.answer(changes)


def _field(slot: Slot) -> Input | Select[AttributeValue]:
    choices: list[tuple[Content, AttributeValue]]
    if slot.attribute.type == "choice":
        choices = [(Content(visible(c)), c) for c in slot.attribute.choices]
    elif slot.attribute.type == "flag":
        choices = [(Content("yes"), True), (Content("no"), False)]
    else:
        return Input("" if slot.value is None else str(slot.value))
    known = any(value == slot.value for _, value in choices)
    return Select(choices, prompt="not set", value=slot.value if known else Select.NULL, compact=True)


def _read(attribute: Attribute, field: Input | Select[AttributeValue]) -> AttributeValue:
    if isinstance(field, Select):
        return field.selection
    text = field.value.strip()
    if attribute.type == "number" and text:
        try:
            return float(text)
        except ValueError:
            return text  # which the attribute then calls no number
    return text or None
