"""A plugin by somebody else, found as an installed distribution is: the whole loop with it, and its data set without it."""

import asyncio
import json
import sys
import wave

import numpy as np
import pytest

from trainset.commands.review import view_for
from trainset.core.config import editing
from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.core.grid import GridSession
from trainset.core.grid_desk import ReviewGridDesk
from trainset.core.model import Attribute, Label, Task
from trainset.plugins import Case, Labelled, Size
from trainset.plugins.registry import load
from trainset.testing import (
    CommandLine,
    MemoryContext,
    check_annotations,
    check_demo,
    check_exporter,
    check_modality,
    check_plugin,
    check_prelabeler,
    check_rule,
    check_view,
    dataset,
    items_in,
)
from trainset.tui.app import ReviewApp
from trainset.tui.canvas.cells import Cells
from trainset.tui.terminal import Terminal
from trainset.tui.thumbnails import Thumbnails
from trainset.workspace import Workspace

from .third_party_kit import AUDIO, audio_site

TONES = {"a.wav": [(0.5, 1.0), (1.6, 2.1)], "b.wav": [(0.4, 0.9)], "c.wav": [(0.5, 2.7)], "d.wav": []}


def record(path, tones, rate=8000, seconds=3):
    samples = np.random.default_rng(1).normal(0, 0.005, seconds * rate)
    for start, end in tones:
        at = np.arange(int(start * rate), int(end * rate))
        samples[at] += 0.5 * np.sin(at / 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        wav.writeframes((samples * 32767).astype("<i2").tobytes())


@pytest.fixture
def site(tmp_path):
    return audio_site(tmp_path / "site")


@pytest.fixture
def calls(tmp_path, site):
    """A data set of four recordings with proposals, routed; the command line in it, with the plugin."""
    root = tmp_path / "calls"
    inside = dataset(root, "audio", "calls:segment:bird,frog", site=site)
    for name, tones in TONES.items():
        record(root / "media" / name, tones)
    (root / "media" / "broken.wav").write_bytes(b"RIFF....")
    with editing(root) as document:
        rules = {"unusual-length": {"times": 2.0}, "accept-above": {"score": 0.9}}
        document["tasks"]["calls"]["rules"] = rules
    added = inside.both("add", "media")
    assert "4 items added" in added.stdout
    assert "broken.wav: not a WAV file" in added.stderr
    inside.prelabelled = inside("prelabel", "--yes")
    return inside


def states(line):
    return {i["key"]: i["state"] for i in map(json.loads, line("items", "--json").splitlines())}


def shown(line, key):
    return json.loads(line("show", key, "--json"))["tasks"]["calls"]


def test_the_plugin_is_written_as_a_stranger_would():
    code = "".join(path.read_text() for path in (AUDIO / "trainset_audio").glob("*.py"))
    imported = {text.split()[1] for text in code.splitlines() if text.startswith(("from ", "import "))}
    ours = {
        name
        for name in imported
        if name.split(".")[0] not in ("numpy", "msgspec", "trainset_audio", *sys.stdlib_module_names)
    }
    assert ours <= {"trainset", "trainset.plugins", "trainset.errors", "trainset.testing", "trainset.core.model"}
    assert sum(bool(text.strip()) for text in code.splitlines()) <= 250


def test_the_plugin_is_listed_with_its_distribution(tmp_path, site):
    told = json.loads(CommandLine(tmp_path, site)("plugins", "--json"))
    (mine,) = [p for p in told if p["distribution"] == "trainset-audio"]
    assert (mine["version"], mine["error"]) == ("0.1", None)
    kinds = {(p["kind"], p["name"]) for p in mine["provides"]}
    assert kinds >= {
        ("modality", "audio"),
        ("annotation", "audio.segment"),
        ("view", "waveform"),
        ("rule", "unusual-length"),
    }


def test_proposals_are_routed_by_the_plugins_rule_over_the_whole_task(calls):
    assert "4 annotations, 1 without any, 0 failed" in calls.prelabelled
    assert "unusual-length" in calls.prelabelled
    told = json.loads(calls("status", "--json"))["tasks"]["calls"]
    assert told["reasons"] == {"unusual-length": 1}
    listed = map(json.loads, calls("items", "--json").splitlines())
    assert [i["key"] for i in listed if i["reasons"]] == ["media/c.wav"]
    (segment,) = shown(calls, "media/b.wav")["annotations"] or shown(calls, "media/b.wav")["proposal"]
    assert (segment["type"], segment["label"]) == ("audio.segment", "bird")
    assert segment["segment"] == pytest.approx([0.4, 0.9], abs=0.05)


def test_a_decision_is_checked_by_the_plugin(calls):
    late = '[{"label": "frog", "segment": [2.5, 9]}]'
    assert "does not lie in the recording" in calls(
        "decide", "media/d.wav", "--verdict", "corrected", "--annotations", late, code=2
    )
    assert (
        "expected `array`"
        in calls(
            "decide",
            "media/d.wav",
            "--verdict",
            "corrected",
            "--annotations",
            '[{"label": "frog", "segment": 3}]',
            code=2,
        ).lower()
    )
    calls(
        "decide", "media/d.wav", "--verdict", "corrected", "--annotations", '[{"label": "frog", "segment": [2.5, 2.9]}]'
    )
    assert states(calls)["media/d.wav"] == "reviewed"


@pytest.fixture
def here(site, monkeypatch):
    """The plugin in this process."""
    monkeypatch.syspath_prepend(str(site))
    yield
    for name in [n for n in sys.modules if n.startswith("trainset_audio")]:
        del sys.modules[name]


def test_everything_that_it_registers_keeps_the_contract(here, tmp_path):
    from trainset_audio import audacity, demo, energy, segments, view, wav

    check_plugin("trainset_audio.plugin")
    check_demo(demo.Tones, wav.Audio(), tmp_path / "demo")
    folder, modality = tmp_path / "demo" / "first" / "media", wav.Audio()
    (tmp_path / "broken.wav").write_bytes(b"RIFF....")
    check_modality(modality, sorted(folder.iterdir())[:2], [tmp_path / "broken.wav"])
    items = items_in(folder, modality)[:3]
    labels = (Label(id="bird", index=0), Label(id="frog", index=1))
    task = Task(name="calls", type="segment", labels=labels, attributes=(Attribute(name="near", type="flag"),))
    some = [segments.Segment(id=f"p{n}", label="bird", segment=(n, n + 1.5)) for n in range(3)]
    settings, ops = segments.UnusualLengthSettings(), {segments.Segment: segments.SegmentOps()}
    context = MemoryContext(task, items, settings=settings, folder=folder, modality=modality, ops=ops)
    check_annotations(segments.Segment, segments.SegmentOps(), some, items[0])
    check_prelabeler(energy.Energy(energy.EnergySettings(), task), items, context, ["bird"])
    check_rule(segments.UnusualLength(), [Case(i, "predicted", some, "r") for i in items], context, whole_task=True)
    check_view(view.Waveform, items[0], {"energy": some}, context)
    rows = [Labelled(item=i, name=i.path(), annotations=some, state="reviewed") for i in items]
    assert check_exporter(audacity.AudacityExporter(), rows, context, tmp_path / "tracks") == []


def test_the_loop_ends_in_a_verified_commit_and_label_tracks_beside_their_recordings(calls, here, tmp_path):
    plugins = Workspace()
    with plugins.open(calls.cwd) as opened:
        task = opened.config.task("calls")
        spec = view_for(plugins.registry, opened, task.type)
        desk = ReviewDesk(opened, task, "ana")
        view = load(spec.factory)
        assert desk.queue()[0].key

        async def review():
            app = ReviewApp(desk, view, TaskContext(opened, task), min_look=0.0)
            async with app.run_test(size=(100, 30)) as pilot:
                await pilot.pause(0.1)
                app.session.jump("media/c.wav")
                app.screen.ask_repaint()
                await pilot.pause(0.1)
                await pilot.press("tab", "w", "2", "a")
                await pilot.pause(0.1)
                assert app.session.notice.kind == "saved"

        asyncio.run(review())
        desk.close()
    first, second = shown(calls, "media/c.wav")["annotations"]
    assert first["segment"][1] == second["segment"][0] == pytest.approx(1.6, abs=0.05)
    assert (first["label"], second["label"]) == ("frog", "bird")
    assert "score" not in first
    calls("decide", "--where", "state = predicted", "--verdict", "accepted", "--yes")
    assert set(states(calls).values()) <= {"reviewed", "auto-accepted"}
    calls("commit")
    calls("export", "audacity", tmp_path / "tracks", "--media", "copy")
    assert (tmp_path / "tracks" / "a.wav").read_bytes() == (calls.cwd / "media" / "a.wav").read_bytes()
    track = [text.split("\t") for text in (tmp_path / "tracks" / "c.txt").read_text().splitlines()]
    assert [(float(start), float(end), label) for start, end, label in track] == [
        (*first["segment"], "frog"), (*second["segment"], "bird")
    ]  # fmt: skip
    assert (tmp_path / "tracks" / "d.txt").read_text() == ""
    assert "0 problems" in calls("verify", "--media")


def test_its_objects_are_decided_in_a_grid(calls, here):
    plugins = Workspace()
    with plugins.open(calls.cwd) as opened:
        task = opened.config.task("calls")
        view = load(view_for(plugins.registry, opened, task.type).factory)
        thumbnails = Thumbnails(view, TaskContext(opened, task))
        session = GridSession(ReviewGridDesk(opened, task, "ana"), min_look=0)
        while None in (drawn := thumbnails.want([(shown, Size(20, 8)) for shown in session.page], Terminal())):
            pass
        assert drawn and all(isinstance(x, Cells) for x in drawn)
        session.shown()
        session.accept()
        session.desk.close()
        thumbnails.close()
    assert "partial" in states(calls).values()


def test_without_the_plugin_the_data_set_opens_and_nothing_is_lost(calls, tmp_path):
    calls("decide", "--where", "state = predicted", "--verdict", "accepted", "--yes")
    before = {key: shown(calls, key) for key in states(calls)}
    calls("export", "jsonl", tmp_path / "with.jsonl")
    bare = CommandLine(calls.cwd)
    told = bare.both("status")
    assert "reviewed" in told.stdout
    assert (
        "no installed plugin knows the modality 'audio' or tasks of type 'segment': what is labelled is kept as it is, "
        "but not shown or edited; install trainset-audio 0.1" in told.stderr
    )
    assert states(bare) == states(calls)
    assert {key: shown(bare, key) for key in before} == before
    bare("log", "media/a.wav")
    bare("commit")
    assert "0 problems" in bare("verify")
    assert bare("log").count("\n") == 1
    bare("export", "jsonl", tmp_path / "without.jsonl")
    bare("export", "jsonl", tmp_path / "at.jsonl", "--at", "HEAD")
    with_, without, at = ((tmp_path / f"{n}.jsonl").read_text() for n in ("with", "without", "at"))
    assert with_ == without
    assert sorted(at.splitlines()) == sorted(with_.splitlines())
    assert [line["annotations"] for line in map(json.loads, without.splitlines())] == [
        before[json.loads(line)["key"]]["annotations"] for line in without.splitlines()
    ]


def test_what_needs_the_plugin_says_so(calls):
    bare = CommandLine(calls.cwd)
    for words in (
        ("add", "media"),
        ("prelabel",),
        ("decide", "media/a.wav", "--verdict", "accepted"),
        ("export", "audacity", "../out"),
        ("route",),
    ):
        told = bare.both(*words, code=2 if words[0] == "export" else 1).stderr  # the format is named by the user
        assert "install trainset-audio 0.1" in told
        error = told.partition("error: ")[2]
        assert any(name in error for name in ("audio", "'unusual-length'"))


def test_where_only_the_annotation_type_is_missing_the_modality_still_works(calls, site, tmp_path):
    plugin = site / "trainset_audio" / "plugin.py"
    text = plugin.read_text()
    start = text.index("@hookimpl\ndef trainset_annotations")
    plugin.write_text(text[:start] + text[text.index("@hookimpl", start + 1) :])
    record(calls.cwd / "media" / "e.wav", [(1, 2)])
    told = calls.both("add", "media")
    assert "1 item added" in told.stdout
    assert "no installed plugin knows tasks of type 'segment'" in told.stderr
    assert len(shown(calls, "media/a.wav")["annotations"] or shown(calls, "media/a.wav")["proposal"]) == 2
    assert "no installed plugin has tasks of type 'segment'" in calls("prelabel", code=1)
    calls("export", "jsonl", tmp_path / "labels.jsonl", "--include", "predicted,reviewed,auto-accepted")
    assert '"audio.segment"' in (tmp_path / "labels.jsonl").read_text()


def test_the_demo_runs_the_same_loop(tmp_path, site):
    told = CommandLine(tmp_path, site)("demo", "d", "--modality", "audio")
    assert "trainset status" in told
    assert (tmp_path / "d" / "trainset.toml").is_file()
