"""Which class each number or colour in a mask is: by its legend, else by the export indices of the task's labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from trainset.core.model import Task
from trainset.errors import TrainsetError
from trainset_vision.annotations import Rle, rle
from trainset_vision.formats.label_image import VOID, LabelImage, masks_of, nearest, unpacked
from trainset_vision.formats.legend import Entry, Legend


@dataclass
class Found:
    """What a mask says: the masks of its classes by name, how many pixels are void, and how many are of each value that
    means nothing, with the class that is nearest to it."""

    classes: dict[str, Rle] = field(default_factory=dict)
    void: int = 0
    strange: dict[int, tuple[int, str]] = field(default_factory=dict)


class Meaning:
    """Reads label images by one legend."""

    def __init__(self, legend: Legend, task: Task | None = None) -> None:
        entries = legend.entries
        if not entries and task is not None:
            entries = [Entry(label.title, label.index + 1) for label in task.labels]
        self._by_value = {entry.value: entry for entry in entries if entry.value is not None}
        self._by_colour = {entry.colour: entry for entry in entries if entry.colour is not None}
        self._by_line = legend.lines
        self._single = entries[0].name if len(entries) == 1 and not legend.path else None

    def read(self, image: LabelImage, where: str) -> Found:
        """The classes of an image. TrainsetError where nothing says what its colours mean."""
        masks = masks_of(image.values)
        means = self.entries(image, masks, where)
        found = Found()
        for value, mask in masks.items():
            entry = means.get(value)
            count = rle.area(rle.runs(mask.counts, mask.size))
            if entry is None and self._blank(image, value):
                continue
            if entry is None and self._void(image, value):
                found.void += count
            elif entry is None:
                found.strange[value] = (count, self._nearest(image, value))
            elif not entry.background:
                found.classes[entry.name] = mask
        return found

    def entries(self, image: LabelImage, values: Iterable[int], where: str) -> dict[int, Entry]:
        """The legend's entries of the values that it knows."""
        kept = [value for value in values if value]
        if image.kind != "colours" and self._single and set(kept) == {VOID} and VOID not in self._by_value:
            return {VOID: Entry(self._single)}  # black and white, and only one class to speak of
        if image.kind != "colours" and self._by_value:
            return {value: self._by_value[value] for value in values if value in self._by_value}
        if self._by_colour:
            named = {value: self._by_colour.get(colour) for value in values if (colour := image.colour(value))}
            means = {value: entry for value, entry in named.items() if entry is not None}
            if image.kind == "colours" or not self._by_line or any(not entry.background for entry in means.values()):
                return means
        if image.kind != "colours":
            return {value: self._by_line[value] for value in values if value in self._by_line}
        grey = {value: unpacked(value)[0] for value in values if len(set(unpacked(value))) == 1}
        if len(grey) < len(list(values)) or not (self._by_value or self._by_line):
            raise TrainsetError(
                f"{where}: nothing says what its colours mean", hint="put a legend.csv beside it: name,r,g,b"
            )
        known = self._by_value or self._by_line
        return {value: known[level] for value, level in grey.items() if level in known}

    def _blank(self, image: LabelImage, value: int) -> bool:
        """Whether a value that the legend does not know is background: 0, and black where colours count."""
        if image.kind == "indices" and self._by_colour and not self._by_value:
            return image.colour(value) == (0, 0, 0)
        return value == 0

    def _void(self, image: LabelImage, value: int) -> bool:
        colour = image.colour(value) if image.kind != "numbers" else None
        return colour in ((224, 224, 192), (255, 255, 255)) or (image.kind != "colours" and value == VOID)

    def _nearest(self, image: LabelImage, value: int) -> str:
        if image.kind != "colours" and (known := self._by_value or self._by_line):
            return min(known.items(), key=lambda entry: abs(entry[0] - value))[1].name
        colour = image.colour(value)
        names = {colour: entry.name for colour, entry in self._by_colour.items()}
        return nearest(colour, names) if colour and names else "none"
