"""Every type of annotation in the image view keeps the contract of views, alone and beside others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.editing import KEYS
from trainset_vision.modality import Vision
from trainset_vision.view import ImageView

from trainset.core.keys import key_collisions
from trainset.plugins import Change, Point, Size, Viewport
from trainset.testing import check_view

from .editing_kit import CASES, HEIGHT, ITEM, PIXELS, WIDTH, context


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path


@pytest.mark.parametrize("kind", CASES)
def test_the_view_of(kind, folder):
    first, others = CASES[kind]
    about = context(kind)
    about.folder = folder
    check_view(ImageView, ITEM, {"model": first, "other": others}, about, Vision(), sequences=6, steps=30)


@pytest.mark.parametrize("kind", KEYS)
def test_no_key_of_a_type_is_the_cores_or_means_two_things(kind):
    assert key_collisions(KEYS[kind]) == []


def test_a_key_sends_the_same_command_whatever_the_type():
    meanings: dict[str, set[tuple[str, str]]] = {}
    for keys in KEYS.values():
        for key in keys:
            meanings.setdefault(key.key, set()).add((key.command, repr(key.argument)))
    assert all(len(sent) == 1 for sent in meanings.values())


def commands(kind):
    places = st.builds(Point, st.floats(-10, WIDTH + 10), st.floats(-10, HEIGHT + 10))
    keys = st.sampled_from([(key.command, key.argument) for key in KEYS[kind]])
    return st.one_of(
        st.tuples(keys, st.none() | places).map(lambda drawn: (drawn[0][0], drawn[1], drawn[0][1])),
        st.tuples(st.sampled_from(["press", "drag", "release"]), places, st.none()),
        st.tuples(st.sampled_from(["next", "previous", "delete"]), st.none(), st.none()),
    )


@pytest.mark.parametrize("kind", CASES)
@given(data=st.data())
@settings(max_examples=25)
def test_edits_keep_annotations_sound_and_are_taken_back_exactly(kind, data):
    first, others = CASES[kind]
    view = ImageView()
    view.open(ITEM, {"model": first, "other": others}, context(kind))
    made, states = [], [view.annotations()]
    for command in data.draw(st.lists(commands(kind), max_size=25)):
        view.scene(Viewport(Size(80, 24), None, 1.5))
        done = view.do(*command)
        if isinstance(done, Change):
            made.append(done)
            states.append(view.annotations())
        assert [p for p in Vision().check(ITEM, view.annotations()) if not p.note] == []
    for change, before in zip(reversed(made), states[-2::-1], strict=True):
        view.undo(change)
        assert view.annotations() == before
    for change, after in zip(made, states[1:], strict=True):
        view.redo(change)
        assert view.annotations() == after
