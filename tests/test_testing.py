"""The kit for plugin authors: it passes what is sound, and names what is broken."""

import json
from dataclasses import replace
from threading import Lock, get_ident

import msgspec
import numpy as np
import pytest

from trainset.core.jsonl import JsonlExporter, JsonlImporter
from trainset.core.model import Annotation, Attribute, Class, Item, Label, Task, Undecoded
from trainset.core.rules import RandomAudit, RandomAuditSettings
from trainset.errors import MediaError
from trainset.plugins import (
    Case,
    Editor,
    EditorView,
    Finding,
    Imported,
    ItemDraft,
    Key,
    Labelled,
    Limits,
    Loss,
    Picture,
    Point,
    Problem,
    Recognition,
    Rect,
    Scene,
    Shape,
    Skipped,
    walk,
)
from trainset.testing import (
    ContractError,
    MemoryContext,
    check_annotations,
    check_demo,
    check_exporter,
    check_format,
    check_importer,
    check_modality,
    check_plugin,
    check_prelabeler,
    check_ranker,
    check_rule,
    check_view,
    dataset,
    items_in,
)


class Bar(Annotation, kw_only=True, frozen=True, tag="test.bar"):
    """A stretch of a line."""

    bar: tuple[float, float]


class BarOps:
    def similarity(self, a, b, item):
        left, right = (np.array([x.bar for x in some], float).reshape(-1, 2) for some in (a, b))
        both = np.minimum(left[:, None, 1], right[None, :, 1]) - np.maximum(left[:, None, 0], right[None, :, 0])
        either = np.maximum(left[:, None, 1], right[None, :, 1]) - np.minimum(left[:, None, 0], right[None, :, 0])
        return both.clip(min=0) / either

    def extent(self, annotation, item):
        return Rect(annotation.bar[0], 0, annotation.bar[1] - annotation.bar[0], 1)


class Lines:
    """A modality of `.line` files, each a number: the length."""

    def scan(self, path, settings):
        for file in walk(path):
            if file.suffix == ".line":
                yield ItemDraft(parts={"": file}, meta={"length": self.length(file)})
            elif file == path:
                yield Skipped(file, "not a line")

    def length(self, file):
        text = file.read_text()
        return float(text) if text.isdecimal() else 1.0

    def load(self, parts, item):
        text = parts[""].read_text()
        if not text.isdecimal():
            raise MediaError(f"{parts['']} holds no number")
        return np.zeros(int(text), np.uint8)

    def frame(self, item):
        return Rect(0, 0, item.meta["length"], 1)

    def check(self, item, annotations):
        return iter(())


class Halves:
    """A pre-labeller that proposes the first half."""

    limits = Limits(batch=2)

    def prepare(self, item, context):
        return len(context.media.load(item))

    def infer(self, batch):
        return [n / 2 for n in batch]

    def decode(self, output, item):
        return [Bar(label="a", score=0.5, bar=(0, output))]

    def providers(self):
        return ()


class LineView(EditorView):
    keys = (Key("h", "move", "to the left", -1), Key("l", "move", "to the right", 1), Key("b", "add", "one more"))

    def open(self, item, versions, context):
        self.editor, self.length = Editor(item, context.task, versions), item.meta["length"]

    def scene(self, viewport):
        place = Rect(0, 0, self.length, 1)
        corners = [(Point(a.bar[0], 0), Point(a.bar[1], 1)) for a in self.editor.objects if isinstance(a, Bar)]
        return Scene(place, [Picture(np.zeros((1, 4, 3), np.uint8), place)], shapes=[Shape("box", c) for c in corners])

    def do(self, command, at=None, argument=None):
        chosen = self.editor.chosen()
        if command == "add":
            return self.editor.add("new", Bar(label=self.editor.new_label, bar=(0, 1)))
        if command == "move" and isinstance(chosen, Bar):
            return self.editor.edit("moved", bar=tuple(x + argument for x in chosen.bar))
        return super().do(command, at, argument)

    def thumbnail(self, item, focus, size, context):
        return Scene(Rect(0, 0, 1, 1))


