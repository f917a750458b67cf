"""Images sorted into a folder for each class, optionally below one for each split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path, PurePosixPath

from trainset.core.model import Class, Label
from trainset.errors import TrainsetError
from trainset.plugins import ExportContext, ImportContext, Imported, Labelled, Loss, Problem, Question, Recognition
from trainset_vision.formats.class_folders import class_folders, doubt, of_another_kind
from trainset_vision.formats.reading import Tally, images_below, is_image, match, split_name
from trainset_vision.formats.writing import LOSSES, Filter, Labels, pick, split_folder


class FolderImporter:
    """Reads `<class>/<image>` or `<split>/<class>/<image>`; deeper folders belong to the class above them."""

    def sniff(self, src: Path) -> Recognition | None:
        """A folder of folders with images; a weak sign, and a question where the folders may stand for something else."""
        found = list(class_folders(src)) if src.is_dir() else []
        if not found or of_another_kind(found):
            return None
        names = ", ".join(list(dict.fromkeys(name for _, name, _ in found))[:5])
        evidence, why = [f"{src.name} has folders of images: {names}"], doubt(found)
        if why is None:
            return Recognition(evidence=evidence, confidence=0.3)
        text = f"{why}: are the folders classes?"
        return Recognition(evidence=evidence, questions=[Question("format", text, ("folder",))], confidence=0.1)

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The names of the folders, by name: folders have no other order."""
        return [(None, name) for name in sorted({name for _, name, _ in class_folders(_checked(src))})]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each image."""
        tally = Tally()
        empty = True
        for split, name, folder in class_folders(_checked(src)):
            empty = False
            for path in images_below(folder):
                ways = [path.relative_to(base).as_posix() for base in (src, folder.parent, folder)]
                known, _ = match(context, (*ways, path.name))
                yield Imported(name=known, annotations=[Class(label=name)], path=path, split=split)
        if empty:
            raise TrainsetError(f"{src}: no folder in it has images", hint="each class is a folder of images")
        for path in sorted(src.iterdir()):
            if path.is_file() and is_image(path):
                tally.add("images are in no class's folder and are left out", path.name)
        yield from tally.problems(str(src))


def _checked(src: Path) -> Path:
    if not src.is_dir():
        raise TrainsetError(f"{src}: this is no folder", hint="name the folder that holds a folder for each class")
    return src


class FolderExporter:
    """Writes `<class>/<image>`, below `<split>` for items that have one, and no deeper: Hugging Face's loader takes the folder
    of an image for its class. The images are the export: they must come along."""

    losses = pick(
        LOSSES, ("types", "unusable", "attributes", "item-attributes", "geo", "scores", "tracks", "notes", "states")
    ) | {
        "renamed": "folders in an image's name are left out, as loaders take the one it lies in for its class; where another of its "
        "class has its name already, they precede it",
        "splits": "a split of another name than train, val and test is later taken for a class",
        "several": "of several classes only the first is written",
        "none": "items without a class are left out, also those that a person left so",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        if context.media_mode == "none":
            raise TrainsetError("image folders hold nothing but images", hint="export with media: copy or link them")
        classes = Filter(Class, Labels(context.task), self.losses)
        taken: set[str] = set()
        dest.mkdir(parents=True, exist_ok=True)
        for row in rows:
            given, lost = classes.take(row)
            yield from lost
            if not given:
                yield Loss("none", row.item.key)
                continue
            if len(given) > 1:
                yield Loss("several", row.item.key, ", ".join(label.title for label, _ in given[1:]))
            folder = PurePosixPath(_class_folder(given[0][0]))
            if row.split is not None:
                if split_name(row.split) != row.split:
                    yield Loss("splits", row.item.key, row.split)
                folder = split_folder(row.split, "") / folder
            own = _own(PurePosixPath(row.name), folder)
            name = next(name for name in _names(own) if str(folder / name).casefold() not in taken)
            place = folder / name
            taken.add(str(place).casefold())
            if name != str(own):
                yield Loss("renamed", row.item.key, str(place))
            context.place(row.item, dest / place)


def _own(path: PurePosixPath, folder: PurePosixPath) -> PurePosixPath:
    """An image's name without the folders of its class that it begins with."""
    prefixes = (prefix for prefix in (folder, PurePosixPath(folder.name)) if path.is_relative_to(prefix))
    return next((path.relative_to(prefix) for prefix in prefixes if path != prefix), path)


def _names(own: PurePosixPath) -> Iterator[str]:
    """What the file of an image may be called: as it is, with its folders before it, or numbered."""
    yield own.name
    yield "-".join(own.parts)
    for number in count(2):
        yield f"{own.stem}-{number}{own.suffix}"


def _class_folder(label: Label) -> str:
    """A label's title, or its id where the title cannot be a folder or would be taken for a split."""
    for name in (label.title, label.id):
        if not (set(name) & set('/\\\0:*?"<>|') or name.startswith(".") or name != name.strip() or split_name(name)):
            return name
    raise TrainsetError(f"the label {label.id!r} cannot be the name of a folder", hint="give it another name")
