"""Who gave each object of an answer its form, and what it was made of."""

import msgspec

from trainset.core.blaming import blame

from .command import correct, trainset
from .kit import add, decide, propose, task


def told(dataset, key):
    return [
        (b.annotation.label, b.who, b.how, b.model, b.score, b.confirmed)
        for b in blame(dataset, task(dataset), dataset.row(key, task(dataset)))
    ]


def test_what_was_accepted_comes_from_the_model(dataset):
    add(dataset, "n/1")
    propose(dataset, {"n/1": ("a", 0.9)}, model="sorter")
    decide(dataset, "n/1", verdict="accepted")
    assert told(dataset, "n/1") == [("a", "ana", "as proposed", "sorter", 0.9, ())]


def test_who_confirms_is_not_who_gave_it(dataset):
    add(dataset, "n/1")
    decide(dataset, "n/1", "a")
    decide(dataset, "n/1", "a", who="ben")
    assert told(dataset, "n/1") == [("a", "ana", "by hand", None, None, ("ben",))]


def test_who_changes_an_object_gives_it_its_form(dataset):
    add(dataset, "n/1")
    decide(dataset, "n/1", "a")
    decide(dataset, "n/1", "b", who="ben")
    decide(dataset, "n/1", "b", who="cy")
    assert told(dataset, "n/1") == [("b", "ben", "by hand", None, None, ("cy",))]


def test_an_item_without_an_answer_has_nobody_to_name(dataset):
    add(dataset, "n/1")
    propose(dataset, {"n/1": ("a", 0.9)})
    assert told(dataset, "n/1") == []


def test_the_command_names_each_object(parts):
    boxes = [
        {"id": "x", "label": "screw", "box": [8, 10, 14, 12]},
        {"id": "y", "label": "nut", "box": [40, 10, 10, 10]},
    ]
    correct(parts, "media/p0.png", *boxes)
    trainset("reviewer", "add", "ben", cwd=parts)
    boxes[1]["box"] = [41, 10, 10, 10]
    trainset("decide", "media/p0.png", "--reviewer", "ben", "--verdict", "corrected", "--annotations",
             msgspec.json.encode(boxes).decode(), cwd=parts)  # fmt: skip
    first, second = trainset("blame", "media/p0.png", cwd=parts).out.splitlines()
    assert first.split()[:3] == ["x", "screw", "ana"]
    assert first.endswith("by hand, confirmed by ben")
    assert second.split()[:3] == ["y", "nut", "ben"]
    assert trainset("blame", "media/p0.png", "--json", cwd=parts).json()[1]["annotation"]["box"] == [
        41.0,
        10.0,
        10.0,
        10.0,
    ]
    assert "no answer" in trainset("blame", "media/p1.png", cwd=parts).err