LABELS = (Label(id="a", index=0, name="A"), Label(id="b", index=1), Label(id="old", index=2, retired=True))
TASK = Task(name="t", type="bar", labels=LABELS, attributes=(Attribute(name="bent", type="flag"),))
ITEM = Item(key="media/x.line", meta={"length": 100.0})
BARS = (
    Bar(id="p1", label="a", score=0.5, bar=(0, 10)),
    Bar(id="p2", label="b", bar=(5, 20)),
    Bar(id="p3", bar=(50, 60)),
)


@pytest.fixture
def folder(tmp_path):
    for name, text in (("x", "100"), ("y", "60"), ("z", "7")):
        (tmp_path / f"{name}.line").write_text(text)
    return tmp_path


@pytest.fixture
def context(folder):
    return MemoryContext(TASK, items_in(folder, Lines()), folder=folder, modality=Lines(), ops={Bar: BarOps()})


def broken(cls, **members):
    """A class with some members replaced."""
    return type(f"Broken{cls.__name__}", (cls,), members)


def raises(text):
    return pytest.raises(ContractError, match=text)


# -- modalities ------------------------------------------------------------------------------------------------------


def check_lines(modality, folder):
    (folder / "bad.line").write_text("no number")
    check_modality(modality(), [folder / "x.line", folder / "y.line"], [folder / "bad.line"])


def test_a_sound_modality_passes(folder):
    check_lines(Lines, folder)


class Impatient(Lines):
    """Loads into one buffer for all threads."""

    lock, calls = Lock(), 0

    def load(self, parts, item):
        with self.lock:
            type(self).calls += 1
        return super().load(parts, item) + self.calls


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"length": lambda self, file: float(file.read_text())}, "raises ValueError(?s:.*)and raises nothing"),
        ({"load": lambda self, parts, item: 0}, "takes bad.line for a sound one"),
        ({"load": lambda self, parts, item: [0] * int(parts[""].read_text())}, "of bad.line raises ValueError"),
        ({"frame": lambda self, item: Rect(0, 0, float("nan"), 1)}, "a Rect of finite numbers with an area"),
        ({"scan": lambda self, path, settings: [Skipped(path, "dull")]}, r"finds no item in x.line \(dull\)"),
        ({"scan": lambda self, path, settings: [ItemDraft(parts={"": path}, meta={"n": np.float32(1)})]}, "cannot be stored"),
        ({"scan": lambda self, path, settings: map(draft_or_not, walk(path))}, "passed over in silence"),
    ],
)  # fmt: skip
def test_a_broken_modality_is_named(folder, members, message):
    with raises(message):
        check_lines(broken(Lines, **members), folder)


def draft_or_not(file):
    line = file.suffix == ".line"
    return ItemDraft(parts={"": file}, meta={"length": 1.0}) if line else Skipped(file, "not a line")


def test_a_modality_that_threads_disturb_is_named(folder):
    with raises("several threads may load at once"):
        check_lines(Impatient, folder)


# -- annotations -----------------------------------------------------------------------------------------------------


def test_a_sound_annotation_type_passes():
    check_annotations(Bar, BarOps(), BARS, ITEM)


class Loose(Annotation, kw_only=True, frozen=True, tag="test.loose"):
    bar: object


