"""A text in review: its lines, as wide as the terminal, under the class of the whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainset.core.model import Annotation, Item
from trainset.plugins import (
    Change,
    ClassEditor,
    Context,
    EditorView,
    Effect,
    Key,
    Point,
    Rect,
    Run,
    Scene,
    Size,
    Viewport,
    label_color,
    label_text,
)

_WIDEST = 100
"""Cells of a line, however wide the terminal: longer lines are hard to read."""

KEYS: tuple[Key, ...] = (
    Key("j", "scroll", "down", 1),
    Key("k", "scroll", "up", -1),
    Key("down", "scroll", "down", 1),
    Key("up", "scroll", "up", -1),
)


class TextView(EditorView):
    """The view of `classify` tasks. Scene coordinates are cells: a row of text is 1 high."""

    keys: Sequence[Key] = KEYS
    """Scrolling; a class needs none but the core's."""

    def open(self, item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context) -> None:
        """Show an item; MediaError if its text cannot be read."""
        self._text: str = context.media.load(item)
        self._wrapped: tuple[int, list[str]] = (0, [])
        self._seen = Rect(0, 0, 1, 1)
        self.editor = ClassEditor(item, context.task, versions)

    def scene(self, viewport: Viewport) -> Scene:
        """The classes, a free row, and the text in lines of words."""
        width = max(1, min(viewport.size.columns, _WIDEST))
        if self._wrapped[0] != width:
            self._wrapped = (width, list(wrapped(self._text, width)))
        rows: list[tuple[Run, ...]] = [tuple(self._classes()), (), *((Run(line),) for line in self._wrapped[1])]
        self._seen = viewport.region or Rect(0, 0, viewport.size.columns, viewport.size.rows)
        return Scene(Rect(0, 0, width, len(rows)), rows=rows)

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command of the core or of `keys`."""
        if command != "scroll":
            return super().do(command, at, argument)
        y = self._seen.y - 1 if argument < 0 else self._seen.bottom
        return Effect(region=Rect(0, min(max(y, 0), len(self._wrapped[1]) + 1), 1, 1))

    def thumbnail(self, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        """As much of the beginning of a text as has room."""
        lines = wrapped(context.media.load(item), max(1, size.columns))
        rows = [(Run(line),) for _, line in zip(range(size.rows), lines, strict=False)]
        return Scene(Rect(0, 0, size.columns, max(1, len(rows))), rows=rows)

    def _classes(self) -> Iterator[Run]:
        task = self.editor.task
        for annotation in self.editor.objects:
            yield Run(f" {label_text(annotation, task)} ", label_color(annotation, task), "reverse")
            yield Run(" ")
        if not self.editor.objects:
            yield Run("no class yet", style="dim")


def cells(text: str) -> int:
    """How many terminal cells a text takes: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def wrapped(text: str, width: int) -> Iterator[str]:
    """A text's lines, broken before the word (or, in a word that is longer, the character) that would pass `width`."""
    for paragraph in text.splitlines() or [""]:
        line, room = "", width
        for word in _words(paragraph):
            need = cells(word)
            if need > room and line:
                yield line
                line, room = "", width
            for part in _pieces(word, width):
                if cells(part) > room:
                    yield line
                    line, room = "", width
                line, room = line + part, room - cells(part)
        yield line


def _words(text: str) -> Iterator[str]:
    """Words, each with the blanks that follow it."""
    start = 0
    for at in range(1, len(text)):
        if text[at - 1] == " " and text[at] != " ":
            yield text[start:at]
            start = at
    yield text[start:]


def _pieces(word: str, width: int) -> Sequence[str]:
    return (word,) if cells(word) <= width else tuple(word)
