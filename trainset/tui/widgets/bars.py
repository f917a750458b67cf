"""The one-line bars: where one is, how things stand, and which keys there are."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from trainset.core.keymap import name
from trainset.core.model import Label
from trainset.core.protocols import Key
from trainset.core.reviewing import Assigned
from trainset.core.sitting import Notice
from trainset.tui.canvas.graphemes import fitted, fitted_end, width
from trainset.tui.widgets.colors import MUTED

GAP = "   "
DIGITS = "1234567890"
_NOTICES = {"saved": ("✓ ", "$success"), "refused": ("! ", "$warning"), "error": ("✗ ", "bold $error")}
_KEY_NAMES = {
    "question_mark": "?", "semicolon": ";", "slash": "/", "plus": "+", "minus": "-", "equals_sign": "=", "comma": ",",
    "full_stop": ".", "left_square_bracket": "[", "right_square_bracket": "]", "pageup": "PgUp", "pagedown": "PgDn",
    "enter": "Enter", "tab": "Tab", "space": "Space", "left": "←", "right": "→", "up": "↑", "down": "↓",
    "escape": "Esc", "apostrophe": "'", "quotation_mark": '"', "colon": ":", "exclamation_mark": "!",
    "less_than_sign": "<", "greater_than_sign": ">", "shift+tab": "S-Tab",
    "left_parenthesis": "(", "right_parenthesis": ")", "backspace": "BkSp",
}  # fmt: skip


def key_name(key: str) -> str:
    """How a key is called on screen, given Textual's name of it."""
    if key in _KEY_NAMES:
        return _KEY_NAMES[key]
    modifier, plus, plain = key.rpartition("+")
    return f"{modifier}+{key_name(plain)}" if plus else key


class Bar(Static):
    """A line that is repainted only when what it says changes."""

    DEFAULT_CSS = "Bar { height: 1; width: 100%; padding: 0 1; }"

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._said = Content()

    def say(self, content: Content) -> None:
        """Show this line."""
        if not content.is_same(self._said):
            self._said = content
            self.update(content, layout=False)


def spread(left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]], cells: int) -> Content:
    """Styled pieces from the left, others to the right end; the left's last pieces give way when it gets narrow."""
    room = cells - sum(width(text) for text, _ in right)
    parts: list[tuple[str, str]] = []
    for text, style in left:
        shown = fitted(text, max(0, room - 1))
        parts.append((shown, style))
        room -= width(shown)
    return Content.assemble(*parts, " " * max(0, room), *right)


def where_line(task: str, key: str, state: str, why: str, left: str, cells: int) -> Content:
    """The task, the item's key (last to give way), its state, why it is here, and what is left."""
    right = [(left, "bold")]
    room = cells - sum(map(width, (task, GAP, right[0][0]))) - 1
    parts = [(f"{task}{GAP}", MUTED), (fitted_end(key, room), "bold"), (f"{GAP}{state}", "$accent")]
    if why:
        parts.append((f"{GAP}why: {why}", MUTED))
    return spread(parts, right, cells)


def left_in_words(desk: object, count: int) -> str:
    """How much of a session's queue is left, and whose that is where it is shared."""
    whose = desk.whose if isinstance(desk, Assigned) else ""
    return f"{count:,} {f'{whose} ' if whose else ''}left"


def group_line(task: str, group: str, key: str, place: str, left: str, cells: int) -> Content:
    """The task, the group, the key of the item under the cursor (last to give way), where one is in it, what is left."""
    right = [(left, "bold")]
    room = cells - sum(map(width, (task, GAP, group, GAP, left))) - 1
    parts = [(f"{task}{GAP}", MUTED), (f"{group}{GAP}", "bold $accent"), (fitted_end(key, room), "bold")]
    return spread([*parts, (f"{GAP}{place}", MUTED)], right, cells)


def digit_line(labels: Sequence[Label], cells: int, find: str) -> Content:
    """The labels that digits give, as many as fit, and for the rest the key that finds them."""
    more = (find, f" finds {len(labels)}")
    room = cells - width("".join(more))
    parts: list[tuple[str, str]] = []
    for digit, label in zip(DIGITS, labels, strict=False):
        length = width(label.title) + 4
        if length > room:
            break
        room -= length
        parts += [(digit, "bold $accent"), (f" {fitted(label.title, length - 4)}  ", MUTED)]
    return Content.assemble(*parts, (more[0], "bold $accent"), (more[1], MUTED))


def status_line(notice: Notice, records: int, facts: Sequence[str], cells: int) -> Content:
    """What was last done or refused (else that the session's `records`, if any, are saved), and the facts that always
    stand there."""
    mark, style = _NOTICES.get(notice.kind, ("", ""))
    if notice.remedy and width(mark + notice.text) > cells:
        said = notice.text.removesuffix(f" ({notice.remedy})")
        return spread([(mark + said, style)], [(f" · {fitted(notice.remedy, cells * 3 // 4)}", style)], cells)
    right = [(" · ".join(facts), MUTED)]
    if not notice.text:
        return spread([("✓ all saved", "$success")] if records else [], right, cells)
    return spread([(mark + notice.text, style)], right if notice.kind != "error" else [], cells)


def hints(keys: Sequence[Key], words: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(key, word) pairs for the bar, of what settings call it and its word; what has no key is left out."""
    by: dict[str, str] = {}
    for key in keys:
        by.setdefault(name(key), key_name(key.key))
    digits = [by.get(f"relabel {n}") for n in range(9)] == [*DIGITS[:9]]
    pairs = [("1-9" if digits and what == "relabel 0" else by.get(what), word) for what, word in words]
    return [(key, word) for key, word in pairs if key is not None]


def key_line(keys: Sequence[tuple[str, str]], cells: int, help: str = "?") -> Content:
    """As many (key, word) pairs as fit, the key of the help always among them."""
    help_key = (help, "help")
    room = cells - width(" ".join(help_key))
    parts: list[tuple[str, str]] = []
    for key, word in keys:
        length = width(key) + 1 + width(word) + 2
        if length > room:
            break
        room -= length
        parts += [(key, "bold $accent"), (f" {word}  ", MUTED)]
    return Content.assemble(*parts, (help_key[0], "bold $accent"), (f" {help_key[1]}", MUTED))


def view_keys(keys: Sequence[Key]) -> list[tuple[str, str]]:
    """A view's keys for the bar: each command's letters (or else its other keys) together, with its name."""
    together: dict[str, list[str]] = {}
    for key in keys:
        together.setdefault(key.command, []).append(key.key)
    return [
        ("".join([key for key in names if len(key) == 1][:4]) or key_name(names[0]), command.replace("-", " "))
        for command, names in together.items()
    ]
