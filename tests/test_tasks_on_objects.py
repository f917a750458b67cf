"""A task on another's objects in a dataset: what it asks, what is written, shown, exported and brought back."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trainset.core import config
from trainset.core.committing import commit
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.deciding import Recorder, annotations_from
from trainset.core.desk import ReviewDesk
from trainset.core.disputes import rivals_of
from trainset.core.engine import Engine, Job, RunWriter, predicted
from trainset.core.exporting import export
from trainset.core.importing import Importing
from trainset.core.index import Index
from trainset.core.jsonl import JsonlExporter, JsonlImporter
from trainset.core.layout import write_layout
from trainset.core.matching import ClassOps
from trainset.core.model import Annotation, Class, Item, ItemRecord, ModelHeader
from trainset.core.object_editing import class_editor
from trainset.core.protocols import Limits
from trainset.core.rankers import InOrder
from trainset.core.routing import Router
from trainset.core.rules import AcceptAbove, AcceptAboveSettings
from trainset.core.tree import WorkTree
from trainset.core.verify import Summary, verify
from trainset.errors import ConfigError, TrainsetError, UsageError

from .kit import NotesKit, git

TOML = """[dataset]
name = "shop"
modality = "notes"

[tasks.neckline]
type = "classify"
on = "garments"
labels = { v = { index = 0, name = "V-neck" }, c = { index = 1, name = "Crew neck" } }

[tasks.garments]
type = "mark"
labels = { shirt = { index = 0 }, dress = { index = 1 } }

