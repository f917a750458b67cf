"""Tables and text files as items: which rows are texts, what they are called, and what is read of them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainset_nlp import table as tables
from trainset_nlp.modality import Texts, TextSettings

from trainset.core.model import Item
from trainset.errors import MediaError
from trainset.plugins import ItemDraft, Skipped

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "")) / "nlp"
needs_real_data = pytest.mark.skipif(not os.environ.get("TRAINSET_REAL_DATA"), reason="TRAINSET_REAL_DATA is not set")


def scanned(path, **settings):
    found = list(Texts().scan(path, TextSettings(**settings)))
    return [f for f in found if isinstance(f, ItemDraft)], [f.reason for f in found if isinstance(f, Skipped)]


def table(tmp_path, text, name="a.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def item_of(draft):
    (path,) = draft.parts.values()
    return Item(key=f"media/{path.name}#{draft.row}", meta=dict(draft.meta))


def load(texts, draft):
    return texts.load(draft.parts, item_of(draft))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_each_row_is_a_text_exactly_as_it_is_stored(tmp_path, encoding):
    path = table(tmp_path, 'text,label\r\n"two\r\nlines, ""quoted"" ",a\r\nnaïve 東京 \u0000,b\r\n', encoding=encoding)
    drafts, skipped = scanned(path)
    assert not skipped
    texts = Texts()
    assert [load(texts, d) for d in drafts] == ['two\r\nlines, "quoted" ', "naïve 東京 \u0000"]
    assert [d.meta["length"] for d in drafts] == [21, 10]
    assert [d.content.decode() for d in drafts] == [load(texts, d) for d in drafts]


def test_rows_are_named_by_the_key_column(tmp_path):
    path = table(tmp_path, "uid;body\nx1;one\nx2;two\n")
    drafts, _ = scanned(path, key="uid", text="body")
    assert [d.row for d in drafts] == ["x1", "x2"]
    assert [load(Texts(), d) for d in drafts] == ["one", "two"]


def test_a_key_that_is_used_twice_or_missing_is_skipped_with_its_line(tmp_path):
    path = table(tmp_path, "id,text\nx,one\nx,two\n,three\ny,\n")
    drafts, skipped = scanned(path, key="id")
    assert [d.row for d in drafts] == ["x"]
    assert skipped == ["line 3 has the same id as line 2: x", "line 4 has no id", "line 5 has no text"]


def test_without_a_key_column_editing_other_rows_moves_nothing(tmp_path):
    before, _ = scanned(table(tmp_path, "text\none\ntwo\none\n"))
    after, _ = scanned(table(tmp_path, "text\nnew\none\none\n2\ntwo\n"))
    named = {d.row: load(Texts(), d) for d in after}
    assert len({d.row for d in before}) == 3
    assert all(d.row in named for d in before)
    assert before[2].row == f"{before[0].row}-2"


def test_rows_that_do_not_fit_the_header_are_skipped_with_their_line(tmp_path):
    drafts, skipped = scanned(table(tmp_path, "text,label\na,b\nc,d,e\n\nf\n"))
    assert len(drafts) == 1
    assert skipped == ["line 3 has 3 cell(s), the header 2", "line 5 has 1 cell(s), the header 2"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"body,title\nx,y\n", "which column holds the texts (`trainset add a.csv --set text=COLUMN`"),
        (b'text\n"open\n', "line 2: unexpected end of data"),
        (b"text\n\xff\xfa\n", "byte 5 is not UTF-8"),
        (b"", "the first line names no columns"),
        (b"text,text\na,b\n", "two columns have one name"),
    ],
)
def test_what_is_no_table_of_texts_is_skipped_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    drafts, skipped = scanned(path)
    assert not drafts
    assert len(skipped) == 1 and reason in skipped[0]


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    _, skipped = scanned(table(tmp_path, "text,id\na,b\n"), key="uid")
    assert skipped == ["it has no column 'uid' (its columns: text, id)"]


def test_rows_of_a_group_belong_together(tmp_path):
    drafts, _ = scanned(table(tmp_path, "text,doc\na,1\nb,1\nc,\n"), group="doc")
    assert [d.group for d in drafts] == ["1", "1", None]


def test_text_files_are_items_and_other_files_are_passed_over(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfline\r\nline")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    drafts, skipped = scanned(tmp_path)
    assert [d.meta for d in drafts] == [{"length": 10}]
    assert Texts().load(drafts[0].parts, Item(key="media/a.txt")) == "line\r\nline"
    assert skipped == ["it is empty"]
    assert "not a text" in scanned(tmp_path / "b.png")[1][0]


def test_a_table_is_parsed_once_for_all_of_its_rows_and_again_when_it_changed(tmp_path, monkeypatch):
    path = table(tmp_path, "text\n" + "".join(f"text {n}\n" for n in range(200)))
    drafts, _ = scanned(path)
    parsed = []
    read = tables.read_table
    monkeypatch.setattr(tables, "read_table", lambda p: parsed.append(p) or read(p))
    texts = Texts()
    assert [load(texts, d) for d in drafts] == [f"text {n}" for n in range(200)]
    assert len(parsed) == 1
    table(tmp_path, "text\nother\n")
    with pytest.raises(MediaError, match="has no row"):
        load(texts, drafts[0])
    assert len(parsed) == 2


def test_a_column_that_went_away_is_an_error_that_names_it(tmp_path):
    drafts, _ = scanned(table(tmp_path, "text\nx\n"))
    table(tmp_path, "body\nx\n")
    with pytest.raises(MediaError, match="no column 'text' any more"):
        load(Texts(), drafts[0])


@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(str.strip), min_size=1, max_size=8)
)
def test_any_text_comes_back_under_a_key_of_its_own(tmp_path_factory, stored):
    path = tmp_path_factory.mktemp("t") / "a.csv"
    quoted = "".join('"' + text.replace('"', '""') + '"\n' for text in stored)
    path.write_bytes(("text\n" + quoted).encode())
    drafts, skipped = scanned(path)
    assert not skipped
    assert len({d.row for d in drafts}) == len(stored)
    texts = Texts()
    assert [load(texts, d) for d in drafts] == stored


@needs_real_data
def test_real_tables_are_read():
    drafts, skipped = scanned(REAL / "banking77" / "test.csv")
    assert (len(drafts), skipped) == (3080, [])
    drafts, skipped = scanned(REAL / "doccano" / "example.utf16.csv")
    assert [d.content for d in drafts][:2] == [b"AAA", b"BBB"]
    assert not skipped
    drafts, skipped = scanned(REAL / "doccano" / "text_classification" / "example.csv")
    assert [d.content for d in drafts] == [b"exampleA", b"exampleB"]
    assert skipped == ["line 4 has no text"]
    drafts, _ = scanned(REAL / "doccano" / "text_classification" / "example_out_of_order_columns.csv")
    assert [d.content for d in drafts] == [b"exampleA", b"exampleB"]
