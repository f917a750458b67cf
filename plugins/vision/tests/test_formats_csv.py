from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainset_vision.formats.csv import CsvExporter, CsvImporter

from trainset.core.model import Class
from trainset.errors import TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import TITLES, box, class_rows, item, read, round_trip, row, task


@pytest.fixture
def context():
    return MemoryContext(task(*TITLES, type="classify"))


def table(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def labels(items):
    return {i.name: [a.label for a in i.annotations] for i in items}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_delimiters_are_found_out(tmp_path, context, encoding, delimiter):
    text = 'image,label\r\n"a.jpg","Schraube ä"\r\n'.replace(",", delimiter)
    items, problems = read(CsvImporter(), table(tmp_path / "x.csv", text, encoding), context)
    assert labels(items) == {"a.jpg": ["Schraube ä"]} and not problems


@pytest.mark.parametrize("header", ["path,class", "FileName, Category", "id,file,x,labels", "label,image"])
def test_columns_are_known_by_their_words(tmp_path, header):
    assert CsvImporter().sniff(table(tmp_path / "x.csv", f"{header}\n"))


def test_several_rows_of_an_item_are_several_classes(tmp_path, context):
    src = table(tmp_path / "x.csv", "name,label\na.jpg,b\nb.jpg,a\na.jpg,a\na.jpg,b\n")
    items, _ = read(CsvImporter(), src, context)
    assert labels(items) == {"a.jpg": ["b", "a"], "b.jpg": ["a"]}
    assert CsvImporter().classes(src) == [(None, "b"), (None, "a")]


def test_optional_columns_are_used(tmp_path, context):
    text = "name,label,score,split,reviewer,state\na.jpg,a,0.5,valid,ana,reviewed\nb.jpg,b,,fold7,ana bob,flagged\n"
    items, problems = read(CsvImporter(), table(tmp_path / "x.csv", text), context)
    first, second = items
    assert (first.annotations[0].score, first.split, first.reviewer, first.state) == (0.5, "val", "ana", "reviewed")
    assert (second.split, second.reviewer, second.state, second.verdict) == ("fold7", None, "flagged", "flagged")
    assert not problems


def test_no_class_means_nothing_there_only_where_the_state_says_so(tmp_path, context):
    text = "name,label,state\na.jpg,,reviewed\nb.jpg,,unlabelled\nc.jpg,,\n,,\n"
    items, problems = read(CsvImporter(), table(tmp_path / "x.csv", text), context)
    assert labels(items) == {"a.jpg": []}
    assert len(problems) == 1 and "2 items have no class" in problems[0].message


def test_rows_that_make_no_sense_are_named_by_line(tmp_path, context):
    text = 'name,label,score\n,a,\n"a\n.jpg",a,high\nb.jpg\nc.jpg,a,7\n'
    items, problems = read(CsvImporter(), table(tmp_path / "x.csv", text), context)
    assert set(labels(items)) == {"a\n.jpg", "c.jpg"}
    assert [p.where.rpartition(":")[2] for p in problems[:-1]] == ["2", "4", "6"]
    assert f"{tmp_path / 'x.csv'}:5" in problems[-1].message


def test_an_item_is_found_by_its_file_name(tmp_path):
    context = MemoryContext(task("a"), [item("cam/a.jpg")])
    items, _ = read(CsvImporter(), table(tmp_path / "x.csv", "image,label\nC:\\photos\\a.jpg,a\n"), context)
    assert [i.name for i in items] == ["a.jpg"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"a,b\n1,2\n",
        b"image\na.jpg\n",
        b"image,label\n\xff,a\n",
        b"\xff\xfe\x00",
    ],
    ids=range(6),
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(tmp_path, context, data):
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(TrainsetError, match=r"x\.csv") as caught:
        read(CsvImporter(), tmp_path / "x.csv", context)
    assert caught.value.hint


def test_other_files_are_not_taken_for_tables(tmp_path):
    assert CsvImporter().sniff(tmp_path) is None
    assert CsvImporter().sniff(tmp_path / "nowhere.csv") is None
    assert CsvImporter().sniff(table(tmp_path / "x.csv", "x,y\n1,2\n")) is None


def test_cells_are_exact_also_where_a_spreadsheet_sees_a_formula(tmp_path):
    context = MemoryContext(task("=1+1", "@x", "-a", "+b", type="classify"))
    rows = [row([Class(label=f"l{i}")], name) for i, name in enumerate(("=a.jpg", "+b.jpg", "-c.jpg", "@d.jpg"))]
    items, _, _ = round_trip(CsvImporter(), CsvExporter(), rows, tmp_path / "x.csv", context)
    assert labels(items.values()) == {"=a.jpg": ["=1+1"], "+b.jpg": ["@x"], "-c.jpg": ["-a"], "@d.jpg": ["+b"]}


def test_an_export_says_state_split_and_who_decided(tmp_path, context):
    rows = [
        row([Class(label="l0", score=0.25)], "a.jpg", split="val", decided_by=("ana", "bob")),
        row([], "b.jpg", "auto-accepted", decided_by=("rule",)),
    ]
    (tmp_path / "out").mkdir()
    assert list(CsvExporter().write(rows, tmp_path / "out", context)) == []
    assert (tmp_path / "out" / "labels.csv").read_text().splitlines() == [
        "name,label,score,state,split,decided_by",
        "a.jpg,screw,0.25,reviewed,val,ana bob",
        "b.jpg,,,auto-accepted,,rule",
    ]


def test_what_a_table_cannot_hold_is_said(tmp_path, context):
    rows = [row([box(1, 2, 3, 4), Class(label="l0", attributes={"a": 1.0}), Class(label="gone")], note="x")]
    lost = list(CsvExporter().write(rows, tmp_path / "x.csv", context))
    assert sorted(loss.what for loss in lost) == ["attributes", "notes", "types", "unusable"]


@settings(max_examples=60)
@given(class_rows(), st.sampled_from(["a\nb", "a\rb", 'a"b', "a,b;c\td", "x"]))
def test_classes_come_back(rows, title):
    context = MemoryContext(task(*TITLES[:-1], title, type="classify"))
    with TemporaryDirectory() as folder:
        items, lost, problems = round_trip(CsvImporter(), CsvExporter(), rows, Path(folder) / "x.csv", context)
    assert not lost and not problems
    assert labels(items.values()) == {r.name: [context.task.label(a.label).title for a in r.annotations] for r in rows}
    assert all(items[r.name].split == r.split for r in rows)