BROKEN_OPS = {
    r"is float64 \(3,\)\n.*shape \(len\(a\), len\(b\)\)": {"similarity": lambda self, a, b, item: np.ones(len(a))},
    "gives 0 to 2": {"similarity": lambda self, a, b, item: BarOps().similarity(a, b, item) * 2},
    "what is identical has similarity 1": {"similarity": lambda self, a, b, item: np.zeros((len(a), len(b)))},
    "gives NaN": {"similarity": lambda self, a, b, item: np.full((len(a), len(b)), np.nan)},
    "similarity is symmetric": {
        "similarity": lambda self, a, b, item: np.array(
            [[1.0 if x.bar == y.bar else x.bar[0] / 100 for y in b] for x in a]
        ).reshape(len(a), len(b))
    },
    "similarity is by geometry alone": {
        "similarity": lambda self, a, b, item: (
            BarOps().similarity(a, b, item) * [[x.label == y.label for y in b] for x in a] if a and b else BarOps().similarity(a, b, item)
        )
    },
    "an extent is a Rect of finite numbers": {"extent": lambda self, annotation, item: Rect(0, 0, -1, 1)},
}  # fmt: skip


@pytest.mark.parametrize("message", BROKEN_OPS)
def test_broken_measures_are_named(message):
    with raises(message):
        check_annotations(Bar, broken(BarOps, **BROKEN_OPS[message])(), BARS, ITEM)


def test_an_annotation_that_comes_back_as_another_is_named():
    with raises(r'"bar":\[1,2\].* comes back as'):
        check_annotations(Loose, BarOps(), [Loose(bar=(1, 2))], ITEM)


# -- pre-labellers ---------------------------------------------------------------------------------------------------


def test_a_sound_prelabeler_passes(context):
    check_prelabeler(Halves(), context.items, context, ["a", "b"])


class Bound(Halves):
    """Serves the thread that made it, as a handle of some library may."""

    def __init__(self):
        self.thread = get_ident()

    def infer(self, batch):
        if get_ident() != self.thread:
            raise RuntimeError("made in another thread")
        return super().infer(batch)


def numbered(self, batch):
    return [n / 2 + place for place, n in enumerate(batch)]


BROKEN_PRELABELERS = {
    "limits are whole numbers above 0": {"limits": Limits(batch=0)},
    "gives 1 outputs for a batch of 2": {"infer": lambda self, batch: [batch[0] / 2]},
    "an item's neighbours in a batch change nothing": {"infer": numbered},
    "gives the score 1.5": {"decode": lambda self, output, item: [Bar(label="a", score=1.5, bar=(0, 1))]},
    "gives the score nan": {"decode": lambda self, output, item: [Bar(label="a", score=float("nan"), bar=(0, 1))]},
    "gives the label 'c', not one of": {"decode": lambda self, output, item: [Bar(label="c", score=0.5, bar=(0, 1))]},
    "lies outside of the item": {"decode": lambda self, output, item: [Bar(label="a", score=0.5, bar=(500, 600))]},
    "an id is unique": {"decode": lambda self, output, item: [Bar(id="x", label="a", score=0.5, bar=(0, 1))] * 2},
    "providers are names": {"providers": lambda self: "cpu"},
}


@pytest.mark.parametrize("message", BROKEN_PRELABELERS)
def test_a_broken_prelabeler_is_named(context, message):
    with raises(message):
        check_prelabeler(broken(Halves, **BROKEN_PRELABELERS[message])(), context.items, context, ["a", "b"])


def test_a_prelabeler_for_one_thread_is_named(context):
    with raises("Bound raises RuntimeError where two threads use it: made in another thread"):
        check_prelabeler(Bound(), context.items, context)


# -- rules and rankers -----------------------------------------------------------------------------------------------


def cases_of(context):
    return [Case(item, "predicted", BARS, "r1") for item in context.items]


class Second:
    """A rule on the second case of all."""

    def findings(self, cases, context):
        for n, case in enumerate(cases):
            if n == 1:
                yield Finding(case.item.key, "the second")


def rule_of(make):
    return type("BrokenRule", (), {"findings": lambda self, cases, context: (make(case) for case in cases)})()


