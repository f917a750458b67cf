"""Everything that the distribution registers keeps the contract of plugins."""

import pytest
from trainset_nlp import plugin
from trainset_nlp.formats.csv import CsvExporter, CsvImporter
from trainset_nlp.modality import Texts, TextSettings
from trainset_nlp.prelabel.keywords import Keywords, KeywordsSettings
from trainset_nlp.view import TextView

from trainset.core.model import Class, Label, Task
from trainset.plugins import Labelled
from trainset.testing import (
    MemoryContext,
    check_format,
    check_modality,
    check_plugin,
    check_prelabeler,
    check_view,
    items_in,
)

SETTINGS = TextSettings(key="id", text="body")
LABELS = (
    Label(id="card", index=0, name="Card, lost"),
    Label(id="rate", index=1),
    Label(id="old", index=2, retired=True),
)
TASK = Task(name="intent", type="classify", labels=LABELS)


@pytest.fixture
def media(tmp_path):
    """A table and a text file, and beside their folder damaged ones."""
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "t.csv").write_text('id,body\nu1,"My card, is lost"\nu2,"the\nexchange rate"\nu3,hello 東京\n')
    (folder / "note.txt").write_text("a card is a card")
    (tmp_path / "open.csv").write_text('id,body\nu1,"open\n')
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "empty.txt").write_bytes(b"")
    return folder


@pytest.fixture
def context(media):
    return MemoryContext(TASK, items_in(media, Texts(), SETTINGS), folder=media, modality=Texts())


def test_the_plugin():
    check_plugin(plugin)


def test_the_modality(media):
    damaged = [media.parent / name for name in ("open.csv", "latin.txt", "empty.txt")]
    check_modality(Texts(), [media / "t.csv", media / "note.txt"], damaged, SETTINGS)


@pytest.mark.parametrize("many", [False, True])
def test_the_keywords_prelabeler(context, many):
    task = Task(name="intent", type="classify", labels=LABELS, many=many)
    check_prelabeler(Keywords(KeywordsSettings(), task), context.items, context, ["card", "rate"])


def test_the_csv_format(context, tmp_path):
    answers = ([Class(label="card")], [Class(label="rate"), Class(label="card")], (), ())
    rows = [
        Labelled(item=item, name=item.key.partition("/")[2], annotations=some, state="reviewed")
        for item, some in zip(context.items, answers, strict=True)
    ]
    check_format(CsvImporter(), CsvExporter(), rows, context, tmp_path, "labels.csv")


@pytest.mark.parametrize("many", [False, True])
def test_the_view(context, many):
    context.task = Task(name="intent", type="classify", labels=LABELS, many=many)
    check_view(TextView, context.items[0], {"keywords": [Class(id="p1", label="card", score=0.5)]}, context)