[reviewers.ana]
[reviewers.ben]
"""


class Mark(Annotation, kw_only=True, frozen=True, tag="mark"):
    """Something at a place."""

    at: int = 0


class MarkOps(ClassOps):
    def similarity(self, a, b, item):
        return np.array([[float(x.at == y.at) for y in b] for x in a]).reshape(len(a), len(b))


class ShopKit(NotesKit):
    """The kit of notes, and marks on them."""

    def types(self):
        return {"class": Class, "mark": Mark}

    def type_versions(self):
        return {"class": 1, "mark": 1}

    def tag(self, task):
        return "mark" if task.type == "mark" else "class"

    def ops(self, tag, task=None):
        return MarkOps() if tag == "mark" else ClassOps()

    def rule(self, config, where):
        return AcceptAbove(), msgspec.convert(config.settings, AcceptAboveSettings), False

    def ranker(self, name, where):
        return InOrder()


def lay(root, toml=TOML):
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "trainset.toml").write_text(toml)
    write_layout(root)
    return Dataset(root, ShopKit())


@pytest.fixture
def shop(tmp_path):
    with lay(tmp_path / "shop") as dataset:
        add(dataset, "n/1", "n/2", "n/3")
        yield dataset


def add(dataset, *keys):
    writer = dataset.writer(dataset.header("items"))
    writer.append([msgspec.json.encode(ItemRecord(change="added", item=Item(key=k, split="train", media="m"))) for k in keys])  # fmt: skip
    writer.close()
    dataset.index.refresh()


def task(dataset, name="neckline"):
    return dataset.config.task(name)


def marks(text):
    """`a1 a2:5`: objects by id, at their number or at the place after the colon."""
    found = (x.partition(":") for x in text.split())
    return [Mark(id=name, label="shirt", at=int(at or name[1:])) for name, _, at in found]


def answers(text):
    """`a1=v a2=c`."""
    return [Class(id=name, label=label) for name, _, label in (x.partition("=") for x in text.split())]


def decide(dataset, what, key="n/1", name="neckline", who="ana", verdict="corrected", **more):
    """A decision; `what` are marks or answers, None for a verdict without."""
    writer = Recorder.person(dataset, task(dataset, name), who)
    given = None if what is None else answers(what) if name == "neckline" else marks(what)
    try:
        return writer.decide(dataset.row(key, task(dataset, name)), verdict, given, **more)
    finally:
        writer.close()


def boxes(dataset, what, key="n/1", **more):
    return decide(dataset, what, key, "garments", **more)


def propose(dataset, what, key="n/1"):
    row = dataset.row(key, task(dataset))
    with RunWriter(dataset, task(dataset), ModelHeader(name="m", digest="m", prelabeler="test")) as output:
        said = [Class(id=a.id, label=a.label, score=0.9) for a in answers(what)]
        output.put([predicted(dataset, key, said, of=row.of)])
        output.sync()
    dataset.index.refresh()


def where(dataset, key="n/1"):
    row = dataset.row(key, task(dataset))
    return row.state, row.reasons


def given(dataset, key="n/1"):
    return {a.id: a.label for a in dataset.answer(task(dataset), dataset.row(key, task(dataset)))}


def rebuilt(dataset):
    index = Index(":memory:", WorkTree(dataset.root), dataset.config.tasks, dataset._same)
    try:
        index.refresh()
        return index.dump()
    finally:
        index.close()


# -- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('on = "garments"', 'on = "shoes"'), "tasks.neckline.*no task 'shoes'"),
        (('on = "garments"', 'on = "neckline"'), "classifies, and has no objects"),
        (('on = "garments"', 'on = "garments"\nmany = true'), "`many` cannot ask about the objects"),
        (('type = "mark"', 'type = "mark"\non = "neckline"'), "classifies, and has no objects"),
        (('dress = { index = 1 } }', 'dress = { index = 1 } }\nattributes = { neckline = { type = "text" } }'),
         "have an attribute 'neckline' already"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_ask_about_another_is_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        config.read(TOML.replace(*change), "trainset.toml")


def test_a_task_of_another_type_cannot_ask_about_objects():
    text = TOML.replace('type = "classify"\non', 'type = "span"\non')
    with pytest.raises(ConfigError, match="a span task cannot ask"):
        config.read(text, "trainset.toml")


def test_what_a_task_asks_about_is_part_of_its_definition():
    on, off = (
        config.read(text, "").tasks["neckline"].definition for text in (TOML, TOML.replace('on = "garments"', ""))
    )
    assert on != off


# -- states -------------------------------------------------------------------------------------------------------


def test_an_item_is_asked_about_once_its_objects_are_decided(shop):
    assert where(shop) == ("excluded", ("garments is not decided",))
    boxes(shop, "a1 a2")
    assert where(shop) == ("unlabelled", ())
    boxes(shop, "")
    assert where(shop) == ("excluded", ("no garments",))
    assert where(shop, "n/2") == ("excluded", ("garments is not decided",))
    boxes(shop, None, verdict="reopened", reason="look")
    assert where(shop) == ("excluded", ("garments is not decided",))


def test_objects_are_answered_one_by_one_or_together(shop):
    boxes(shop, "a1 a2 a3")
    decide(shop, "a2=v")
    assert where(shop) == ("partial", ("garments without an answer: 2 of 3",))
    decide(shop, "a1=c", object="a1")
    assert where(shop) == ("partial", ("garments without an answer: 1 of 3",))
    decide(shop, "a3=c")
    assert where(shop) == ("reviewed", ())
    assert given(shop) == {"a1": "c", "a2": "v", "a3": "c"}
    decide(shop, "a2=c")
    assert given(shop) == {"a1": "c", "a2": "c", "a3": "c"}


def test_a_removed_object_takes_its_answer_along_and_verify_names_it(shop):
    boxes(shop, "a1 a2")
    decide(shop, "a1=v a2=c")
    boxes(shop, "a1:9", who="ben")
    assert where(shop) == ("reviewed", ())
    assert given(shop) == {"a1": "v"}
    summary = Summary()
    notes = [f for f in verify(shop, summary) if "answered" in f.message]
    assert [(f.line, f.note) for f in notes] == [(2, True)]
    assert notes[0].message == "ana answered 'neckline' for object 'a2' of n/1, which is none of its garments any more"
    assert notes[0].file.startswith("labels/decisions/neckline/ana/")
    assert summary.problems == 0


def test_labels_that_are_searched_and_counted_are_those_of_answers_that_count(shop):
    boxes(shop, "a1 a2")
    decide(shop, "a1=v a2=c")
    boxes(shop, "a1")
    assert shop.label_counts(task(shop)) == {"v": 1, "c": 0}
    assert [row.item.key for row in shop.rows(task(shop), "label = v")] == ["n/1"]
    assert not list(shop.rows(task(shop), "label = c"))


def test_the_queue_has_what_is_asked_about_and_not_answered(shop):
    boxes(shop, "a1 a2")
    boxes(shop, "a1", "n/2")
    decide(shop, "a1=v", "n/2")
    desk = ReviewDesk(shop, task(shop), "ana")
    assert [entry.key for entry in desk.queue()] == ["n/1"]
    assert desk.waiting() == 1
    desk.close()


def test_a_dispute_shows_what_each_says_of_the_objects_that_are_there(shop):
    boxes(shop, "a1 a2 a3")
    row = shop.row("n/1", task(shop))
    for who, what in (("ana", "a1=v"), ("ben", "a1=c a2=v a3=v")):
        writer = Recorder.person(shop, task(shop), who)
        writer.decide(row, "corrected", answers(what))
        writer.close()
    assert where(shop)[0] == "disputed"
    boxes(shop, "a1 a2")
    found = rivals_of(shop, task(shop), shop.row("n/1", task(shop)))
    assert {rival.who: [(a.id, a.label) for a in rival.annotations] for rival in found} == {
        "ana": [("a1", "v")],
        "ben": [("a1", "c"), ("a2", "v")],
    }
    decide(shop, "a1=c")
    assert where(shop)[0] == "reviewed"


# -- what may be decided ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "more", "words"),
    [
        ("a9=v", {}, "has no object 'a9'.*its objects: a1, a2"),
        ("a1=v a1=c", {}, "answered twice"),
        ("", {}, "names the objects of 'garments'.*a1, a2"),
        ("=v", {}, "has 2 objects: which one is it"),
        (None, {"verdict": "accepted"}, "no proposal"),
        (None, {"verdict": "removed", "object": "a1"}, "for task 'garments' to say"),
    ],
)
def test_what_is_no_answer_is_refused(shop, what, more, words):
    boxes(shop, "a1 a2")
    with pytest.raises(UsageError) as error:
        decide(shop, what, **more)
    assert re.search(words, f"{error.value.message} {error.value.hint}")


def test_an_item_that_is_not_asked_about_takes_no_answer(shop):
    with pytest.raises(UsageError, match="does not ask about 'n/1': garments is not decided"):
        decide(shop, "a1=v")


def test_a_script_must_say_which_object_it_answers(shop):
    boxes(shop, "a1 a2")
    found = annotations_from(shop, task(shop), [{"label": "V-neck"}])
    assert [(a.id, a.label) for a in found] == [("", "v")]


def test_an_object_without_an_id_gets_one_that_no_answer_can_be_taken_for(shop):
    boxes(shop, "a1 a2")
    decide(shop, "a1=v a2=v")
    writer = Recorder.person(shop, task(shop, "garments"), "ana")
    writer.decide(shop.row("n/1", task(shop, "garments")), "corrected", [Mark(label="dress", at=7)])
    writer.close()
    assert where(shop) == ("unlabelled", ())
    assert list(shop.row("n/1", task(shop)).objects) == ["a3"]


def test_an_object_that_a_script_puts_in_anothers_place_is_another(shop):
    boxes(shop, "a1 a2 a3")
    decide(shop, "a1=v a2=v a3=v")
    garments = task(shop, "garments")
    given_ = [
        {"id": "a1", "label": "shirt", "at": 1},
        {"label": "dress", "at": 9},
        {"id": "a3", "label": "shirt", "at": 3},
    ]
    writer = Recorder.person(shop, garments, "ana")
    writer.decide(shop.row("n/1", garments), "corrected", annotations_from(shop, garments, given_))
    writer.close()
    row = shop.row("n/1", task(shop))
    assert list(row.objects) == ["a1", "a4", "a3"]
    assert [name for _, name in row.orphans] == ["a2"]
    assert where(shop) == ("partial", ("garments without an answer: 1 of 3",))


def test_acceptance_takes_the_proposal_for_what_has_no_answer(shop):
    boxes(shop, "a1 a2 a3")
    propose(shop, "a1=v a2=v a3=v")
    assert where(shop) == ("predicted", ())
    decide(shop, "a2=c")
    decide(shop, None, verdict="accepted", object="a3")
    assert given(shop) == {"a2": "c", "a3": "v"}
    decide(shop, None, verdict="accepted")
    assert given(shop) == {"a1": "v", "a2": "c", "a3": "v"}
    assert where(shop) == ("reviewed", ())


# -- models -------------------------------------------------------------------------------------------------------


class Sizes:
    """Says v of what lies at an odd place, and is asked object by object."""

    limits = Limits()

    def __init__(self):
        self.seen = []

    def prepare(self, item, context):
        return [(a.id, a.at) for a in context.objects(item)]

    def infer(self, batch):
        return batch

    def decode(self, output, item):
        self.seen.append((item.key, [name for name, _ in output]))
        return [Class(id=name, label="V-neck" if at % 2 else "Crew neck", score=at / 10) for name, at in output]

    def providers(self):
        return ()


def run(dataset, labeller):
    job = Job(task=task(dataset), model="sizes", prelabeler="sizes", labeller=labeller, settings={}, digest="d")
    return Engine(dataset, job, workers=1).run()


@pytest.fixture
def readable(shop, monkeypatch):
    monkeypatch.setattr(type(shop.media), "digest", lambda self, item: "m")
    return shop


def test_a_model_is_asked_about_the_objects_of_each_item_and_again_where_they_changed(readable):
    boxes(readable, "a1 a2")
    boxes(readable, "a3", "n/2")
    labeller = Sizes()
    progress = run(readable, labeller)
    assert (progress.total, progress.done, progress.proposed) == (2, 2, 3)
    assert sorted(labeller.seen) == [("n/1", ["a1", "a2"]), ("n/2", ["a3"])]
    assert run(readable, labeller).total == 0
    boxes(readable, "a1:8 a4")
    assert where(readable)[0] == "unlabelled"
    labeller.seen.clear()
    again = run(readable, labeller)
    assert (again.total, again.run, again.resumed) == (1, progress.run, True)
    assert labeller.seen == [("n/1", ["a1", "a4"])]
    proposal = readable.proposal(task(readable), readable.row("n/1", task(readable)))
    assert [(a.id, a.label, a.score) for a in proposal] == [("a1", "c", 0.8), ("a4", "c", 0.4)]


def test_a_model_that_answers_for_no_object_fails(readable):
    boxes(readable, "a1")
    labeller = Sizes()
    labeller.decode = lambda output, item: [Class(id="p1", label="v")]
    progress = Engine(readable, Job(task=task(readable), model="s", prelabeler="s", labeller=labeller, settings={}, digest="d")).sample()  # fmt: skip
    assert "answers 'p1', which is none of the item's objects" in progress.failures[0][1]


def test_rules_accept_object_by_object(tmp_path, monkeypatch):
    rules = '[tasks.neckline.rules.accept-above]\nscore = 0.5\non = "objects"\n'
    with lay(tmp_path / "shop", TOML + rules) as dataset:
        add(dataset, "n/1")
        boxes(dataset, "a1 a7 a8")
        monkeypatch.setattr(dataset.media, "digest", lambda item: "m")
        run(dataset, Sizes())
        router = Router(dataset, task(dataset))
        plan = router.plan()
        assert plan.accept == {"accept-above": 2}
        router.apply()
        assert given(dataset) == {"a7": "v", "a8": "c"}
        assert where(dataset) == ("partial", ("garments without an answer: 1 of 3",))
        decide(dataset, "a1=v")
        row = dataset.row("n/1", task(dataset))
        assert (row.state, row.decided_by) == ("reviewed", ("ana", "rule.accept-above"))


def test_plugins_see_the_objects_and_compare_answers_by_them(shop):
    boxes(shop, "a1 a2:7")
    context = TaskContext(shop, task(shop))
    item = shop.item("n/1")
    assert [(a.id, a.at) for a in context.objects(item)] == [("a1", 1), ("a2", 7)]
    assert TaskContext(shop, task(shop, "garments")).objects(item) == ()
    likeness = context.similarity(answers("a1=v a2=v"), answers("a2=v"), item)
    assert likeness.tolist() == [[0.0], [1.0]]


# -- review -------------------------------------------------------------------------------------------------------


def test_the_screen_starts_from_answers_and_what_is_proposed_for_the_rest(shop):
    boxes(shop, "a1 a2 a3")
    propose(shop, "a1=v a2=v")
    decide(shop, "a2=c")
    desk = ReviewDesk(shop, task(shop), "ana")
    item = desk.item("n/1")
    editor = class_editor(item, desk.versions(item), TaskContext(shop, task(shop)))
    assert [line.text for line in editor.lines()] == ["1 shirt: V-neck .90", "2 shirt: Crew neck", "3 shirt: no answer"]
    assert editor.selected == "a3"
    assert editor.do("label", argument="v").text == "V-neck"
    record = desk.record(item, "corrected", editor.annotations())
    assert shop.decision(record)[0].of == shop.row("n/1", task(shop)).of
    assert given(shop) == {"a1": "v", "a2": "c", "a3": "v"}
    desk.close()


# -- other places -------------------------------------------------------------------------------------------------


def lines(path):
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_objects_are_exported_with_their_answers_as_attributes(shop, tmp_path):
    boxes(shop, "a1 a2")
    boxes(shop, "a1", "n/2")
    decide(shop, "a2=v")
    export(shop, task(shop, "garments"), JsonlExporter(), tmp_path / "out.jsonl")
    first, second = lines(tmp_path / "out.jsonl")
    assert [a.get("attributes") for a in first["annotations"]] == [None, {"neckline": "V-neck"}]
    assert [a.get("attributes") for a in second["annotations"]] == [None]


def test_what_is_not_asked_about_is_exported_by_no_state(shop, tmp_path):
    boxes(shop, "")
    boxes(shop, "a1", "n/2")
    decide(shop, None, "n/2", verdict="excluded")
    export(shop, task(shop), JsonlExporter(), tmp_path / "out.jsonl", states=("excluded",))
    assert [line["key"] for line in lines(tmp_path / "out.jsonl")] == ["n/2"]


class Titles:
    """A format of labels alone."""

    losses: Mapping = MappingProxyType({})

    def write(self, rows, dest, context):
        dest.write_text("".join(f"{a.label}\n" for row in rows for a in row.annotations))
        yield from ()


def test_a_format_without_ids_says_that_the_objects_are_lost(shop, tmp_path):
    boxes(shop, "a1 a2")
    decide(shop, "a1=v a2=c")
    assert export(shop, task(shop), Titles(), tmp_path / "out.txt").losses == {"objects": 1}
    assert not export(shop, task(shop, "garments"), Titles(), tmp_path / "marks.txt").losses
    with pytest.raises(TrainsetError, match="which object an answer speaks of"):
        export(shop, task(shop), Titles(), tmp_path / "strict.txt", strict=True)


def test_a_corrected_file_keeps_the_ids_of_what_it_had_before(shop, tmp_path):
    garments = task(shop, "garments")

    def bring(*places):
        rows = [{"key": "n/1", "task": "garments", "state": "reviewed", "annotations": [{"type": "mark", "label": "shirt", "at": n} for n in places]}]  # fmt: skip
        (tmp_path / "in.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        return Importing(shop, garments, JsonlImporter(), "jsonl", tmp_path / "in.jsonl", reviewer="ben").decisions()

    bring(1, 2, 3)
    decide(shop, "a1=v a2=c a3=v")
    assert bring(1, 3, 7).superseded == 1
    row = shop.row("n/1", task(shop))
    assert row.objects["a1"] == row.objects["a3"] is not None
    assert (list(row.objects), row.objects["a4"]) == (["a1", "a3", "a4"], None)
    assert bring(1, 3, 7).unchanged == 1


def test_answers_come_back_from_an_export_and_those_without_an_object_are_left_out(shop, tmp_path):
    boxes(shop, "a1 a2")
    boxes(shop, "a1", "n/2")
    decide(shop, "a1=v a2=c")
    decide(shop, "a1=c", "n/2")
    export(shop, task(shop), JsonlExporter(), tmp_path / "out.jsonl", states=("reviewed", "excluded"))
    assert [line["key"] for line in lines(tmp_path / "out.jsonl")] == ["n/1", "n/2"]
    with lay(tmp_path / "other") as other:
        add(other, "n/1", "n/2", "n/3")
        boxes(other, "a1 a9")
        importing = Importing(other, task(other), JsonlImporter(), "jsonl", tmp_path / "out.jsonl", reviewer="ben")
        report = importing.decisions()
        assert report.recorded == 1
        assert [(p.where, p.message) for p in report.problems] == [
            ("n/1, a2", "this is none of its garments, by id; it was left out"),
            ("n/2", "no garments are decided on it; it was left out"),
        ]
        assert given(other) == {"a1": "v"}
        again = Importing(other, task(other), JsonlImporter(), "jsonl", tmp_path / "out.jsonl", reviewer="ben")
        assert (again.decisions().unchanged, again.report.recorded) == (1, 0)


def test_a_revision_knows_the_answers_of_its_own_objects(shop):
    boxes(shop, "a1 a2")
    decide(shop, "a1=v a2=c")
    then = commit(shop)
    boxes(shop, "a1")
    with Dataset(shop.root, ShopKit(), getattr(then, "commit", "HEAD")) as old:
        assert given(old) == {"a1": "v", "a2": "c"}
    assert given(shop) == {"a1": "v"}


# -- the index ----------------------------------------------------------------------------------------------------


class Working(RuleBasedStateMachine):
    """People decide objects and answers in any order; after every step the index is compared with one built anew."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.dataset = lay(self.folder / "shop")
        add(self.dataset, "n/1", "n/2")

    def teardown(self):
        self.dataset.close()
        shutil.rmtree(self.folder)

    keys = st.sampled_from(("n/1", "n/2"))
    who = st.sampled_from(("ana", "ben"))
    names = st.sets(st.sampled_from(("a1", "a2", "a3")))

    @rule(key=keys, names=names, who=who)
    def draw(self, key, names, who):
        boxes(self.dataset, " ".join(sorted(names)), key, who=who)

    @rule(key=keys, names=names, who=who, label=st.sampled_from("vc"))
    def answer(self, key, names, who, label):
        there = self.dataset.row(key, task(self.dataset)).objects
        if fitting := sorted(names & set(there)):
            decide(self.dataset, " ".join(f"{name}={label}" for name in fitting), key, who=who)

    @rule(key=keys, name=st.sampled_from(("garments", "neckline")))
    def open_again(self, key, name):
        decide(self.dataset, None, key, name, verdict="reopened", reason="why")

    @rule(key=keys, name=st.sampled_from(("garments", "neckline")))
    def withdraw(self, key, name):
        row = self.dataset.row(key, task(self.dataset, name))
        mine = [r for r in row.live if self.dataset.decision(r)[1].reviewer == "ana"]
        if mine:
            writer = Recorder.person(self.dataset, task(self.dataset, name), "ana")
            writer.withdraw(row, mine[0])
            writer.close()

    @rule(key=keys, label=st.sampled_from("vc"))
    def propose(self, key, label):
        if there := self.dataset.row(key, task(self.dataset)).objects:
            propose(self.dataset, " ".join(f"{name}={label}" for name in there), key)

    @rule()
    def take_a_file_away(self):
        files = sorted((self.dataset.root / "labels" / "decisions").rglob("*.jsonl"))
        if files:
            files[0].unlink()
            self.dataset.index.refresh()

    @invariant()
    def the_index_is_what_one_built_anew_is(self):
        assert self.dataset.index.dump() == rebuilt(self.dataset)

    @invariant()
    def answers_are_those_of_the_objects_that_are_there(self):
        for key in ("n/1", "n/2"):
            row = self.dataset.row(key, task(self.dataset))
            there = [a.id for a in self.dataset.objects(task(self.dataset), row)]
            assert there == list(row.objects)
            assert set(given(self.dataset, key)) == {name for name, rid in row.objects.items() if rid}


TestWorking = Working.TestCase
TestWorking.settings = settings(max_examples=15, stateful_step_count=12, suppress_health_check=list(HealthCheck))