def test_sound_rules_pass(context):
    check_rule(Second(), cases_of(context), context, whole_task=True)
    check_rule(RandomAudit(), cases_of(context), replace(context, settings=RandomAuditSettings(share=0.9)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda case: Finding("media/other.line", "why"), "names the key of a case's item"),
        (lambda case: Finding(case.item.key, "why", object="p9"), "names object 'p9'"),
        (lambda case: Finding(case.item.key, " "), "gives no reason"),
        (lambda case: Finding(case.item.key, "why", "drop"), "gives the action 'drop'"),
        (lambda case: Finding(case.item.key, "why", "lot"), "says the probability"),
        (lambda case: Finding(case.item.key, f"{len(case.annotations)} objects"), "annotations None where no proposal"),
    ],
)
def test_a_broken_rule_is_named(context, make, message):
    with raises(message):
        check_rule(rule_of(make), cases_of(context), context)


def test_a_rule_that_needs_all_cases_and_does_not_say_so_is_caught(context):
    with raises("says `whole_task` in its spec"):
        check_rule(Second(), cases_of(context), context)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda cases: [(c.item.key, 0.0, "why") for c in list(cases)[1:]], "a priority to every case, once"),
        (lambda cases: [(c.item.key, float("inf"), "why") for c in cases], "the priority inf"),
        (lambda cases: [(c.item.key, 0.0, "") for c in cases], "gives no reason"),
        (lambda cases: [(c.item.key, 1.0 * len(cases), "why") for c in cases], "an iterable of any length"),
    ],
)
def test_a_broken_ranker_is_named(context, make, message):
    ranker = type("BrokenRanker", (), {"rank": lambda self, cases, context: make(cases)})()
    with raises(message):
        check_ranker(ranker, cases_of(context), context)


# -- formats ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def rows(context):
    answers = (BARS[:1], (), BARS[1:2])
    return [
        Labelled(item=item, name=item.path(), annotations=some, state="reviewed")
        for item, some in zip(context.items, answers, strict=True)
    ]


def test_the_core_s_format_keeps_its_contract(rows, context, tmp_path):
    check_format(JsonlImporter(), JsonlExporter(), rows, context, tmp_path / "out", "labels.jsonl")


def changed(**fields):
    """An exporter that writes rows with these fields, without a word."""

    class Silent(JsonlExporter):
        def write(self, rows, dest, context):
            return super().write([replace(row, **fields) for row in rows], dest, context)

    return Silent()


def of_annotations(**fields):
    class Silent(JsonlExporter):
        def write(self, rows, dest, context):
            some = (replace(r, annotations=[msgspec.structs.replace(a, **fields) for a in r.annotations]) for r in rows)
            return super().write(some, dest, context)

    return Silent()


class Undeclared(JsonlExporter):
    def write(self, rows, dest, context):
        yield from super().write([], dest, context)
        yield from (Loss("everything", row.item.key) for row in rows)


class Littering(JsonlExporter):
    def write(self, rows, dest, context):
        dest.with_name("classes.txt").write_text("a\nb\n")
        return super().write(rows, dest, context)


@pytest.mark.parametrize(
    ("exporter", "message"),
    [
        (changed(note=None), r"make None of the note 'half hidden' of media/x.line \(a row with a note\)"),
        (changed(attributes={}), "make {} of the attributes"),
        (changed(annotations=[]), r"make \[\] of the labels \['a'\]"),
        (of_annotations(score=None), "lossless or loud"),
        (of_annotations(track=None), "a row with tracks"),
        (of_annotations(bar=(0, 1)), r"bar=\(0.0, 1.0\).* of Bar"),
        (Undeclared(), r"loses 'everything', but Undeclared declares \[\]"),
        (Littering(), r"leaves \['classes.txt'\] beside labels.jsonl"),
    ],
)
def test_an_exporter_that_loses_in_silence_is_named(rows, context, tmp_path, exporter, message):
    with raises(message):
        check_format(JsonlImporter(), exporter, rows, context, tmp_path / "out", "labels.jsonl")


