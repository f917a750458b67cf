"""Records that are chained as they should be, and say what nobody can use: named by `verify`, and never in the way."""

import json

import pytest
from PIL import Image

from trainset.core.exporting import export
from trainset.core.jsonl import JsonlExporter
from trainset.core.verify import Summary, verify

from .command import trainset
from .kit import add, decide, git, label_file, states, task

ANSWER = b'[{"type":"class","id":"a1","label":"a"}]'


def forge(root, kind, *bodies, name="forged", **header):
    """A label file whose chain holds, whoever wrote it; its path from the root."""
    place = {"items": "items", "runs": "runs/kinds", "decisions": "decisions/kinds/ana/2026-11"}[kind]
    task_ = None if kind == "items" else header.pop("task", "kinds")
    reviewer = "ana" if kind == "decisions" else None
    path = root / "labels" / place / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(label_file(bodies, kind=kind, task=task_, reviewer=reviewer, **header))
    return path.relative_to(root).as_posix()


def decision(annotations, item="n/1", verdict="corrected"):
    return b'{"item":"%b","verdict":"%b","annotations":%b}' % (item.encode(), verdict.encode(), annotations)


def problems(dataset):
    dataset.index.refresh()
    return [f for f in verify(dataset, Summary()) if not f.note]


DECISIONS = {
    "text in place of a list": decision(b'"foo"'),
    "a number in place of an annotation": decision(b"[5]"),
    "a type that is a number": decision(b'[{"type":5,"id":"a1","label":"a"}]'),
    "a label that is a number": decision(b'[{"type":"class","id":"a1","label":7}]'),
    "a score that no float can hold": decision(b'[{"type":"class","id":"a1","label":"a","score":1e999}]'),
    "such a number in a type that is not known": decision(b'[{"type":"x.y","id":"a1","at":[1e999]}]'),
    "one id twice": decision(b'[{"type":"class","id":"a","label":"a"},{"type":"class","id":"a","label":"b"}]'),
    "no annotations at all": b'{"item":"n/1","verdict":"corrected"}',
    "lists in lists without end": decision(b"[" * 5000 + b"]" * 5000),
    "a verdict that there is not": decision(ANSWER, verdict="praised"),
    "a key that leads out": decision(ANSWER, item="n/../../x"),
    "a blob that is missing": decision(b'[{"type":"class","id":"a1","blob":"%b"}]' % (b"0" * 32)),
}
ITEMS = {
    "a key that leads out": {"key": "n/../../x"},
    "an absolute key": {"key": "/etc/passwd"},
    "a key without a source": {"key": "x"},
    "a key with a zero byte": {"key": "n/\0x"},
    "a part that leads out": {"key": "n/x", "parts": {"": "../../etc/passwd"}},
    "an absolute part": {"key": "n/x", "parts": {"": "/etc/passwd"}},
    "a part whose name leads out": {"key": "n/x", "parts": {"../../x": "x"}},
    "a negative size": {"key": "n/x", "size": -1},
}


@pytest.mark.parametrize("body", DECISIONS.values(), ids=DECISIONS)
def test_a_decision_that_nobody_can_use_is_a_problem_with_file_and_line(dataset, body):
    add(dataset, "n/1")
    path = forge(dataset.root, "decisions", decision(ANSWER), body)
    assert [(f.file, f.line) for f in problems(dataset)] == [(path, 3)]


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
def test_an_item_that_leads_out_is_a_problem_and_no_item(dataset, item):
    path = forge(dataset.root, "items", json.dumps({"change": "added", "item": item}).encode())
    assert [(f.file, f.line) for f in problems(dataset)] == [(path, 2)]
    assert states(dataset) == {}


def test_an_outcome_of_what_can_be_no_item_is_a_problem(dataset):
    path = forge(dataset.root, "runs", b'{"item":"n/../x","error":"no"}')
    assert [(f.file, f.line) for f in problems(dataset)] == [(path, 2)]


def test_a_prediction_that_nobody_can_use_is_a_problem(dataset):
    add(dataset, "n/1")
    path = dataset.root / "predictions" / "kinds" / "R" / "P.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"item":"n/1","annotations":"foo"}\n{"item":"../x","annotations":[]}\n')
    assert [(f.file, f.line) for f in problems(dataset)] == [("predictions/kinds/R/P.jsonl", n) for n in (1, 2)]


