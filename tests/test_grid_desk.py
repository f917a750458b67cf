"""A grid over a dataset: which tiles there are, and what its decisions make of items."""

from types import SimpleNamespace

import numpy as np
import pytest

from trainset.core.dataset import Dataset
from trainset.core.engine import RunWriter, predicted
from trainset.core.fold import FINISHED
from trainset.core.grid import GridSession
from trainset.core.grid_desk import ReviewGridDesk
from trainset.core.model import Class, Label, ModelHeader, Task
from trainset.core.oddness import oddness
from trainset.core.sitting import Ruling
from trainset.core.tiles import Group
from trainset.workspace import Workspace

from . import kit
from .command import picture, states, trainset
from .kit import add, decide, label_files, propose, task

KEYS = [f"n/{n:02}" for n in range(24)]


@pytest.fixture
def notes(dataset):
    add(dataset, *KEYS, "n/x", "n/y")
    propose(
        dataset, {**{key: ("a", 0.9 - n / 100) for n, key in enumerate(KEYS)}, "n/x": ("b", 0.5), "n/y": ("", None)}
    )
    return dataset


def desk_of(dataset: Dataset, where="", name=None, **more):
    return ReviewGridDesk(dataset, dataset.config.task(name), "ana", where, **more)


def session(desk):
    started = GridSession(desk, min_look=0)
    started.shown()
    return started


def titles(desk):
    return {group.title(desk.task): group.count for group in desk.groups()}


def tiles(desk, title, order="low"):
    group = next(g for g in desk.groups() if g.title(desk.task) == title)
    return [tile.name for tile in desk.sheet(group, order).upto(1000)]


# -- items ----------------------------------------------------------------------------------------------------


def test_items_are_grouped_by_what_is_predicted(notes):
    assert titles(desk_of(notes)) == {"a": 24, "b": 1, "nothing there": 1}


def test_lowest_scores_come_first_or_highest(notes):
    desk = desk_of(notes)
    low = tiles(desk, "a")
    assert [key for key, _ in low] == KEYS[::-1]
    assert tiles(desk, "a", "high") == low[::-1]


def test_those_that_are_least_like_the_others_come_first_where_likeness_is_known(notes):
    desk = desk_of(notes, odd=lambda items: [item.key == "n/07" for item in items])
    assert desk.orders[-1] == "odd" and "odd" not in desk_of(notes).orders
    assert tiles(desk, "a", "odd")[0] == ("n/07", None)


def test_what_was_decided_is_in_no_group_unless_a_filter_names_it(notes):
    decide(notes, "n/00", "a")
    decide(notes, "n/01", verdict="rejected")
    decide(notes, "n/02", verdict="flagged")
    assert titles(desk_of(notes))["a"] == 21
    assert tiles(desk_of(notes, "state = reviewed"), "a") == [("n/00", None)]
    assert tiles(desk_of(notes, "state = reviewed, rejected, flagged"), "a") == [("n/01", None), ("n/00", None)]


def test_a_page_of_24_with_two_outliers_is_24_decisions_in_the_label_files(notes):
    s = session(desk := desk_of(notes))
    s.mark(2)
    s.mark(5)
    s.accept()
    desk.close()
    lines = [
        line
        for path, data in label_files(notes.root).items()
        if "/decisions/" in path
        for line in data.split(b"\n")[1:-1]
    ]
    assert len(lines) == 24 and sum(b'"verdict":"rejected"' in line for line in lines) == 2
    counts = notes.counts(task(notes))
    assert (counts["reviewed"], counts["rejected"], counts["predicted"]) == (22, 2, 2)


def test_a_page_is_on_disk_before_the_next_one_is_there(notes):
    s = session(desk_of(notes))
    s.accept()
    with kit.open_(notes.root) as other:
        assert other.counts(task(other))["reviewed"] == 24


def test_undo_withdraws_the_page_and_redo_records_it_anew(notes):
    s = session(desk_of(notes))
    s.mark(0)
    s.accept()
    s.undo()
    assert notes.counts(task(notes)) == {"predicted": 26}
    s.redo()
    assert notes.counts(task(notes)) == {"predicted": 2, "reviewed": 23, "rejected": 1}


def test_a_new_label_is_the_items_answer(notes):
    s = session(desk_of(notes, "key = n/03"))
    s.label("c")
    s.accept()
    assert [a.label for a in notes["n/03"].annotations()] == ["c"]


def test_where_nothing_is_predicted_the_item_is_accepted_as_empty_or_given_a_class(notes):
    desk = desk_of(notes)
    s = session(desk)
    s.choose(desk.groups()[-1])
    s.shown()
    s.label("b")
    s.accept()
    assert [a.label for a in notes["n/y"].annotations()] == ["b"]


def test_what_another_decides_while_a_page_is_looked_at_is_not_overwritten(notes):
    s = session(desk_of(notes, "key = n/03"))
    decide(notes, "n/03", "c", who="ben")
    s.accept()
    assert notes["n/03"].state() == "disputed"


