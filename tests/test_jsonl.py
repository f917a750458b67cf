"""The lossless format of the core, with annotation types of no particular modality."""

import json
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from trainset.core.codec import Codec
from trainset.core.jsonl import JsonlExporter, JsonlImporter
from trainset.core.model import Annotation, Class, Item, Label, Opaque, Task
from trainset.core.protocols import Imported, Labelled, Problem
from trainset.errors import RecordError, TrainsetError


class Mark(Annotation, kw_only=True, frozen=True, tag="test.mark"):
    at: tuple[float, ...]


CODEC = Codec({"class": Class, "test.mark": Mark})
CONTEXT = SimpleNamespace(
    task=Task(name="parts", type="mark", labels=(Label(id="a", index=0),)), decode=partial(CODEC.decode, strict=True)
)


def write(rows, dest):
    assert list(JsonlExporter().write(rows, dest, CONTEXT)) == []
    return dest


def read(src):
    found = list(JsonlImporter().read(src, CONTEXT))
    return [f for f in found if isinstance(f, Imported)], [f for f in found if isinstance(f, Problem)]


def row(annotations=(), key="media/a.jpg", state="reviewed", item=None, **more):
    return Labelled(item=item or Item(key=key), name="a.jpg", annotations=annotations, state=state, **more)


texts = st.text(max_size=8).filter(lambda s: not any(0xD800 <= ord(c) < 0xE000 for c in s))
finite = st.floats(allow_nan=False, allow_infinity=False)
attributes = st.dictionaries(texts, texts | st.booleans() | finite | st.none(), max_size=3)
annotations = st.lists(
    st.builds(
        Mark,
        label=st.none() | texts,
        score=st.none() | st.floats(0, 1),
        attributes=attributes,
        track=st.none() | texts,
        at=st.lists(finite, max_size=3).map(tuple),
    )
    | st.builds(Class, label=texts, attributes=attributes),
    max_size=4,
)


@settings(max_examples=80)
@given(annotations, attributes, texts, st.none() | texts, st.sampled_from([None, "train", "val"]))
def test_everything_comes_back(marks, about, key, note, split):
    marks = [type(m)(**{f: getattr(m, f) for f in m.__struct_fields__} | {"id": f"x{i}"}) for i, m in enumerate(marks)]
    item = Item(key=f"media/{key}", group="g", meta={"width": 3, "affine": [[1.5, 0.25]]})
    with TemporaryDirectory() as folder:
        rows = [row(marks, item=item, attributes=about, note=note or None, split=split, decided_by=("ana",))]
        items, problems = read(write(rows, Path(folder) / "x.jsonl"))
    (got,) = items
    assert not problems
    assert list(got.annotations) == marks and got.attributes == about and got.note == (note or None)
    assert (got.name, got.group, got.split, got.meta, got.reviewer) == (item.key, "g", split, item.meta, "ana")
    assert got.state == "reviewed" and got.verdict == "accepted"


def test_annotations_of_unknown_types_stay_byte_for_byte(tmp_path):
    raw = b'{"type":"far.away","id":"z","label":"a","shape":[1.50,  2],"more":{"x":null}}'
    strange = Opaque(id="z", label="a", kind="far.away", raw=Raw(raw))
    dest = write([row([strange, Class(id="c", label="a")])], tmp_path / "x.jsonl")
    assert raw in dest.read_bytes()
    items, _ = read(dest)
    again = items[0].annotations[0]
    assert isinstance(again, Opaque) and bytes(again.raw) == raw and again.kind == "far.away"


def test_a_line_holds_the_item_and_its_answer(tmp_path):
    item = Item(key="media/a.jpg", media="ab" * 16, size=7, parts={"t1": "a"}, split="train")
    rows = [row([Class(id="c", label="a")], item=item, decided_by=("ana", "bob"), record="9c"), row(key="media/b.jpg")]
    first, second = map(json.loads, write(rows, tmp_path / "x.jsonl").read_text().splitlines())
    assert first == {
        "key": "media/a.jpg",
        "parts": {"t1": "a"},
        "split": "train",
        "media": "ab" * 16,
        "size": 7,
        "task": "parts",
        "state": "reviewed",
        "annotations": [{"type": "class", "id": "c", "label": "a"}],
        "decided_by": ["ana", "bob"],
        "record": "9c",
    }
    assert second == {"key": "media/b.jpg", "task": "parts", "state": "reviewed", "annotations": []}


@pytest.mark.parametrize(
    ("state", "verdict"),
    [("reviewed", "accepted"), ("auto-accepted", "accepted"), ("flagged", "flagged"), ("excluded", "excluded")],
)
def test_the_state_says_what_was_decided(tmp_path, state, verdict):
    items, _ = read(write([row(state=state)], tmp_path / "x.jsonl"))
    assert items[0].verdict == verdict and items[0].state == state


def test_unlabelled_items_are_passed_over_and_reviewed_empty_ones_are_not(tmp_path):
    dest = write([row(state="unlabelled"), row(key="media/b.jpg")], tmp_path / "x.jsonl")
    items, problems = read(dest)
    assert [i.name for i in items] == ["media/b.jpg"] and not problems


def test_bad_lines_are_named_and_stop_nothing(tmp_path):
    good = write([row()], tmp_path / "x.jsonl").read_bytes()
    bad = [
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"key": 3}',
        good.strip().replace(b'"annotations":[]', b'"annotations":7'),
        good.strip().replace(b'"annotations":[]', b'"annotations":[{"type":"test.mark","at":[NaN]}]'),
        good.strip().replace(b'"annotations":[]', b'"annotations":[{"type":"test.mark","at":"x"}]'),
    ]
    src = tmp_path / "y.jsonl"
    src.write_bytes(b"\xef\xbb\xbf" + good + b"\n".join([*bad, b"", b"  ", good]))
    items, problems = read(src)
    assert len(items) == 2
    assert [p.where for p in problems] == [f"{src}:{n}" for n in range(2, 2 + len(bad))]


def test_numbers_that_are_not_finite_are_never_written(tmp_path):
    with pytest.raises(RecordError, match="not a finite"):
        write([row([Mark(id="m", at=(float("nan"),))])], tmp_path / "x.jsonl")


def test_annotations_without_an_id_get_one(tmp_path):
    items, _ = read(write([row([Class(label="a"), Class(label="b")])], tmp_path / "x.jsonl"))
    assert [a.id for a in items[0].annotations] == ["a1", "a2"]


def test_a_file_is_recognised_and_lists_its_labels(tmp_path):
    dest = write([row([Class(label="b"), Class(label="a"), Class(label="b")]), row()], tmp_path)
    assert dest == tmp_path and JsonlImporter().sniff(tmp_path / "labels.jsonl")
    assert JsonlImporter().classes(tmp_path / "labels.jsonl") == [(None, "b"), (None, "a")]
    (tmp_path / "other.jsonl").write_text('{"text": "x"}\n')
    assert JsonlImporter().sniff(tmp_path) and JsonlImporter().classes(tmp_path) == [(None, "b"), (None, "a")]
    for other in ("other.jsonl", "nowhere.jsonl"):
        assert JsonlImporter().sniff(tmp_path / other) is None


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(TrainsetError, match="nowhere"):
        read(tmp_path / "nowhere.jsonl")