def test_annotations_of_types_that_are_not_installed_are_no_problem(dataset):
    add(dataset, "n/1")
    forge(dataset.root, "decisions", decision(b'[{"type":"x.y","id":"a1","at":[1,2]}]'))
    assert problems(dataset) == []


@pytest.mark.parametrize("body", [DECISIONS["text in place of a list"], DECISIONS["a blob that is missing"]])
def test_an_export_leaves_out_what_cannot_be_read_names_it_and_goes_on(dataset, tmp_path, body):
    add(dataset, "n/1", "n/2")
    forge(dataset.root, "decisions", body)
    decide(dataset, "n/2", "a")
    dataset.index.refresh()
    done = export(dataset, task(dataset), JsonlExporter(), tmp_path / "out.jsonl")
    assert done.items == 1 and done.losses == {"unreadable": 1}
    assert done.examples["unreadable"].startswith("n/1: ")
    assert [json.loads(line)["key"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["n/2"]


def test_a_row_whose_key_leads_out_is_left_out_of_an_export(dataset, tmp_path):
    add(dataset, "n/t.csv#../../../x", "n/t.csv#http://x")
    for key in states(dataset):
        decide(dataset, key, "a")
    done = export(dataset, task(dataset), JsonlExporter(), tmp_path / "out.jsonl")
    assert done.items == 1 and done.losses == {"unreadable": 1}


@pytest.fixture
def boxes(tmp_path):
    """Two pictures; the first has one sound decision, the second none."""
    root = tmp_path / "boxes"
    trainset("init", root, "--modality", "vision", "--task", "kinds:box:a,b", cwd=tmp_path)
    for name in "pq":
        Image.new("RGB", (64, 48)).save(root / "media" / f"{name}.png")
    trainset("add", root / "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    sound = json.dumps([{"label": "a", "box": [1, 2, 3, 4]}])
    trainset("decide", "media/p.png", "--verdict", "corrected", "--annotations", sound, cwd=root)
    return root


BOXES = {
    "no list": b'"foo"',
    "no box": b'[{"type":"box","id":"a1","label":"a"}]',
    "a box of words": b'[{"type":"box","id":"a1","label":"a","box":["x",1,2,3]}]',
    "a box of three": b'[{"type":"box","id":"a1","label":"a","box":[1,2,3]}]',
    "a box without end": b'[{"type":"box","id":"a1","label":"a","box":[1,2,3,1e999]}]',
    "a box that is null": b'[{"type":"box","id":"a1","label":"a","box":[1,2,3,null]}]',
}


@pytest.mark.parametrize("annotations", BOXES.values(), ids=BOXES)
def test_every_command_goes_on_past_a_box_that_is_none(boxes, tmp_path, annotations):
    path = forge(boxes, "decisions", decision(annotations, "media/q.png"))
    assert f"{path}:2: " in trainset("verify", cwd=boxes, code=1).out
    assert "media/q.png" in trainset("show", "media/q.png", cwd=boxes).out
    assert trainset("show", "media/q.png", "--json", cwd=boxes).json()["key"] == "media/q.png"
    for name in ("jsonl", "coco", "yolo", "voc"):
        ran = trainset("export", name, tmp_path / name, cwd=boxes)
        assert ran.out.startswith("1 item with 1 annotation written")
        assert "1 × unreadable" in ran.err and "media/q.png" in ran.err
    assert "cannot hold everything" in trainset("export", "jsonl", tmp_path / "s", "--strict", cwd=boxes, code=1).err


def test_show_names_what_it_cannot_read(boxes):
    forge(boxes, "decisions", decision(b'"foo"', "media/q.png"))
    assert "media/q.png, task kinds: annotations cannot be read" in trainset("show", "media/q.png", cwd=boxes).err


def test_a_commit_takes_what_is_chained_and_counts_what_it_cannot_read(boxes):
    path = forge(boxes, "decisions", b'{"item":"media/q.png","verdict":5}')
    trainset("commit", cwd=boxes)
    assert path in git(boxes, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert "1 unreadable" in git(boxes, "log", "-1", "--format=%b")