class Frail(JsonlImporter):
    def classes(self, src):
        return [(None, a["label"]) for line in src.open() for a in json.loads(line)["annotations"]]


class Eager(JsonlImporter):
    def sniff(self, src):
        return Recognition(evidence=["its name"])


class Bare(JsonlImporter):
    fields = b'"test.bar":[1,2]'

    def read(self, src, context):
        for found in super().read(src, context):
            bare = [Undecoded("test.bar", "a1", "a", self.fields)]
            yield msgspec.structs.replace(found, annotations=bare) if isinstance(found, Imported) else found


class Wrong(Bare):
    fields = b'"bar":"no"'


class Right(Bare):
    fields = b'"bar":[1,2]'


def test_what_an_importer_leaves_undecoded_is_decoded_and_named_where_it_does_not_fit(rows, context, tmp_path):
    check_exporter(JsonlExporter(), rows, context, tmp_path / "labels.jsonl")
    found = check_importer(Right(), tmp_path / "labels.jsonl", context)
    assert found[0].annotations == [Bar(id="a1", label="a", bar=(1.0, 2.0))]
    for importer in (Bare(), Wrong()):
        with raises(r"which is no test.bar"):
            check_importer(importer, tmp_path / "labels.jsonl", context)


def test_an_importer_that_damaged_files_break_is_named(rows, context, tmp_path):
    check_exporter(JsonlExporter(), rows, context, tmp_path / "labels.jsonl")
    assert len(check_importer(JsonlImporter(), tmp_path / "labels.jsonl", context)) == 3
    with raises(r"Frail.classes of nowhere raises FileNotFoundError"):
        check_importer(Frail(), tmp_path / "labels.jsonl", context)
    with raises("Eager.sniff recognises nothing at all"):
        check_importer(Eager(), tmp_path / "labels.jsonl", context)


# -- views -----------------------------------------------------------------------------------------------------------

VERSIONS = {"one": BARS, "two": [Bar(id="p1", label="b", score=0.25, bar=(70, 80))]}


def test_a_sound_view_passes(context):
    check_view(LineView, ITEM, VERSIONS, context)


class Careless(Lines):
    """A modality to which no bar may begin before 0."""

    def check(self, item, annotations):
        return (Problem(a.id, "begins before 0") for a in annotations if a.bar[0] < 0)


def test_a_view_that_makes_what_its_modality_finds_wrong_is_named(context):
    check_view(LineView, ITEM, VERSIONS, context, sequences=3)
    with raises(r"\['\w1'\] are now what the modality finds wrong"):
        check_view(LineView, ITEM, {"one": BARS[:1]}, context, Careless())


class Forgetful(LineView):
    """Undo puts back the annotations that it opened with."""

    def open(self, item, versions, context):
        super().open(item, versions, context)
        self.first = self.editor.objects

    def undo(self, change):
        self.editor.objects = self.first


class Moody(LineView):
    """A move is undone, but not the second time."""

    def redo(self, change):
        if change.text != "moved":
            super().redo(change)


class Recycling(LineView):
    """A new object takes the first id that is free now."""

    def do(self, command, at=None, argument=None):
        if command == "add":
            free = next(f"n{n}" for n in range(99) if f"n{n}" not in {a.id for a in self.editor.objects})
            return self.editor.change("new", (*self.editor.objects, Bar(id=free, label="a", bar=(0, 1))), free)
        return super().do(command, at, argument)


class Renaming(LineView):
    def do(self, command, at=None, argument=None):
        chosen = self.editor.chosen()
        if command == "label" and chosen and self.editor.task.label(argument) in self.editor.task.active:
            new = msgspec.structs.replace(chosen, id=self.editor.new_id(), label=argument)
            return self.editor.change("x", tuple(new if a is chosen else a for a in self.editor.objects), new.id)
        return super().do(command, at, argument)


class Quiet(LineView):
    """Moves without a Change."""

    def do(self, command, at=None, argument=None):
        done = super().do(command, at, argument)
        return None if command == "move" else done


