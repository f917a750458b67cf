"""Where images lie that a COCO file names: in the folders that such data sets have, or anywhere below the folder that was
imported."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from trainset.plugins import ImportContext
from trainset_vision.formats.label_studio_names import names_of, original
from trainset_vision.formats.reading import Below, match

Locate = Callable[[str], Path | None]

_ADDRESS = re.compile(r"://|(?:^|/)data/(?:upload|local-files)/|(?:^|/)[0-9a-f]{8}-")
"""What a name has that is an address, or may be that of an upload, as Label Studio writes them."""


class Places:
    """The images below `src`, where that is a folder, and those around its COCO files."""

    def __init__(self, src: Path) -> None:
        self._below = Below(src) if src.is_dir() else None

    def of(self, path: Path) -> Locate:
        """Finds the image that the COCO file at `path` names; None where it is nowhere, or could be one of several."""
        subset = path.stem.partition("_")[2] if not path.stem.startswith("person_") else path.stem.split("_", 2)[-1]
        parent, root = path.parent, path.parent.parent
        folders = [parent, parent / "images", root / "images"]
        folders += [root / subset, root / "images" / subset] if subset else []
        folders += [root] if parent.name == "annotations" else []
        places = [(str(folder), set(os.listdir(folder))) for folder in folders if folder.is_dir()]  # noqa: PTH208

        def locate(name: str) -> Path | None:
            if name.startswith(("/", "\\")) or ".." in name:
                return None
            first = name.partition("/")[0]
            for place, names in places:
                if first in names and os.path.isfile(f"{place}/{name}"):  # noqa: PTH113
                    return Path(f"{place}/{name}")
            return self._below.find(name) if self._below is not None else None

        return locate


def known_as(name: str, locate: Locate, context: ImportContext) -> tuple[str, Path | None]:
    """The name that an image is found by, and where it lies: `name` itself, or what that stands for as an address."""
    path = locate(name)
    address = ("/" in name or "-" in name) and _ADDRESS.search(name) is not None
    if path is not None or not (address or "%" in name) or context.find(name) is not None:
        return name, path
    names = [one for one in names_of(name) if one] if address else [name, unquote(name)]
    there = next(((one, path) for one in names if (path := locate(one)) is not None), None)
    known, item = match(context, names)
    if item is None:
        known = there[0] if there else (address and original(name)) or name
    return known, there and there[1]
