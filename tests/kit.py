"""Small datasets for the tests of the store: notes that get a class, in real Git repositories, without any plugin."""

import subprocess
from pathlib import Path

import msgspec

from trainset.core.dataset import Dataset
from trainset.core.deciding import Recorder
from trainset.core.engine import RunWriter, predicted
from trainset.core.layout import write_layout
from trainset.core.matching import ClassOps
from trainset.core.model import Class, Header, Item, ItemRecord, ModelHeader
from trainset.core.protocols import ItemDraft
from trainset.core.records import Chain, header_line

TOML = """[dataset]
name = "notes"
modality = "notes"

[tasks.kinds]
type = "classify"
labels = { a = { index = 0 }, b = { index = 1 }, c = { index = 2 } }

[reviewers.ana]
[reviewers.ben]
[reviewers.cy]
"""
KINDS = "kinds"


class Notes:
    """A modality of `.txt` files."""

    def scan(self, path, settings):
        for file in sorted(path.rglob("*.txt")) if path.is_dir() else [path]:
            yield ItemDraft(parts={"": file})

    def load(self, parts, item):
        return parts[""].read_text()

    def frame(self, item):
        return None

    def check(self, item, annotations):
        return iter(())


class NotesKit:
    """The core's `Kit` with that modality, and the core's own `class` as the only annotation."""

    modality = Notes()
    loads_as = "note"

    def types(self):
        return {"class": Class}

    def type_versions(self):
        return {"class": 1}

    def distributions(self):
        return {"trainset": "test"}

    def media_settings(self, table):
        return table

    def tag(self, task):
        return "class"

    def tags(self, task):
        return [self.tag(task)]

    def options(self, task, where):
        return task.options

    def unknown(self, tasks):
        return []

    def ops(self, tag, task=None):
        return ClassOps()


def git(root, *args, check=True, **more):
    """Run Git in a folder; its output."""
    done = subprocess.run(["git", "-C", str(root), *map(str, args)], capture_output=True, text=True, **more)
    assert not check or done.returncode == 0, f"git {' '.join(map(str, args))}: {done.stderr}"
    return done.stdout.strip()


def lay(root, repository=None):
    """The files of a dataset at `root`, in a new Git repository there (or at `repository`)."""
    root.mkdir(parents=True, exist_ok=True)
    git(repository or root, "init", "-q", "-b", "main")
    (root / "trainset.toml").write_text(TOML)
    write_layout(root)
    return root


def open_(root, rev=None):
    """The dataset at `root`."""
    return Dataset(Path(root), NotesKit(), rev)


def add(dataset, *keys, media=None):
    """Register items by key, without files."""
    writer = dataset.writer(dataset.header("items"))
    items = [Item(key=key, split="train", media=media) for key in keys]
    writer.append([msgspec.json.encode(ItemRecord(change="added", item=item)) for item in items])
    writer.close()
    dataset.index.refresh()


def task(dataset):
    return dataset.config.task(KINDS)


def recorder(dataset, who="ana"):
    """A reviewer's session."""
    return Recorder.person(dataset, task(dataset), who)


def answer(*labels):
    return [Class(id=f"a{n}", label=label) for n, label in enumerate(labels, 1)]


def decide(dataset, key, *labels, who="ana", verdict="corrected", session=None, **more):
    """One decision of a reviewer, in a session of its own unless one is given; its id."""
    writing = session or recorder(dataset, who)
    row = dataset.row(key, task(dataset))
    found = writing.decide(row, verdict, answer(*labels) if verdict == "corrected" else None, **more)
    if session is None:
        writing.close()
    return found


def propose(dataset, labels, model="m", run=None):
    """A run that proposes a class with a score for items: `labels` maps keys to (label, score)."""
    header = ModelHeader(name=model, digest=model, prelabeler="test")
    with RunWriter(dataset, task(dataset), header, run) as output:
        output.put([
            predicted(dataset, key, [Class(id="p1", label=label, score=score)] if label else [])
            for key, (label, score) in labels.items()
        ])  # fmt: skip
        output.sync()
    dataset.index.refresh()
    return output.run


def states(dataset):
    return dataset.states(KINDS)


def label_files(root):
    """The label files of a dataset, by path from its root."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted((root / "labels").rglob("*.jsonl"))}


def record_ids(root):
    """The ids of all records below a dataset's labels."""
    return {
        line[7:39].decode()
        for data in label_files(root).values()
        for line in data.split(b"\n")
        if line[:7] == b'{"id":"'
    }


def label_file(bodies, end=True, **header):
    """The bytes of a label file with these records."""
    first = header_line(Header(**{"trainset": 1, "kind": "decisions", "task": KINDS, "reviewer": "ana", **header}))
    chain = Chain.start(first)
    rows = [first, *(chain.append(body)[0] for body in bodies)]
    return b"".join(row + b"\n" for row in (*rows, *([chain.end()] if end else [])))


class Listed(list):
    """A `Queue` of the entries that `ask` gives: those of the beginning, and at the end what came since."""

    def __init__(self, ask):
        super().__init__(ask())
        self._ask = ask

    def grow(self):
        known = {entry.key for entry in self}
        fresh = [entry for entry in self._ask() if entry.key not in known]
        self.extend(fresh)
        return bool(fresh)

    def place(self, key):
        return next((at for at, entry in enumerate(self) if entry.key == key), None)

    def find(self, text, start):
        return next((at for at in range(start, len(self)) if text.casefold() in self[at].key.casefold()), None)
