"""Annotations between bytes and values: nothing that is stored is ever lost or re-encoded."""

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core.codec import Codec, with_ids
from trainset.core.model import Annotation, Class, Columns, Opaque, Undecoded
from trainset.errors import RecordError


class Point(Annotation, kw_only=True, frozen=True, tag="point"):
    point: tuple[float, float]


CODEC = Codec({"class": Class, "point": Point}, {"class": 1, "point": 1})
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(st.text(), finite, st.booleans(), st.none())
points = st.builds(Point, label=st.text(), score=st.none() | st.floats(0, 1), point=st.tuples(finite, finite),
                   attributes=st.dictionaries(st.text(), values, max_size=3))  # fmt: skip
classes = st.builds(Class, label=st.text(min_size=1))


@given(st.lists(points | classes, max_size=6))
def test_typed_annotations_come_back_as_they_were(annotations):
    given_ids = with_ids(annotations)
    assert CODEC.decode(CODEC.encode(given_ids)) == given_ids


json_values = st.recursive(
    values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_what_no_plugin_knows_goes_through_byte_for_byte(extra):
    stored = msgspec.json.encode([{"type": "them.shape", "id": "s1", "label": "x", "shape": extra}])
    (found,) = CODEC.decode(stored)
    assert isinstance(found, Opaque) and (found.kind, found.id, found.label) == ("them.shape", "s1", "x")
    assert CODEC.encode([found]) == stored


def test_one_unknown_type_leaves_the_others_typed():
    stored = b'[{"type":"class","id":"a","label":"x"},{"type":"them.shape","id":"b"},{"type":"point","id":"c","point":[1,2]}]'
    assert [type(a).__name__ for a in CODEC.decode(stored)] == ["Class", "Opaque", "Point"]


def test_a_type_version_newer_than_ours_is_read_only():
    stored = b'[{"type":"point","id":"a","point":[1,2],"tilt":3}]'
    (found,) = CODEC.decode(stored, {"point": 2})
    assert isinstance(found, Opaque) and json.loads(CODEC.encode([found]))[0]["tilt"] == 3


def test_bytes_of_a_known_type_that_do_not_fit_it_are_kept_and_not_edited():
    (found,) = CODEC.decode(b'[{"type":"point","id":"a","point":[1]}]')
    assert isinstance(found, Opaque)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(RecordError, match="finite"):
        CODEC.encode([Point(id="a", point=(0, value))])


def test_ids_are_unique_within_a_record():
    with pytest.raises(RecordError, match="id"):
        CODEC.encode([Class(id="a", label="x"), Class(id="a", label="y")])
    assert [a.id for a in with_ids([Class(label="x"), Class(id="a1", label="y"), Class(id="a1", label="z")])] == [
        "a2",
        "a1",
        "a3",
    ]


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'[{"id":"a"}]', b"[", b"\xff"])
def test_what_is_no_list_of_annotations_is_an_error(raw):
    with pytest.raises(RecordError):
        CODEC.decode(raw)


def test_undecoded_annotations_stand_among_others_as_if_they_had_been_encoded():
    scored = Undecoded("box", "a2", None, b'"score":0.5,"box":[1,2]')
    codec, plain = Codec({}), Undecoded("box", "a1", 'x"', b'"box":[1,2]')
    first, second = (
        b'{"type":"box","id":"a1","label":"x\\"","box":[1,2]}',
        b'{"type":"box","id":"a2","score":0.5,"box":[1,2]}',
    )
    assert codec.encode([plain]) == b"[%b]" % first
    assert codec.encode([plain, scored]) == b"[%b,%b]" % (first, second)
    mixed = codec.encode([scored, Class(id="a3", label="y"), plain])
    assert mixed == b'[%b,{"type":"class","id":"a3","label":"y"},%b]' % (second, first)
    assert with_ids([plain, plain])[1] == Undecoded("box", "a2", 'x"', b'"box":[1,2]')


def test_columns_are_a_sequence_of_undecoded_annotations_and_are_stored_like_one():
    columns = Columns("box", ("a1", "a2", "a3"), ("x", "y", None), (b'"box":[1,2]', b'"box":[3,4]', b'"box":[5,6]'))
    assert list(columns) == [columns[0], columns[1], columns[2]]
    assert list(columns[1:]) == [Undecoded("box", "a2", "y", b'"box":[3,4]'), columns[2]]
    assert Codec({}).encode(columns) == Codec({}).encode(list(columns))
    assert list(columns.relabelled(["z", None, "x"])) == [
        Undecoded("box", "a1", "z", b'"box":[1,2]'),
        Undecoded("box", "a3", "x", b'"box":[5,6]'),
    ]
    assert Codec({}).encode(columns.relabelled([None] * 3)) == b"[]"
    with pytest.raises(RecordError, match="id of its own"):
        Codec({}).encode(Columns("box", ("a1", "a1"), ("x", "y"), columns.fields[:2]))


@pytest.mark.parametrize(("fields", "words"), [(b'"box":[1,\n2]', "several lines"), (b"", "no fields")])
def test_what_would_be_no_record_is_refused_in_an_annotation_that_was_never_decoded(fields, words):
    for beside in ([], [Class(id="b", label="x")]):
        with pytest.raises(RecordError, match=words):
            Codec({}).encode([Undecoded("box", "a", None, fields), *beside])
