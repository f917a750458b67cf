"""A task on another's objects with a plugin by somebody else: the classes of segments, by the contract alone."""

import json
import sys

import pytest

from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.core.model import Class
from trainset.core.session import Session
from trainset.plugins.registry import load
from trainset.plugins.specs import ViewSpec
from trainset.testing import check_view, dataset
from trainset.workspace import Workspace

from .test_third_party import record
from .third_party_kit import audio_site


@pytest.fixture
def calls(tmp_path):
    """Two recordings with decided calls, and a task that asks of each call whether it is a song."""
    site = audio_site(tmp_path / "site")
    root = tmp_path / "calls"
    inside = dataset(root, "audio", "calls:segment:bird,frog", site=site)
    record(root / "media" / "a.wav", [(0.5, 1.0), (1.6, 2.1)])
    record(root / "media" / "b.wav", [])
    inside("add", "media")
    inside("task", "add", "song:classify:song,alarm", "--on", "calls")
    segments = [
        {"id": "a1", "label": "bird", "segment": [0.5, 1]},
        {"id": "a2", "label": "frog", "segment": [1.6, 2.1]},
    ]
    for key, said in (("media/a.wav", segments), ("media/b.wav", [])):
        inside("decide", key, "--task", "calls", "--verdict", "corrected", "--annotations", json.dumps(said))
    return inside


@pytest.fixture
def song(calls, monkeypatch):
    """The data set open in this process, and the view that shows the task."""
    monkeypatch.syspath_prepend(str(calls.cwd.parent / "site"))
    workspace = Workspace()
    with workspace.open(calls.cwd) as opened:
        (spec,) = (s for s in workspace.registry.all(ViewSpec, "audio") if "classify" in s.tasks)
        yield opened, load(spec.factory)
    for name in [n for n in sys.modules if n.startswith("trainset_audio")]:
        del sys.modules[name]


def test_the_view_shows_the_segments_and_answers_each(song):
    opened, view = song
    task = opened.config.task("song")
    desk = ReviewDesk(opened, task, "ana")
    session = Session(desk, view, TaskContext(opened, task), min_look=0)
    session.shown()
    shapes = session.sitting.view.scene(None).shapes
    assert [(s.text, s.selected, s.weak) for s in shapes] == [
        ("1 bird: no answer", True, True),
        ("2 frog: no answer", False, True),
    ]
    session.label("song")
    session.accept()
    assert session.notice.text == "1 of 2 calls without an answer: tab selects them"
    session.nothing_here()
    assert session.notice.kind == "refused"
    session.label("alarm")
    session.accept()
    assert session.notice.kind == "saved"
    assert session.sitting is None
    assert [(a.id, a.label) for a in opened["media/a.wav"].annotations("song")] == [("a1", "song"), ("a2", "alarm")]
    desk.close()


def test_the_view_keeps_the_contract(song):
    opened, view = song
    task, item = opened.config.task("song"), opened.item("media/a.wav")
    versions = {
        "m": [Class(id="a1", label="song", score=0.5), Class(id="a2", label="alarm")],
        "n": [Class(id="a2", label="song")],
    }
    for said in (versions, {"new": ()}):
        check_view(view, item, said, TaskContext(opened, task), opened.kit.modality, sequences=5)


def test_a_segment_that_is_removed_takes_its_answer_along(calls):
    both = '[{"id": "a1", "label": "song"}, {"id": "a2", "label": "alarm"}]'
    calls("decide", "media/a.wav", "--task", "song", "--verdict", "corrected", "--annotations", both)
    left = '[{"id": "a2", "label": "frog", "segment": [1.6, 2.2]}]'
    calls("decide", "media/a.wav", "--task", "calls", "--verdict", "corrected", "--annotations", left)
    told = json.loads(calls("status", "--json"))["tasks"]["song"]
    assert (told["states"], told["orphaned"]) == ({"reviewed": 1, "excluded": 1}, 1)
    assert told["unasked"] == {"no calls": 1}
    shown = json.loads(calls("show", "media/a.wav", "--json"))["tasks"]["song"]
    assert ([a["id"] for a in shown["annotations"]], shown["objects"]) == (["a2"], ["a2"])
    assert "for object 'a1' of media/a.wav, which is none of its calls any more" in calls.both("verify").stderr
    calls("export", "jsonl", calls.cwd.parent / "calls.jsonl", "--task", "calls")
    first = json.loads((calls.cwd.parent / "calls.jsonl").read_text().splitlines()[0])
    assert first["annotations"][0]["attributes"] == {"song": "alarm"}
