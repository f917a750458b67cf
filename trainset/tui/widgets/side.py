"""The side panel: the item's objects, the labels with their digits, and why the item is here."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from trainset.core.model import Label
from trainset.core.scene import Line
from trainset.tui.canvas.graphemes import fitted
from trainset.tui.canvas.palette import hexadecimal, palette
from trainset.tui.widgets.bars import DIGITS, key_name
from trainset.tui.widgets.colors import MUTED, TITLE


class Side(Vertical):
    """Three sections; each is repainted only when what it says changes."""

    keys: tuple[str, str] = ("t", "e")
    """The keys, by Textual's names, that find a label and tell more of the reasons."""

    def compose(self) -> ComposeResult:
        """The sections, from above."""
        for name in ("objects", "labels", "why"):
            yield Static(id=name)

    def on_mount(self) -> None:
        """Remember what each section says."""
        self._said: dict[str, Content] = {}

    def show(self, lines: Sequence[Line], labels: Sequence[Label], label: str | None, why: Sequence[str]) -> None:
        """Show the objects, the task's labels in the order of their digits (`label` marked), and the reasons."""
        cells = self.content_size.width
        objects = self.query_one("#objects").content_size.height
        self._say("objects", object_list(lines, cells, max(objects, 2)))
        self._say("labels", label_list(labels, label, cells, key_name(self.keys[0])), layout=True)
        self._say("why", reason_list(why, cells, key_name(self.keys[1])), layout=True)

    def _say(self, name: str, content: Content, layout: bool = False) -> None:
        said = self._said.get(name)
        if said is None or not content.is_same(said):
            self._said[name] = content
            moves = layout and (said is None or said.plain.count("\n") != content.plain.count("\n"))
            section = self.query_one(f"#{name}", Static)
            section.update(content, layout=moves)
            section.display = bool(content.plain)


def _title(text: str, note: str = "") -> list[tuple[str, str]]:
    return [(text.upper(), TITLE), (f" {note}" if note else "", MUTED), ("\n", "")]


class Differences(Side):
    """The same panel for versions that are compared: what differs, what each says of the selected, and the reasons."""

    def tell(self, lines: Sequence[Line], details: Sequence[str], why: Sequence[str]) -> None:
        """Show the differences, the selected one in words, and the reasons."""
        cells = self.content_size.width
        objects = self.query_one("#objects").content_size.height
        self._say("objects", object_list(lines, cells, max(objects, 2), "differences"))
        self._say("labels", detail_list(details, cells), layout=True)
        self._say("why", reason_list(why, cells, key_name(self.keys[1])), layout=True)


def object_list(lines: Sequence[Line], cells: int, height: int, title: str = "objects") -> Content:
    """As many objects as `height` lines show under the title, the selected one among them."""
    chosen = next((i for i, line in enumerate(lines) if line.selected), None)
    note = f"{chosen + 1} of {len(lines)}" if chosen is not None else str(len(lines))
    room = max(1, height - 1)
    start = min(max(0, (chosen or 0) - room // 2), max(0, len(lines) - room))
    parts = _title(title, note)
    if not lines:
        parts.append(("none", MUTED))
    for line in lines[start : start + room]:
        mark, style = ("▶", "bold reverse") if line.selected else ("┆", MUTED) if line.weak else (" ", "")
        parts += [(mark, "bold" if line.selected else MUTED), ("■ ", hexadecimal(palette(line.color)))]
        parts += [(fitted(line.text, cells - 3), style), ("\n", "")]
    return Content.assemble(*parts).rstrip()


def detail_list(details: Sequence[str], cells: int) -> Content:
    """What each version says, wrapped by the widget."""
    if not details:
        return Content()
    return Content.assemble(*_title("they say"), "\n".join(fitted(line, 3 * cells) for line in details))


def label_list(labels: Sequence[Label], label: str | None, cells: int, find: str) -> Content:
    """The labels that digits give; for the rest the key that finds them."""
    if not labels:
        return Content()
    parts = _title("labels", "" if len(labels) <= len(DIGITS) else f"{find} finds {len(labels)}")
    for digit, each in zip(DIGITS, labels, strict=False):
        style = "bold" if each.id == label else ""
        parts += [(f"{digit} ", "$accent"), (fitted(each.title, cells - 2), style), ("\n", "")]
    return Content.assemble(*parts).rstrip()


def reason_list(why: Sequence[str], cells: int, more: str) -> Content:
    """The reasons, wrapped by the widget."""
    if not why:
        return Content()
    text = "\n".join(f"· {fitted(reason, 6 * cells)}" for reason in why)
    return Content.assemble(*_title("why", f"{more} tells more"), text)
