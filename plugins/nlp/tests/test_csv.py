"""Classes of texts in CSV."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainset_nlp.formats.csv import CsvExporter, CsvImporter
from trainset_nlp.table import numbered, short_key

from trainset.core.model import Class, Item, Label, Task
from trainset.errors import TrainsetError
from trainset.plugins import Imported, Labelled, Problem
from trainset.testing import MemoryContext

TASK = Task(name="t", type="classify", labels=(Label(id="pos", index=0, name="Positive"), Label(id="neg", index=1)))


def context_of(texts):
    """A dataset of these texts, by the row keys of their items."""
    items = [Item(key=f"media/t.csv#{row}") for row in texts]
    return MemoryContext(TASK, items, loaded={item.key: texts[item.row] for item in items})


def read(path, context):
    found = list(CsvImporter().read(path, context))
    return [f for f in found if isinstance(f, Imported)], [f for f in found if isinstance(f, Problem)]


def written(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return path


def labelled(row, *classes, **more):
    return Labelled(
        item=Item(key=f"media/t.csv#{row}"), name=f"t.csv#{row}", annotations=classes, state="reviewed", **more
    )


def test_rows_are_found_by_what_the_text_says(tmp_path):
    key = short_key("hello")
    src = written(tmp_path / "other.csv", "text,label\nhello,pos\nhello,neg\nbye,neg\n", "utf-16")
    items, problems = read(src, context_of({key: "hello", numbered(key, 2): "hello"}))
    assert [(i.name, [a.label for a in i.annotations]) for i in items] == [
        (f"media/t.csv#{key}", ["pos"]),
        (f"media/t.csv#{key}-2", ["neg"]),
    ]
    assert [p.where for p in problems] == [f"{src}:4"]


def test_rows_are_found_by_the_cell_that_names_them(tmp_path):
    src = written(tmp_path / "t.csv", "id,sentence,intent\nu1,hello,pos\nu1,hello,neg\n")
    items, problems = read(src, context_of({"u1": "hello"}))
    assert [[a.label for a in i.annotations] for i in items] == [["pos", "neg"]]
    assert not problems


def test_a_text_without_a_class_is_left_out_unless_somebody_looked(tmp_path):
    src = written(tmp_path / "t.csv", "id,label,state\na,,\nb,,reviewed\nc,,flagged\n")
    items, problems = read(src, context_of({"a": "", "b": "", "c": ""}))
    assert [(i.name[-1], i.verdict) for i in items] == [("b", "accepted"), ("c", "flagged")]
    assert "1 text(s) without a class" in problems[0].message


def test_a_score_that_is_none_is_left_out_and_said(tmp_path):
    src = written(tmp_path / "t.csv", "id,label,score\na,pos,high\n")
    items, problems = read(src, context_of({"a": ""}))
    assert items[0].annotations[0].score is None
    assert "'high' is no number" in problems[0].message


def test_a_table_of_other_things_is_recognised_and_refused(tmp_path):
    src = written(tmp_path / "t.csv", "a,b\n1,2\n")
    assert CsvImporter().sniff(src) is None
    with pytest.raises(TrainsetError, match="names no column of texts"):
        CsvImporter().classes(src)


def test_classes_come_in_the_order_of_their_first_rows(tmp_path):
    src = written(tmp_path / "t.csv", "text,category\na,z\nb,y\nc,z\nd,\n")
    assert CsvImporter().classes(src) == [(None, "z"), (None, "y")]
    assert CsvImporter().sniff(src).evidence == ["the header of t.csv names a text and a class"]


def test_what_is_not_in_the_table_is_said(tmp_path):
    rows = [labelled("gone", Class(id="a1", label="pos", attributes={"sure": True}), note="hm", attributes={"x": 1})]
    lost = list(CsvExporter().write(rows, tmp_path / "o.csv", context_of({})))
    assert {x.what for x in lost} == {"texts", "notes", "item-attributes", "attributes"} <= CsvExporter.losses.keys()


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True),
        st.tuples(
            st.text(st.characters(exclude_categories=("Cs",)), min_size=1),
            st.lists(st.sampled_from(["pos", "neg"]), unique=True),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_texts_and_classes_come_back(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("o") / "o.csv"
    context = context_of({row: text for row, (text, _) in texts.items()})
    rows = [labelled(row, *(Class(label=x) for x in classes)) for row, (_, classes) in texts.items()]
    assert list(CsvExporter().write(rows, path, context)) == []
    items, problems = read(path, context)
    titles = {"pos": "Positive", "neg": "neg"}
    got = {i.name.rpartition("#")[2]: [a.label for a in i.annotations] for i in items}
    assert got == {row: [titles[x] for x in classes] for row, (_, classes) in texts.items()}
    assert not problems
