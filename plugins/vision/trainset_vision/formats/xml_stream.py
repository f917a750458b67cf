"""XML read child by child, without entities: a document type declaration is refused, as it can expand or fetch anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from trainset_vision.formats.voc_xml import Refused, refuse

_PIECE = 1 << 16
_DEEPEST = 64


def children(path: Path, root: str) -> Iterator[Element]:
    """The children of a file's root element, one after another; memory holds one at a time.

    Refused where the root is not called `root`, for what declares a document type, and, at its place, for damage.
    """
    reader = _Children(root)
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                reader.parser.Parse(piece, False)
                yield from reader.taken()
            reader.parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Refused(f"not sound XML: {error}") from error
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from error
    yield from reader.taken()


def printable(text: str) -> bool:
    """Whether XML can hold a text."""
    return all(char in "\t\n\r" or " " <= char < "\ud800" or "\udfff" < char not in "\ufffe\uffff" for char in text)


class _Children:
    def __init__(self, root: str) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.StartDoctypeDeclHandler = refuse
        self._root = root
        self._depth = 0
        self._builder = TreeBuilder()
        self._ready: list[Element] = []

    def taken(self) -> list[Element]:
        """The children that have ended since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth == 0 and tag != self._root:
            raise Refused(f"the root element is <{tag}>, not <{self._root}>")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Refused("its elements are nested too deeply")
        if self._depth > 1:
            self._builder.start(tag, attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._depth > 0:
            self._builder.end(tag)
        if self._depth == 1:
            self._ready.append(self._builder.close())
            self._builder = TreeBuilder()

    def _data(self, text: str) -> None:
        if self._depth > 1:
            self._builder.data(text)
