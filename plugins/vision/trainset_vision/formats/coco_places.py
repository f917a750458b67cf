"""Where images lie that a COCO file names: in the folders that such data sets have, or anywhere below the folder that was
imported."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from trainset_vision.formats.reading import Below


class Places:
    """The images below `src`, where that is a folder, and those around its COCO files."""

    def __init__(self, src: Path) -> None:
        self._below = Below(src) if src.is_dir() else None

    def of(self, path: Path) -> Callable[[str], Path | None]:
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
