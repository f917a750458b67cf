"""A dialog to read in: help, guidelines, the reasons for an item and its history."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from trainset.core.files import visible
from trainset.core.protocols import Key
from trainset.tui.dialogs.dialog import Dialog
from trainset.tui.widgets.bars import key_name
from trainset.tui.widgets.colors import MUTED


class Reading(Dialog[None]):
    """Shows `body` under `title`; closes with Escape, q, or the key that opened it."""

    def __init__(self, title: str, body: Content, key: str) -> None:
        super().__init__()
        self.add_class("wide")
        self._title, self._body, self._key = title, body, key

    def compose(self) -> ComposeResult:
        """The frame and what is in it."""
        yield Static(Content.styled(self._title, "bold"), classes="title")
        with VerticalScroll(can_focus=True):
            yield Static(self._body)
        yield Static(Content.styled("j/k or arrows scroll · Esc closes", MUTED))

    def on_mount(self) -> None:
        """The text takes the keys that scroll."""
        self.query_one(VerticalScroll).focus()

    def on_key(self, event: events.Key) -> None:
        """Close, or scroll by a line."""
        scroll = self.query_one(VerticalScroll)
        if event.key in ("q", "enter", self._key):
            self.answer(None)
        elif event.key in ("j", "k"):
            scroll.scroll_relative(y=1 if event.key == "j" else -1, animate=False)
        else:
            return
        event.stop()


def prose(text: str) -> Content:
    """Plain text or Markdown as it is written, its headings bold, no markup interpreted."""
    parts: list[tuple[str, str]] = []
    for line in text.splitlines() or ["nothing is written here"]:
        heading = line.startswith("#")
        parts += [(visible(line.lstrip("# ") if heading else line), "bold $accent" if heading else ""), ("\n", "")]
    return Content.assemble(*parts).rstrip()


def sections(parts: Sequence[tuple[str, Sequence[str]]]) -> Content:
    """Titled lists of lines; those without lines are left out."""
    out: list[tuple[str, str]] = []
    for title, lines in parts:
        if lines:
            out.append((f"{title}\n", "bold $accent"))
            out += [(f"  {visible(line)}\n", "") for line in lines]
            out.append(("\n", ""))
    return Content.assemble(*out).rstrip()


def key_table(groups: Sequence[tuple[str, Sequence[Key]]]) -> Content:
    """Keys by group, those that do the same on one line."""
    parts: list[tuple[str, str]] = []
    for title, keys in groups:
        if not keys:
            continue
        together: dict[tuple[str, str], list[str]] = {}
        for key in keys:
            together.setdefault((key.command, key.help), []).append(key_name(key.key))
        parts.append((f"{visible(title)}\n", "bold $accent"))
        for (_, help), names in together.items():
            parts += [(f"  {' '.join(names):<14}", "bold"), (f"{visible(help)}\n", "")]
        parts.append(("\n", ""))
    return Content.assemble(*parts).rstrip()
