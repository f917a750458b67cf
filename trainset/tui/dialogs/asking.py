"""Dialogs that ask for one thing: a line of text, or a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.fuzzy import FuzzySearch
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from trainset.core.files import visible
from trainset.core.model import Label
from trainset.tui.dialogs.dialog import Dialog
from trainset.tui.widgets.colors import MUTED

_LISTED = 50


class AskText(Dialog[str]):
    """Asks for a line of text; None where it is called off."""

    def __init__(self, title: str, value: str = "") -> None:
        super().__init__()
        self._title, self._value = title, value

    def compose(self) -> ComposeResult:
        """The question and its line."""
        yield Static(Content.styled(self._title, "bold"), classes="title")
        yield Input(self._value, select_on_focus=False)
        yield Static(Content.styled("Enter takes it · Esc leaves it", MUTED))

    def on_mount(self) -> None:
        """Ready to type."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The answer."""
        self.answer(event.value)


class AskLabel(Dialog[str]):
    """Asks for one of the labels (in the order given, until something is typed) and gives its id. `notes` stand beside
    labels, by their ids."""

    BINDINGS: ClassVar = [
        Binding("down,ctrl+n", "move(1)", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", show=False, priority=True),
    ]

    def __init__(
        self, labels: Sequence[Label], title: str = "Find a label", notes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__()
        self._labels, self._title, self._search = labels, title, FuzzySearch()
        self._notes = notes

    def compose(self) -> ComposeResult:
        """The line to type in, and what it finds."""
        yield Static(Content.styled(self._title, "bold"), classes="title")
        yield Input(placeholder="type a part of its name")
        yield OptionList()
        yield Static(id="found")

    def on_mount(self) -> None:
        """All labels, before anything is typed."""
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._list("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """What the text finds, best first."""
        self._list(event.value.strip())

    def _list(self, text: str) -> None:
        found = [(self._score(text, label), label) for label in self._labels]
        chosen = sorted((pair for pair in found if not text or pair[0] > 0), key=lambda pair: -pair[0])
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(_prompt(label, self._notes.get(label.id, "")), id=str(i))
            for i, (_, label) in enumerate(chosen[:_LISTED])
        )
        options.highlighted = 0 if chosen else None
        self._chosen = [label for _, label in chosen[:_LISTED]]
        note = f"{len(chosen)} of {len(self._labels)} · Enter gives it · Esc leaves it"
        self.query_one("#found", Static).update(Content.styled(note, MUTED))

    def _score(self, text: str, label: Label) -> float:
        return max(self._search.match(text, label.title)[0], self._search.match(text, label.id)[0]) if text else 0.0

    def action_move(self, by: int) -> None:
        """Another of the labels found."""
        options = self.query_one(OptionList)
        if self._chosen:
            options.highlighted = ((options.highlighted or 0) + by) % len(self._chosen)

    def on_input_submitted(self) -> None:
        """The highlighted label."""
        at = self.query_one(OptionList).highlighted
        if at is not None:
            self.answer(self._chosen[at].id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A label that was clicked."""
        self.answer(self._chosen[event.option_index].id)


def _prompt(label: Label, note: str) -> Content:
    name = visible(label.title)
    more = (visible(label.id) if label.id != label.title else "", note)
    return Content.assemble(name, ("".join(f"  {text}" for text in more if text), MUTED))