class Nervous(LineView):
    def do(self, command, at=None, argument=None):
        if command == "move":
            return self.editor.edit("moved", bar=tuple(x + argument for x in self.editor.chosen().bar))
        return super().do(command, at, argument)


class Wandering(LineView):
    def scene(self, viewport):
        scene = super().scene(viewport)
        return replace(scene, shapes=[Shape("box", (Point(0, 0), Point(float("nan"), 1)))])


class Parted(LineView):
    def scene(self, viewport):
        line = Shape("line", np.zeros((3, 2)), parts=(2, 2))
        return Scene(Rect(0, 0, self.length, 1), super().scene(viewport).pictures, shapes=[line])


class Dropping(LineView):
    def open(self, item, versions, context):
        super().open(item, {name: [a for a in some if isinstance(a, Bar)] for name, some in versions.items()}, context)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (broken(LineView, keys=(Key("a", "move", "x"),)), r"a key a \(move\) is reserved by the review screen"),
        (broken(LineView, keys=(Key("h", "move", ""),)), "says in words what it does"),
        (Forgetful, r"(?s)after .*undo of 'moved'.*redo does it again: exactly"),
        (Moody, r"the annotations are .*redo of 'moved'"),
        (Recycling, r"a new object has the id \['n\d'\], which was another's, after"),
        (Renaming, "a label changes ids, after select 'p1'; label 'a'"),
        (Quiet, "do returns NoneType where annotations changed, after"),
        (Nervous, "do raises AttributeError: 'NoneType'.*after .*move"),
        (Parted, "parts are the numbers of points of each path, and together all of them"),
        (Wandering, "scene coordinates are finite"),
        (Dropping, "what a view cannot show it keeps as it is"),
        (broken(LineView, lines=lambda self: []), r"lists? \[\] of the annotations \['p1', 'p2', 'p3'\]"),
        (broken(LineView, annotations=lambda self: list(self.editor.objects)), "annotations\\(\\) is a list"),
        (broken(LineView, thumbnail=lambda *_: Scene(Rect(0, 0, 0, 0))), "thumbnail has the extent"),
    ],
)
def test_a_broken_view_is_named(context, view, message):
    with raises(message):
        check_view(view, ITEM, VERSIONS, context)


# -- demos -----------------------------------------------------------------------------------------------------------


class Drawn:
    """A demo of three lines."""

    tasks = ("t:bar:a,b",)

    def make(self, dest, seed):
        (dest / "media").mkdir()
        for n in range(3):
            (dest / "media" / f"{n}.line").write_text(str(10 + n + seed))

    def truth(self, key):
        return [Bar(id="t1", label="a", bar=(0, 5))]

    def configure(self):
        return {"prelabeler": "halves", "rules": {"accept-above": {"score": 0.4}}}


def test_a_sound_demo_passes(tmp_path):
    check_demo(Drawn, Lines(), tmp_path)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"truth": lambda self, key: [Bar(label="a", bar=(0, 5))]}, "an id of its own"),
        ({"truth": lambda self, key: [Bar(id="t1", label="c", bar=(0, 5))]}, "has the label 'c'"),
        ({"truth": lambda self, key: [Bar(id="t1", label="a", score=1.0, bar=(0, 5))]}, "truth is not scored"),
        ({"make": lambda self, dest, seed: Drawn().make(dest, 0)}, "another seed draws other files"),
        ({"configure": lambda self: {"modle": 1}}, r"gives \['modle'\]"),
    ],
)
def test_a_broken_demo_is_named(tmp_path, members, message):
    with raises(message):
        check_demo(broken(Drawn, **members), Lines(), tmp_path)


# -- plugins ---------------------------------------------------------------------------------------------------------

