"""Who has which items of a shared queue, and answers that two reviewers give to one item without sight of each other's."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from trainset.core.assigning import Assignment, units_of
from trainset.core.blind import BlindDesk
from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.core.grid_desk import ReviewGridDesk
from trainset.core.home import Home
from trainset.core.model import Item, ItemRecord
from trainset.core.protocols import Finding
from trainset.core.routing import Router
from trainset.core.scene import Line, Rect, Scene
from trainset.core.session import Session
from trainset.tui.app import ReviewApp

from .command import trainset
from .kit import TOML, add, answer, decide, git, lay, open_, propose, states, task
from .test_review_screen import press, screen_text
from .test_session import Clock
from .test_session import View as ClassView

KEYS = [f"n/{n:02}" for n in range(40)]
TABLE = "[tasks.kinds]\n"


class Level:
    """All items are as urgent."""

    def rank(self, cases, context):
        return ((case.item.key, 0.0, "level") for case in cases)


class Hearts:
    """Finds every item with an even number."""

    def findings(self, cases, context):
        return (Finding(c.item.key, "a heart") for c in cases if int(c.item.key[-1]) % 2 == 0)


def share(root, *names, overlap=0.0, rules="", skills=None):
    """Write who shares the queue into `trainset.toml`."""
    text = TOML.replace(
        TABLE, f"{TABLE}assign = {{ reviewers = {list(names)}, overlap = {overlap} }}\n" if names else TABLE
    )
    for name, has in (skills or {}).items():
        text = text.replace(f"[reviewers.{name}]", f"[reviewers.{name}]\nskills = {has}")
    (root / "trainset.toml").write_text(f"{text}\n{rules}")


def opened(root):
    found = open_(root)
    found.kit.ranker = lambda name, where: Level()
    found.kit.rule = lambda config, where: (Hearts(), None, False)
    return found


def begin(root, *names, keys=KEYS, **more):
    """A dataset whose queue these share."""
    share(root, *names, **more)
    found = opened(root)
    add(found, *keys)
    propose(found, dict.fromkeys(keys, ("a", 0.7)))
    return found


def desk_of(dataset, who, where="", splits=()):
    return BlindDesk(dataset, task(dataset), who, where, splits=splits)


def queue(dataset, who, where=""):
    return [entry.key for entry in desk_of(dataset, who, where).queue()[:]]


def sit(dataset, who, where=""):
    session = Session(
        desk_of(dataset, who, where), ClassView, TaskContext(dataset, task(dataset)), min_look=0.0, clock=Clock()
    )
    session.shown()
    return session


def shared(dataset):
    """The keys of items that two decide."""
    return [key for key in KEYS if len(Assignment(dataset, task(dataset)).readers(*numbered(dataset, key))) == 2]


def numbered(dataset, key):
    row = dataset.row(key, task(dataset))
    return row.number, row.item


# -- parts of a queue ------------------------------------------------------------------------------------------------


def test_each_has_their_own_items_and_all_have_all(root):
    with begin(root, "ana", "ben") as data:
        ana, ben = queue(data, "ana"), queue(data, "ben")
        assert sorted(ana + ben) == KEYS and min(len(ana), len(ben)) > 10
        assert ana == sorted(ana)  # in the order of the queue


def test_where_shows_what_is_another_s(root):
    with begin(root, "ana", "ben") as data:
        ben = queue(data, "ben")[0]
        assert queue(data, "ana", f"key = {ben}") == [ben]


def test_who_is_not_named_has_nothing_and_is_told_so(root):
    with begin(root, "ana", "ben") as data:
        desk = desk_of(data, "cy")
        assert not desk.queue()[:] and desk.outside == "kinds is assigned to ana and ben: cy has no part of its queue"
        assert desk_of(data, "ana").outside == "" and desk_of(data, "cy", "state = predicted").outside == ""


def test_nobody_named_leaves_everybody_all(root):
    with begin(root) as data:
        assert queue(data, "ana") == queue(data, "ben") == KEYS
        assert desk_of(data, "ana").whose == ""


def test_an_item_that_is_decided_leaves_the_queue_of_who_has_it(root):
    with begin(root, "ana", "ben") as data:
        first = queue(data, "ana")[0]
        decide(data, first, "a", who="ben")  # scripts decide what they like
        assert first not in queue(data, "ana") and first not in queue(data, "ben")


def test_what_is_added_later_falls_to_somebody_too(root):
    with begin(root, "ana", "ben") as data:
        desks = [desk_of(data, who) for who in ("ana", "ben")]
        queues = [desk.queue() for desk in desks]
        late = [f"n/x{n}" for n in range(8)]
        add(data, *late)
        assert all(found.grow() for found in queues)
        assert sorted(e.key for found in queues for e in found[:]) == sorted(KEYS + late)


def test_a_group_stays_with_one_person(root):
    share(root, "ana", "ben", "cy")
    with opened(root) as data:
        writer = data.writer(data.header("items"))
        items = [Item(key=f"n/{n}", group=f"patient {n % 6}", split="train") for n in range(30)]
        writer.append([msgspec.json.encode(ItemRecord(change="added", item=item)) for item in items])
        writer.close()
        data.index.refresh()
        for who in ("ana", "ben", "cy"):
            mine = queue(data, who)
            assert set(mine) == {i.key for i in items if i.group in {data.item(k).group for k in mine}}


def test_items_that_come_into_a_group_move_with_it(root):
    with begin(root, "ana", "ben") as data:
        units_of(data)
        writer = data.writer(data.header("items"))
        old = {rid: key for key, rid in data.index.db.execute(
            "SELECT i.key, r.rid FROM item i JOIN item_record r ON r.item=i.id")}  # fmt: skip
        writer.append([
            msgspec.json.encode(ItemRecord(change="changed", item=Item(key=key, group="one", split="train"), on=(rid,)))
            for rid, key in old.items()
        ])  # fmt: skip
        writer.close()
        data.index.refresh()
        assert len(set(units_of(data)[1:].tolist())) == 1
        assert sorted(len(queue(data, who)) for who in ("ana", "ben")) == [0, len(KEYS)]


def test_what_is_kept_of_items_grows_and_is_what_is_worked_out(root):
    with begin(root, "ana", "ben", keys=KEYS[:5]) as data:
        before = units_of(data).tolist()
        add(data, *KEYS[5:])
        grown = units_of(data).tolist()
        data.index.db.execute("DELETE FROM unit")
        assert grown[:6] == before and units_of(data).tolist() == grown


def test_counts_are_those_of_the_queues(root):
    with begin(root, "ana", "ben", overlap=0.4) as data:
        decide(data, shared(data)[0], "a", who="ana")
        loads = {load.reviewer: load for load in Assignment(data, task(data)).loads()}
        assert {who: load.waiting for who, load in loads.items()} == {w: len(queue(data, w)) for w in ("ana", "ben")}
        assert loads["ben"].twice == len(shared(data)) == loads["ana"].twice + 1
        standing = Home(data, "ana").look(task(data))
        assert standing.yours == loads["ana"].waiting and standing.loads[1].reviewer == "ben"
        assert Home(data, "cy").look(task(data)).yours == 0


# -- independent answers ---------------------------------------------------------------------------------------------


@pytest.fixture
def pair(root):
    """A queue that ana and ben share, with items for both of them."""
    with begin(root, "ana", "ben", overlap=0.4) as data:
        yield data


def test_an_overlap_is_in_both_queues(pair):
    both = set(queue(pair, "ana")) & set(queue(pair, "ben"))
    assert sorted(both) == shared(pair) and 8 < len(both) < 25


def test_the_second_sees_the_proposal_and_nothing_of_the_first(pair):
    key = shared(pair)[0]
    before = desk_of(pair, "ben")
    item = pair.item(key)
    shown = dict(before.versions(item)), before.state(item), [*before.why(item)], [*before.history(item)]
    decide(pair, key, "b", who="ana", note="odd")
    desk = desk_of(pair, "ben")
    assert key in queue(pair, "ben") and key not in queue(pair, "ana")
    assert (dict(desk.versions(item)), desk.state(item), [*desk.why(item)], [*desk.history(item)]) == shown
    assert not desk.item_attributes(item) and desk.blind(item) == ""
    assert desk.glances([key])[key].state == "predicted" and desk.glances([key])[key].open


@pytest.mark.parametrize(("label", "state"), [("a", "reviewed"), ("b", "disputed")])
def test_the_second_answer_agrees_or_is_in_dispute(pair, label, state):
    key = shared(pair)[0]
    decide(pair, key, "a", who="ana")
    s = sit(pair, "ben", f"key = {key}")
    assert s.sitting.proposed and [a.label for a in s.sitting.annotations] == ["a"]
    if label != "a":
        s.command("delete")
        s.label(label)
    s.accept()
    row = pair.row(key, task(pair))
    assert (row.state, row.decided_by) == (state, ("ana", "ben"))
    assert all(not pair.decision(rid)[0].on for rid in row.live)
    assert key not in queue(pair, "ben") or state == "disputed"


def test_once_both_have_decided_each_sees_the_other(pair):
    key = shared(pair)[0]
    for who, label in (("ana", "a"), ("ben", "b")):
        decide_as_shown(pair, key, label, who)
    desk = desk_of(pair, "ben")
    assert any("ana" in name for name in desk.versions(pair.item(key))) and len(desk.history(pair.item(key))) == 2
    assert desk.state(pair.item(key)) == "disputed"


def decide_as_shown(dataset, key, label, who):
    desk = desk_of(dataset, who)
    desk.versions(dataset.item(key))
    desk.record(dataset.item(key), "corrected", answer(label))
    desk.close()


def test_what_is_taken_back_at_once_stays_unseen_and_is_decided_anew(pair):
    key = shared(pair)[0]
    decide(pair, key, "b", who="ana")
    s = sit(pair, "ben", f"key = {key}")
    s.accept()
    s.undo()
    assert s.desk.state(s.sitting.item) == "predicted" and not s.desk.history(s.sitting.item)
    s.shown()
    s.accept()
    assert states(pair)[key] == "disputed"


def test_what_was_taken_back_in_an_earlier_session_is_decided_in_sight(pair):
    key = shared(pair)[0]
    decide(pair, key, "b", who="ana")
    s = sit(pair, "ben", f"key = {key}")
    s.accept()
    s.undo()
    desk = desk_of(pair, "ben")
    assert desk.state(pair.item(key)) == "reviewed" and key in queue(pair, "ben")


def test_an_open_session_goes_on_to_what_the_other_decided_meanwhile(pair):
    key = shared(pair)[0]
    s = sit(pair, "ben")
    decide(pair, key, "b", who="ana")
    other = next(k for k in queue(pair, "ana") if k not in shared(pair))
    decide(pair, other, "b", who="ana")
    assert s.left == len(queue(pair, "ben")) and key in queue(pair, "ben")


def test_who_has_none_of_the_two_answers_sees_it(pair):
    single = next(k for k in queue(pair, "ben") if k not in shared(pair))
    decide(pair, single, "b", who="ana")
    assert desk_of(pair, "ben").state(pair.item(single)) == "reviewed"
    key = shared(pair)[0]
    decide(pair, key, "b", who="ana")
    assert desk_of(pair, "cy").state(pair.item(key)) == "reviewed"


def test_an_answer_of_somebody_else_ends_it(pair):
    key = shared(pair)[0]
    decide(pair, key, "b", who="cy")
    assert key not in queue(pair, "ana") + queue(pair, "ben")
    assert desk_of(pair, "ana").state(pair.item(key)) == "reviewed"


def test_a_flag_is_seen(pair):
    key = shared(pair)[0]
    decide(pair, key, who="ana", verdict="flagged", note="is this one?")
    desk = desk_of(pair, "ben")
    assert desk.state(pair.item(key)) == "flagged" and "flagged by ana: is this one?" in desk.why(pair.item(key))


def test_a_rejection_is_answered_and_not_seen(pair):
    key = shared(pair)[0]
    rejection = decide(pair, key, who="ana", verdict="rejected")
    desk = desk_of(pair, "ben")
    assert desk.state(pair.item(key)) == "predicted" and not desk.history(pair.item(key))
    decide_as_shown(pair, key, "b", "ben")
    row = pair.row(key, task(pair))
    assert row.state == "reviewed"
    assert [pair.decision(r)[0].on for r in row.live if r != rejection] == [(rejection,)]


def test_held_out_items_are_blind_to_all(pair):
    key = shared(pair)[0]
    decide(pair, key, "b", who="ana")
    desk = desk_of(pair, "ben", splits=("train",))
    assert desk.blind(pair.item(key)) == "train split" and dict(desk.versions(pair.item(key))) == {"new": ()}
    desk.record(pair.item(key), "corrected", answer("a"))
    assert states(pair)[key] == "disputed"


def test_a_draft_does_not_tell_who_decided_meanwhile(pair):
    key = shared(pair)[0]
    desk = desk_of(pair, "ben")
    desk.versions(pair.item(key))
    desk.keep_draft(pair.item(key), answer("c"), {}, None)
    desk.close()
    decide(pair, key, "b", who="ana")
    (draft,) = desk_of(pair, "ben").drafts()
    assert draft.changed == ""


def test_a_grid_has_only_ones_own_and_nothing_that_another_decided(pair):
    desk = ReviewGridDesk(pair, task(pair), "ben")
    (group,) = desk.groups()
    keys = [tile.key for tile in desk.sheet(group, "low").upto(100)]
    assert sorted(keys) == sorted(queue(pair, "ben")) and group.count == len(keys)
    key = shared(pair)[0]
    decide(pair, key, "a", who="ana")
    again = ReviewGridDesk(pair, task(pair), "ben", "state = reviewed")
    assert not [t.key for g in again.groups() for t in again.sheet(g, "low").upto(100)]
    ana = ReviewGridDesk(pair, task(pair), "ana", "state = reviewed")
    assert [t.key for g in ana.groups() for t in ana.sheet(g, "low").upto(100)] == [key]


def test_a_session_that_counts_on_the_review_desk_alone_is_blind_too(pair):
    key = shared(pair)[0]
    decide(pair, key, "b", who="ana")
    assert ReviewDesk(pair, task(pair), "ben").state(pair.item(key)) == "predicted"


# -- skills ----------------------------------------------------------------------------------------------------------

RULES = '[tasks.kinds.rules]\nhearts = { skill = "cardiology" }\n'
EVEN = [key for key in KEYS if int(key[-1]) % 2 == 0]


def test_what_a_rule_finds_goes_to_who_has_the_skill(root):
    with begin(root, "ana", "ben", rules=RULES, skills={"ben": ["cardiology"]}) as data:
        ana, ben = queue(data, "ana"), queue(data, "ben")
        assert set(EVEN) <= set(ben) and not set(EVEN) & set(ana) and sorted(ana + ben) == KEYS


def test_several_with_the_skill_share_it(root):
    skills = {"ana": ["cardiology"], "ben": ["cardiology"]}
    with begin(root, "ana", "ben", "cy", rules=RULES, skills=skills) as data:
        parts = {who: set(queue(data, who)) for who in ("ana", "ben", "cy")}
        assert not set(EVEN) & parts["cy"] and parts["ana"] & set(EVEN) and parts["ben"] & set(EVEN)
        for who, part in parts.items():
            for key in part:
                assert Assignment(data, task(data)).readers(*numbered(data, key)) == [who]


def test_where_nobody_has_it_all_are_asked_and_that_is_said(root):
    with begin(root, "ana", "ben", rules=RULES) as data:
        assert sorted(queue(data, "ana") + queue(data, "ben")) == KEYS
        assert Assignment(data, task(data)).lacking() == ["cardiology"]


def test_a_skill_holds_without_an_assignment(root):
    with begin(root, rules=RULES, skills={"ben": ["cardiology"]}) as data:
        assert queue(data, "ben") == KEYS and queue(data, "ana") == [k for k in KEYS if k not in EVEN]
        assert queue(data, "ana", f"key = {EVEN[0]}") == EVEN[:1]
        desk = ReviewGridDesk(data, task(data), "ana")
        assert [group.count for group in desk.groups()] == [len(KEYS) - len(EVEN)]


def test_one_with_the_skill_decides_alone_and_two_decide_each_by_themselves(root):
    skills = {"ana": ["cardiology"]}
    with begin(root, "ana", "ben", overlap=1.0, rules=RULES, skills=skills) as data:
        assert not set(EVEN) & set(queue(data, "ben"))
        assert shared(data) == [k for k in KEYS if k not in EVEN]


def test_who_the_second_is_stays_when_rules_run_after_the_first_answer(root):
    skills = {"ana": ["cardiology"], "ben": ["cardiology"]}
    with begin(root, "ana", "ben", "cy", overlap=1.0, rules=RULES, skills=skills) as data:
        queue(data, "ana")
        decide(data, EVEN[0], "a", who="ana")
        Router(data, task(data)).plan()
        assert EVEN[0] in queue(data, "ben") and EVEN[0] not in queue(data, "cy")


# -- two clones ------------------------------------------------------------------------------------------------------


def test_two_clones_share_decide_apart_and_meet(tmp_path):
    from trainset.core.committing import commit
    from trainset.core.syncing import sync

    hub = tmp_path / "hub.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", hub)
    ana = lay(tmp_path / "ana")
    with begin(ana, "ana", "ben", overlap=0.4) as data:
        commit(data)
        git(ana, "remote", "add", "origin", hub)
        sync(data)
        mine = queue(data, "ana")
    git(tmp_path, "clone", "-q", hub, tmp_path / "ben")
    with opened(tmp_path / "ben") as data:
        theirs = queue(data, "ben")
        assert queue(data, "ana") == mine and sorted({*mine, *theirs}) == KEYS
        both = shared(data)
        for key in theirs:
            decide_as_shown(data, key, "b" if key == both[0] else "a", "ben")
        sync(data)
    with opened(ana) as data:
        sync(data)
        assert queue(data, "ana") == mine  # what ben said of the overlap is not known to her
        for key in mine:
            decide_as_shown(data, key, "a", "ana")
        assert {key for key, state in states(data).items() if state != "reviewed"} == {both[0]}
        assert states(data)[both[0]] == "disputed" and queue(data, "ana") == [both[0]]
        assert all(data.row(key, task(data)).decided_by == ("ana", "ben") for key in both)


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def team(parts):
    trainset("reviewer", "add", "ben", cwd=parts)
    return parts


def test_assign_writes_who_shares_and_says_what_each_has(team):
    toml = team / "trainset.toml"
    toml.write_text(toml.read_text().replace("[tasks.parts]", "# ours\n[tasks.parts]"))
    ran = trainset("assign", "--to", "ana, ben", "--overlap", "0.5", cwd=team)
    assert "# ours" in toml.read_text() and 'reviewers = ["ana", "ben"]' in toml.read_text()
    told = trainset("assign", "--json", cwd=team).json()
    assert told["overlap"] == 0.5 and {load["reviewer"] for load in told["assigned"]} == {"ana", "ben"}
    once = sum(load["waiting"] - load["twice"] / 2 for load in told["assigned"])
    assert once == told["waiting"] == 6
    assert [line.split(":")[0].strip() for line in ran.out.splitlines()[1:]] == ["ana", "ben"]
    assert trainset("status", "--json", cwd=team).json()["tasks"]["parts"]["assigned"] == told["assigned"]
    assert "ana: " in trainset("status", cwd=team).out


def test_assign_changes_what_is_said_and_keeps_the_rest(team):
    trainset("assign", "--to", "ana,ben", "--overlap", "0.5", cwd=team)
    trainset("reviewer", "add", "cy", cwd=team)
    trainset("assign", "--to", "ana,ben,cy", cwd=team)
    assert trainset("assign", "--json", cwd=team).json()["overlap"] == 0.5
    trainset("assign", "--overlap", "0", cwd=team)
    assert len(trainset("assign", "--json", cwd=team).json()["assigned"]) == 3


def test_assign_nobody_takes_it_back(team):
    trainset("assign", "--to", "ana,ben", cwd=team)
    ran = trainset("assign", "--nobody", cwd=team)
    assert "assign" not in (team / "trainset.toml").read_text().split("[tasks.parts]")[1].split("[models")[0]
    assert "everybody has the whole queue" in ran.err


@pytest.mark.parametrize(("args", "says"), [
    (["--to", "ana,dora"], "there is no reviewer 'dora'"),
    (["--to", ""], "nobody is named"),
    (["--to", "ana,ana"], "'ana' stands there twice"),
    (["--to", "ana", "--overlap", "0.1"], "two answers to an item take two reviewers"),
    (["--to", "ana,ben", "--overlap", "1.1"], "overlap"),
    (["--overlap", "0.1"], "assigned to nobody"),
    (["--nobody", "--to", "ana"], "neither --to nor --overlap"),
])  # fmt: skip
def test_assign_refuses_what_cannot_be_meant(team, args, says):
    before = (team / "trainset.toml").read_text()
    code = 2 if "assigned" in says or "neither" in says else 1
    assert says in trainset("assign", *args, cwd=team, code=code).err
    assert (team / "trainset.toml").read_text() == before


def test_show_says_whom_an_item_is_for(team):
    trainset("assign", "--to", "ana,ben", "--overlap", "1", cwd=team)
    assert "for ana and ben, each by themselves" in trainset("show", "media/p0.png", cwd=team).out


def test_a_skill_in_settings_is_no_setting_of_the_rule(team):
    toml = team / "trainset.toml"
    rule = 'metal = { rule = "touches-edge", skill = "metal" }'
    toml.write_text(toml.read_text().replace("[tasks.parts.rules]", f"[tasks.parts.rules]\n{rule}"))
    trainset("route", cwd=team)
    assert "nobody has the skill metal: what rules send to it is for all" in trainset("status", cwd=team).out
    toml.write_text(toml.read_text().replace('"metal"', '"no skill"'))
    assert "cannot name a skill" in trainset("status", cwd=team, code=1).err


# -- the screen ------------------------------------------------------------------------------------------------------


def seen_by(dataset, who, *keys, where=""):
    """The text of the review screen of somebody, after some keys."""
    texts, desk = [], desk_of(dataset, who, where)
    media = SimpleNamespace(ahead=lambda item: True, load=lambda item: "")
    context = SimpleNamespace(task=task(dataset), settings={}, media=media, counts=dict, proposals=lambda item: {})

    async def run():
        app = ReviewApp(desk, NoteView, context, min_look=0.0)
        async with app.run_test(size=(120, 30)) as pilot:
            await pilot.pause(0.05)
            await press(*keys)(app, pilot)
            await pilot.pause(0.05)
            texts.append(screen_text(app))

    asyncio.run(run())
    desk.close()
    return texts[0]


class NoteView(ClassView):
    """That view with something to show."""

    def scene(self, viewport):
        return Scene(Rect(0, 0, 10, 1), rows=[])

    def lines(self):
        return [Line(a.id, a.label or "", 0) for a in self.annotations()]


def test_the_screen_says_what_is_yours(pair):
    assert f"{len(queue(pair, 'ana'))} yours left" in seen_by(pair, "ana")
    assert "1 left" in seen_by(pair, "ana", where=f"key = {KEYS[0]}")


def test_the_screen_says_who_has_no_part(pair):
    assert "kinds is assigned to ana and ben: cy has no part of its queue" in seen_by(pair, "cy")


def test_nothing_on_the_screen_tells_the_other_s_decision(pair):
    key = shared(pair)[0]
    where = f"key = {key}"
    before = [seen_by(pair, "ben", *keys, where=where) for keys in ((), ("e",), ("Q",))]
    decide(pair, key, "b", who="ana", note="odd")
    assert [seen_by(pair, "ben", *keys, where=where) for keys in ((), ("e",), ("Q",))] == [
        text.replace("0 uncommitted", "1 uncommitted") for text in before
    ]
