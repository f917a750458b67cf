"""Masks as images: one for each picture whose pixels are classes, or one for each class.

Numbers, indices of a palette and colours are told apart by the file, and mean what a legend beside says (see `legend`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

from trainset.core.model import Annotation, Label
from trainset.errors import MediaError, TrainsetError
from trainset.plugins import ExportContext, ImportContext, Imported, Labelled, Loss, Problem, Recognition
from trainset_vision.annotations import Mask, Polygon, Rle, rle
from trainset_vision.formats import painting
from trainset_vision.formats.label_image import Canvas, LabelImage, masks_of, palette, read_label_image, write_numbers
from trainset_vision.formats.legend import Legend, find_legend
from trainset_vision.formats.mask_places import Masked, class_folders, masked
from trainset_vision.formats.meaning import Meaning
from trainset_vision.formats.painting import paint, read_mask
from trainset_vision.formats.reading import Tally, match, size_in_meta, size_of_file, split_name
from trainset_vision.formats.shapes import Shaper, Unfit
from trainset_vision.formats.writing import LOSSES, Filter, Labels, Stems, Texts, pick, size_of, split_folder

_MOST = (1 << 16) - 1


class MaskPngImporter:
    """Reads a folder with masks and, where they are beside them, images and a legend."""

    def sniff(self, src: Path) -> Recognition | None:
        """A folder whose masks have numbers, or a legend beside them."""
        try:
            if not src.is_dir() or not (found := masked(src)):
                return None
            first, legend = found[0].masks[0].path, find_legend((src, src.parent))
            kind = read_label_image(first).kind
        except (TrainsetError, OSError, ValueError):
            return None
        if kind == "colours" and legend.path is None:
            return None
        evidence = [f"{first.name} is an image of {kind}"] + (
            [f"{legend.path.name} lists classes"] if legend.path else []
        )
        return Recognition(evidence=evidence, confidence=0.6 if legend.path else 0.4)

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """Those of the legend, numbered where it numbers them; else the folders that are called like classes."""
        legend = find_legend((src, src.parent))
        if legend.path is not None:
            return [
                (None if entry.value is None else entry.value - 1 if entry.value else None, entry.name)
                for entry in legend.entries
                if not entry.background
            ]
        return [(None, name) for name in class_folders(src)] if _each_class(src) else []

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each image that has a mask: a mask for each class that occurs in it."""
        legend = find_legend((src, src.parent))
        known = {name for label in context.task.labels for name in (label.title, label.id)}
        known |= {entry.name for entry in legend.entries if not entry.background}
        if any(entry.value is not None or entry.colour for entry in legend.entries):
            known = set()  # then pixels say what they are
        found = masked(src, known, folders=legend.path is None and _each_class(src)) if src.is_dir() else []
        if not found:
            raise TrainsetError(
                f"{src}: no masks are here", hint="masks lie in a folder called masks, or end in _mask.png"
            )
        reader = _Reader(src, legend, context)
        for one in found:
            yield from reader.item(one)
        yield from reader.tally.problems(str(src))


def _each_class(src: Path) -> bool:
    """Whether masks lie in folders of classes: all that are looked at are of two values."""
    named = class_folders(src) if src.is_dir() else []
    if not named:
        return False
    firsts = [one.masks[0].path for one in masked(src)][: 2 * len(named)]
    try:
        return all(len(masks_of(read_label_image(path).values)) <= 2 for path in firsts)
    except MediaError:
        return False