PLUGIN = """
from trainset import plugins

@plugins.hookimpl
def trainset_rankers():
    yield plugins.RankerSpec(name="odd", factory="{module}_odd:Odd", summary="{summary}")
"""
RANKER = "class Odd:\n    def rank(self, cases, context):\n        return iter(())\n"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a plugin's module, and the one that its spec names; its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name, code=PLUGIN, ranker=RANKER, summary="made up"):
        (tmp_path / f"{name}.py").write_text(code.format(module=name, summary=summary))
        (tmp_path / f"{name}_odd.py").write_text(ranker)
        return name

    return write


def test_a_sound_plugin_passes(plugin):
    check_plugin(plugin("kit_sound"))


@pytest.mark.parametrize(
    ("name", "message", "parts"),
    [
        ("nothing", "registers nothing", {"code": "from trainset import plugins"}),
        ("unknown", "unknown hook 'trainset_wishes'", {"code": PLUGIN.replace("rankers", "wishes")}),
        ("wrong", "trainset_rankers gives RankerSpec, not RuleSpec", {"code": PLUGIN.replace("RankerSpec", "RuleSpec").replace("summary", "settings='x:y', summary", 1)}),
        ("twice", "registered twice", {"code": PLUGIN.replace('"odd"', '"random"')}),
        ("newer", "has API 99", {"code": "API = 99" + PLUGIN}),
        ("mute", "has no summary", {"summary": ""}),
        ("missing", "Odd cannot be loaded: AttributeError", {"ranker": ""}),
        ("incomplete", r"Odd has no rank\n.*a Ranker has rank\(self, cases", {"ranker": "class Odd: pass"}),
        ("narrow", "Odd.rank takes other arguments", {"ranker": "class Odd:\n    def rank(self, cases): ..."}),
        ("heavy", "listing kit_heavy imports .*textual", {"code": "import textual" + PLUGIN}),
    ],
)  # fmt: skip
def test_a_broken_plugin_is_named(plugin, name, message, parts):
    with raises(message):
        check_plugin(plugin(f"kit_{name}", **parts))


# -- contexts and datasets -------------------------------------------------------------------------------------------


def test_a_context_in_memory_answers_as_the_core_s(context, tmp_path):
    x, y, _ = context.items
    context = replace(context, runs={"r1": {x.key: BARS}, "r2": {y.key: BARS[:1]}}, media_mode="copy")
    assert context.find("x.line") == context.find("media/x.line") == context.find("x") == x
    assert context.find("other/x.line") is None
    assert context.counts() == {"a": 1, "b": 1}
    assert dict(context.proposals(y)) == {"r2": BARS[:1]}
    assert (
        context.similarity(BARS, [Class(label="a"), *BARS], x)[:, 1:].tolist()
        == BarOps().similarity(BARS, BARS, x).tolist()
    )
    assert context.extent(BARS[0], x) == Rect(0, 0, 10, 1) and context.frame(x) == Rect(0, 0, 100, 1)
    assert context.decode(b'[{"type":"test.bar","id":"a","bar":[0,1]}]') == (Bar(id="a", bar=(0, 1)),)
    context.place(x, tmp_path / "out" / "x.line")
    assert (tmp_path / "out" / "x.line").read_text() == "100" and context.placed == [tmp_path / "out" / "x.line"]
    with pytest.raises(MediaError):
        MemoryContext(TASK).media.path(x)
    with pytest.raises(LookupError, match=r"no `ops` for annotations of type 'test\.bar'"):
        MemoryContext(TASK).extent(BARS[0], x)


def test_a_dataset_is_made_by_the_command_line(tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    line = dataset(tmp_path / "d", "vision", "parts:box:screw", tmp_path / "a.png")
    (item,) = map(json.loads, line("items", "--json").splitlines())
    assert item["state"] == "unlabelled"
    line("decide", item["key"], "--verdict", "corrected", "--annotations", "[]")
    assert "ana" in line("log", item["key"])
    with pytest.raises(AssertionError, match="exit 2"):
        line("no-such-command")