def test_what_another_decided_before_the_page_was_there_is_left(notes):
    desk = desk_of(notes)
    group = desk.groups()[0]
    some = desk.sheet(group, "low").upto(24)
    decide(notes, some[0].key, "c", who="ben")
    assert desk.show(group, some)[0].taken == "is reviewed by ben"


def test_a_page_that_cannot_be_composed_writes_nothing(notes):
    desk = desk_of(notes)
    good, bad = Ruling(notes.item("n/00"), "accepted"), Ruling(notes.item("n/01"), "accepted", None, "p9")
    with pytest.raises(Exception, match="no object"):
        desk.record_all([good, bad])
    assert notes.counts(task(notes)) == {"predicted": 26}


def test_pages_are_found_a_stretch_at_a_time(notes, monkeypatch):
    monkeypatch.setattr("trainset.core.sheets.STRETCH", 5)
    desk = desk_of(notes)
    sheet = desk.sheet(desk.groups()[0], "low")
    assert len(sheet.upto(3)) == 5
    assert [tile.key for tile in sheet.upto(1000)] == KEYS[::-1]


# -- objects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["low", "high"])
def test_the_order_is_one_over_all_lots_and_sets_of_labels(shop, monkeypatch, order):
    desk = desk_of(shop)
    expected = {title: tiles(desk, title, order) for title in titles(desk)}
    for name, size in {"FIRST_LOT": 1, "LOT": 2}.items():
        monkeypatch.setattr(f"trainset.core.sheets.{name}", size)
    monkeypatch.setattr("trainset.core.sheets.STRETCH", 1)
    singly = {title: tiles(desk, title, order) for title in expected}
    monkeypatch.setattr("trainset.core.sheets.MOST_SETS", 0)
    assert {title: tiles(desk, title, order) for title in expected} == singly
    assert {title: sorted(found) for title, found in singly.items()} == {x: sorted(y) for x, y in expected.items()}