class _Reader:
    def __init__(self, src: Path, legend: Legend, context: ImportContext) -> None:
        self.tally = Tally()
        self._src, self._context = src, context
        self._strange = 0
        self._meaning, self._shaper = Meaning(legend, context.task), Shaper(context.task, self.tally)

    def item(self, one: Masked) -> Iterator[Imported | Problem]:
        """The item of an image."""
        name, item = match(self._context, one.names(self._src))
        if item is None and one.image is None:
            yield Problem(str(one.masks[0].path), "no image goes with this mask")
            return
        size = size_in_meta(item.meta) if item is not None else None
        if size is None and one.image is not None:
            size = size_of_file(one.image)
        annotations: list[Annotation] = []
        failed = 0
        for mask in one.masks:
            read = yield from self._mask(mask.path, mask.label, size)
            failed += read is None
            annotations += read or []
        if failed == len(one.masks):
            self.tally.add("images are left out, since none of their masks can be read", name)
            return
        meta = {"width": size[0], "height": size[1]} if size else {}
        yield Imported(name=name, annotations=annotations, path=one.image, meta=meta, split=one.split)

    def _mask(
        self, path: Path, label: str | None, size: tuple[int, int] | None
    ) -> Generator[Problem, None, list[Annotation] | None]:
        """The annotations of a mask; None where nothing of it can be read."""
        image = yield from read_mask(path, size)
        if image is None:
            return None
        classes = self._one_class(image, label, str(path)) if label else self._classes(image, str(path))
        made: list[Annotation] = []
        for name, mask in classes.items():
            try:
                made.append(self._shaper.mask(mask, str(path), label=name))
            except Unfit as error:
                self.tally.add(f"{error}, and are left out", str(path))
        return made if made or not self._strange else None

    def _classes(self, image: LabelImage, where: str) -> dict[str, Rle]:
        found = self._meaning.read(image, where)
        self._strange = sum(count for count, _ in found.strange.values())
        if found.void:
            self.tally.add(
                "pixels are void: they belong to no class, and are not background either", where, found.void, note=True
            )
        if found.strange:
            value, (count, near) = max(found.strange.items(), key=lambda entry: entry[1])
            what = f"#{value:06x}" if image.kind == "colours" else str(value)
            example = f"{where}, {what} {count} times, nearest to {near}"
            self.tally.add(
                "pixels are left out, whose values lie between classes or are no class", example, self._strange
            )
        return found.classes

    def _one_class(self, image: LabelImage, label: str, where: str) -> dict[str, Rle]:
        """A mask of one class: what is neither black nor the brightest there is lies in between."""
        masks = masks_of(image.values)
        brightest = max(masks)
        between = {value: mask for value, mask in masks.items() if value not in (0, brightest)}
        self._strange = sum(rle.area(rle.runs(mask.counts, mask.size)) for mask in between.values())
        if self._strange:
            self.tally.add("pixels are left out, which are neither black nor white", where, self._strange)
        return {label: masks[brightest]} if brightest else {}


class MaskPngExporter:
    """Writes `masks/<image>.png`, whose numbers are the labels' export indices plus one, and `legend.csv`; with splits below
    folders of their names. Where the numbers pass 255, masks have 16 bits and no palette.
    """

    losses = pick(
        LOSSES | painting.LOSSES,
        (
            "types",
            "unusable",
            "attributes",
            "item-attributes",
            "geo",
            "scores",
            "tracks",
            "notes",
            "states",
            "renamed",
            "outlines",
            "finer",
        ),
    ) | {
        "size": "items whose width and height are not known are left out",
        "splits": "a split of another name than train, val and test is later taken for a folder",
        "instances": "the objects of one class become one mask",
        "overlaps": "where objects of several classes overlap, the last one is written",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        labels, stems = Labels(context.task), Stems()
        most = max((label.index + 1 for label in context.task.labels), default=0)
        if most > _MOST:
            raise TrainsetError("masks of 16 bits hold no class of a number above 65534", hint="export as COCO")
        shapes: Filter[Annotation] = Filter((Polygon, Mask), labels, self.losses)
        for row in rows:
            objects, lost = shapes.take(row)
            yield from lost
            size = size_of(row.item, context)
            if size is None:
                yield Loss("size", row.item.key)
                continue
            folder = split_folder(row.split, "") if row.split else ""
            if row.split and split_name(row.split) != row.split:
                yield Loss("splits", row.item.key, row.split)
            name, lost = stems.name(row, folder)
            yield from lost
            canvas = Canvas(size[::-1])
            yield from paint(canvas, objects, size, row.item.key, [label.index + 1 for label, _ in objects])
            if len({label.id for label, _ in objects}) < len(objects):
                yield Loss("instances", row.item.key)
            write_numbers((dest / "masks" / folder / name).with_suffix(".png"), canvas.values, most)
            context.place(row.item, dest / "images" / folder / name)
        Texts().write(dest / "legend.csv", _legend(labels.listed()))


def _legend(labels: Sequence[Label]) -> str:
    import csv
    import io

    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(("value", "name", "r", "g", "b"))
    colours = palette(max((label.index + 2 for label in labels), default=1)).tolist()
    table.writerow((0, "background", 0, 0, 0))
    table.writerows((label.index + 1, label.title, *colours[label.index + 1]) for label in labels)
    return stream.getvalue()
