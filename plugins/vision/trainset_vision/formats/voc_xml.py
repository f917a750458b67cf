"""XML read without entities: a document type declaration is refused, as it can expand or fetch anything."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat


class Refused(Exception):
    """Why a file is not read, in words."""


def read_xml(path: Path) -> Element:
    """The root element of a file; Refused for what is damaged, or declares a document type."""
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Refused(f"not sound XML: {error}") from error
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from error
    return builder.close()


def refuse(name: str, *_: object) -> None:
    """Expat's handler of document type declarations."""
    raise Refused(f"it declares a document type ({name}), which is not read: it could expand without end")