@pytest.fixture
def shop(tmp_path):
    """Three pictures with bright squares: two, one, and none, all predicted to be `screw`."""
    root = tmp_path / "shop"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:screw,nut", cwd=tmp_path)
    picture(root / "media" / "two.png", (4, 6, 14, 12), (34, 20, 20, 16))
    picture(root / "media" / "one.png", (10, 10, 14, 12))
    picture(root / "media" / "empty.png")
    toml = (root / "trainset.toml").read_text()
    (root / "trainset.toml").write_text(toml + '\n[models.outline]\nprelabeler = "outline"\ntask = "parts"\n')
    trainset("add", root / "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    trainset("prelabel", cwd=root)
    with Workspace().open(root) as opened:
        yield opened


def test_objects_are_grouped_by_their_label_and_what_is_empty_stands_last(shop):
    desk = desk_of(shop)
    assert titles(desk) == {"screw": 3, "nothing there": 1}
    assert sorted(key for key, _ in tiles(desk, "screw")) == ["media/one.png", "media/two.png", "media/two.png"]
    assert tiles(desk, "nothing there") == [("media/empty.png", None)]


def test_objects_come_as_their_items_are_queued(shop):
    desk = desk_of(shop)
    queued = [entry.key for entry in desk.queue() if entry.key != "media/empty.png"]
    assert list(dict.fromkeys(key for key, _ in tiles(desk, "screw", "queue"))) == queued


def test_objects_have_a_place_to_look_at(shop):
    desk = desk_of(shop)
    group = desk.groups()[0]
    shown = desk.show(group, desk.sheet(group, "low").upto(9))
    assert all(s.focus is not None and s.annotations == (s.focus,) for s in shown)


def test_items_are_partial_until_somebody_says_that_nothing_is_missing(shop):
    s = session(desk := desk_of(shop))
    s.accept()
    assert {x for k, x in shop.states().items() if k != "media/empty.png"} == {"partial"}
    assert desk.finished() == 2 and shop.row("media/one.png", desk.task).reasons == (FINISHED,)
    s.finish()
    s.shown()
    assert len(s.page) == 2 and {len(shown.annotations) for shown in s.page} == {1, 2}
    s.accept()
    assert desk.finished() == 0 and shop["media/two.png"].state() == "reviewed"
    assert len(shop["media/two.png"].annotations()) == 2


def test_a_page_of_nothing_is_accepted_as_reviewed_and_empty(shop):
    desk = desk_of(shop)
    s = session(desk)
    s.choose(desk.groups()[-1])
    s.shown()
    s.accept()
    assert shop["media/empty.png"].state() == "reviewed" and shop["media/empty.png"].annotations() == ()


def test_an_object_that_was_rejected_keeps_its_item_open_and_is_no_tile_again(shop):
    s = session(desk := desk_of(shop))
    two = [n for n, shown in enumerate(s.page) if shown.item.key == "media/two.png"]
    s.mark(two[0])
    s.accept()
    row = shop.row("media/two.png", desk.task)
    assert row.state == "partial" and row.reasons[1].startswith("rejected: no better answer given for ")
    assert desk.finished() == 1 and len(shop["media/two.png"].annotations()) == 1
    assert titles(desk_of(shop))["nothing there"] == 1 and tiles(desk_of(shop), "screw") == []
    assert len(tiles(desk_of(shop, "reason = rejected"), "screw")) == 1


def test_a_partial_item_opens_with_what_is_decided_and_what_is_left(shop):
    s = session(desk := desk_of(shop))
    first, second = (n for n, shown in enumerate(s.page) if shown.item.key == "media/two.png")
    s.cursor = first
    s.label("nut")
    s.mark(second)
    s.accept()
    item = shop.item("media/two.png")
    assert sorted(a.label for a in next(iter(desk.versions(item).values()))) == ["nut", "screw"]
    desk.close()
    trainset("decide", "media/two.png", "--verdict", "accepted", cwd=shop.root)
    shop.index.refresh()
    assert sorted(a.label for a in shop["media/two.png"].annotations()) == ["nut", "screw"]


def test_an_object_that_is_not_there_is_not_in_the_answer(shop):
    s = session(desk := desk_of(shop))
    s.cursor = next(n for n, shown in enumerate(s.page) if shown.item.key == "media/two.png")
    s.remove()
    s.accept()
    assert desk.finished() == 2
    s.finish()
    s.shown()
    s.accept()
    assert len(shop["media/two.png"].annotations()) == 1


def test_objects_of_an_item_that_was_decided_as_a_whole_are_not_decided_again(shop):
    desk = desk_of(shop)
    group = desk.groups()[0]
    some = list(desk.sheet(group, "low").upto(9))
    desk.record(shop.item("media/two.png"), "accepted")
    shown = desk.show(group, some)
    assert {s.tile.key: s.taken for s in shown} == {"media/two.png": "is reviewed by ana", "media/one.png": ""}


def test_the_page_after_undo_is_as_it_was_for_objects(shop):
    before = shop.states()
    s = session(desk_of(shop))
    s.mark(0)
    s.accept()
    s.undo()
    assert shop.states() == before


def test_what_the_command_line_shows_is_what_the_grid_decided(shop):
    s = session(desk := desk_of(shop))
    s.accept()
    desk.close()
    assert sorted(states(shop.root).values()) == ["partial", "partial", "predicted"]
    assert trainset("verify", cwd=shop.root).code == 0


def test_the_grid_of_a_task_on_others_objects_shows_where_they_are(tmp_path, shop):
    root = shop.root
    toml = (root / "trainset.toml").read_text()
    toml += (
        '\n[tasks.state]\ntype = "classify"\non = "parts"\n[tasks.state.labels]\nnew = {index = 0}\nold = {index = 1}\n'
    )
    (root / "trainset.toml").write_text(toml)
    trainset("decide", "--task", "parts", "--where", "state = predicted", "--verdict", "accepted", "--yes", cwd=root)
    shop.reload()
    asked = shop.config.task("state")
    with RunWriter(shop, asked, ModelHeader(name="m", digest="m", prelabeler="test"), None) as output:
        for key in ("media/two.png", "media/one.png"):
            row = shop.row(key, asked)
            output.put(
                [predicted(shop, key, [Class(id=name, label="new", score=0.5) for name in row.objects], of=row.of)]
            )
        output.sync()
    shop.index.refresh()
    s = session(desk := desk_of(shop, name="state"))
    assert titles(desk) == {"new": 3} and all(hasattr(shown.focus, "box") for shown in s.page)
    s.mark(0)
    s.cursor = 1
    s.label("old")
    s.accept()
    labels = [a.label for key in ("media/two.png", "media/one.png") for a in shop[key].annotations("state")]
    assert sorted(labels) == ["new", "old"]
    assert sorted(shop.states("state").values()) == ["excluded", "partial", "reviewed"]


def test_the_command_takes_a_mode(parts):
    ran = trainset("review", "--mode", "grid", cwd=parts, code=2)
    assert "needs a terminal" in ran.err
    assert "item" in trainset("review", "--mode", "mosaic", cwd=parts, code=2).err


def test_groups_are_named_by_titles():
    task = Task(name="t", type="classify", labels=(Label(id="a", index=0), Label(id="b", index=1, name="Bee")))
    assert Group("item", ("a", "b"), 1).title(task) == "a + Bee"
    assert (Group("item", (), 1).title(task), Group("completeness", (), 1).title(task)) == (
        "nothing there",
        "is anything missing?",
    )


def test_the_odd_one_is_the_one_whose_vector_points_elsewhere(shop, monkeypatch):
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [np.nan, np.nan]], np.float32)
    embedding = SimpleNamespace(space=SimpleNamespace(width=2), features=lambda items: vectors)
    monkeypatch.setattr("trainset.core.oddness.open_embedding", lambda dataset: embedding)
    odd = oddness(shop)([None] * 4)
    assert np.argmax(odd) == 2 and odd[3] == -1


def test_there_is_no_order_by_likeness_before_anything_was_embedded(shop):
    assert oddness(shop) is None
