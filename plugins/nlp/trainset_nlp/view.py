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
    Effect,
    Key,
    Line,
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


class TextView:
    """The view of `classify` tasks. Scene coordinates are cells: a row of text is 1 high."""

    def __init__(self) -> None:
        self._editor: ClassEditor | None = None
        self._text = ""
        self._wrapped: tuple[int, list[str]] = (0, [])
        self._seen = Rect(0, 0, 1, 1)

    @property
    def keys(self) -> Sequence[Key]:
        """Scrolling; a class needs none but the core's."""
        return KEYS

    def open(self, item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context) -> None:
        """Show an item; MediaError if its text cannot be read."""
        self._text = context.media.load(item)
        self._editor = ClassEditor(item, context.task, versions)
        self._wrapped = (0, [])

    def scene(self, viewport: Viewport) -> Scene:
        """The classes, a free row, and the text in lines of words."""
        assert self._editor is not None
        width = max(1, min(viewport.size.columns, _WIDEST))
        if self._wrapped[0] != width:
            self._wrapped = (width, list(wrapped(self._text, width)))
        rows: list[tuple[Run, ...]] = [tuple(self._classes()), (), *((Run(line),) for line in self._wrapped[1])]
        self._seen = viewport.region or Rect(0, 0, viewport.size.columns, viewport.size.rows)
        return Scene(Rect(0, 0, width, len(rows)), rows=rows)

    def lines(self) -> Sequence[Line]:
        """The classes for the side panel."""
        return self._editor.lines() if self._editor else []

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command of the core or of `keys`."""
        if self._editor is None:
            return None
        if command == "scroll":
            y = self._seen.y - 1 if argument < 0 else self._seen.bottom
            return Effect(region=Rect(0, min(max(y, 0), len(self._wrapped[1]) + 1), 1, 1))
        return self._editor.command(command, argument)

    def undo(self, change: Change) -> None:
        """Put back what was before the change."""
        if self._editor:
            self._editor.undo(change)

    def redo(self, change: Change) -> None:
        """Put back what the change made."""
        if self._editor:
            self._editor.redo(change)

    def annotations(self) -> tuple[Annotation, ...]:
        """The classes as edited."""
        return self._editor.objects if self._editor else ()

    def thumbnail(self, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        """As much of the beginning of a text as has room."""
        lines = wrapped(context.media.load(item), max(1, size.columns))
        rows = [(Run(line),) for _, line in zip(range(size.rows), lines, strict=False)]
        return Scene(Rect(0, 0, size.columns, max(1, len(rows))), rows=rows)

    def _classes(self) -> Iterator[Run]:
        assert self._editor is not None
        for annotation in self._editor.objects:
            yield Run(
                f" {label_text(annotation, self._editor.task)} ", label_color(annotation, self._editor.task), "reverse"
            )
            yield Run(" ")
        if not self._editor.objects:
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
