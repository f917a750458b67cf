"""Adjudication of a plugin by somebody else: segments of recordings, and classes of segments, by the contract alone."""

from trainset.commands.review import view_for
from trainset.core.adjudicating import AdjudicationSession
from trainset.core.adjudication_desk import AdjudicationDesk
from trainset.core.context import TaskContext
from trainset.core.deciding import Recorder
from trainset.core.model import Class
from trainset.core.scene import Size, Viewport
from trainset.plugins.registry import load
from trainset.workspace import Workspace

from . import test_third_party_objects as objects

calls, song = objects.calls, objects.song


def adjudicate(opened, task, answers):
    """A session on the first recording, where reviewers gave these answers without sight of each other."""
    row = opened.row("media/a.wav", task)
    for who, said in answers.items():
        recorder = Recorder(opened, task, opened.header("decisions", task, reviewer=who))
        recorder.decide(row, "corrected", said)
        recorder.close()
    desk = AdjudicationDesk(opened, task, "cy")
    factory = view_for(Workspace().registry, opened, task.type).factory
    session = AdjudicationSession(desk, load(factory), TaskContext(opened, task), min_look=0)
    session.shown()
    return session


def test_classes_of_segments_are_merged_segment_by_segment(song):
    opened, _ = song
    task = opened.config.task("song")
    ana = [Class(id="a1", label="song"), Class(id="a2", label="song")]
    ben = [Class(id="a1", label="alarm"), Class(id="a2", label="song")]
    s = adjudicate(opened, task, {"ana": ana, "ben": ben})
    assert [(d.sides[0].id, d.facets) for d in s.comparison.merge.differences] == [("a1", ("label",)), ("a2", ())]
    s.command("both")
    assert s.notice.text == "only one of them can be right here"
    s.command("pick", 1)
    s.accept()
    row = opened.row("media/a.wav", task)
    assert row.state == "reviewed" and [a.label for a in opened.answer(task, row)] == ["alarm", "song"]


def test_segments_that_differ_are_marked_in_both_waveforms(song):
    from trainset_audio.segments import Segment

    opened, _ = song
    task = opened.config.task("calls")
    answers = {
        "ana": [Segment(id="x1", label="bird", segment=(0.5, 1)), Segment(id="x2", label="frog", segment=(1.6, 2.1))],
        "ben": [Segment(id="y1", label="frog", segment=(0.5, 1))],
    }
    s = adjudicate(opened, task, answers)
    scenes = [pane.scene(Viewport(Size(80, 24))) for pane in s.comparison.panes]
    assert [[shape.text.partition(" ")[0] for shape in scene.shapes] for scene in scenes] == [["≠", "+"], ["≠"]]
