"""Two sessions at one clone: what one has open the other passes by, and what one decides the other needs not look at."""

import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from trainset.core.desk import ReviewDesk
from trainset.core.grid import GridSession
from trainset.core.grid_desk import ReviewGridDesk
from trainset.core.leases import Leases
from trainset.core.queue import Entry, Picked
from trainset.core.rankers import InOrder
from trainset.core.session import Session

from .kit import KINDS, add, decide, git, open_, propose, states, task
from .test_session import View

KEYS = [f"media/{n}.txt" for n in range(6)]


@pytest.fixture
def leases(tmp_path):
    """A way to begin a session's leases in one folder; all are let go of at the end."""
    begun = []

    def begin(who="ana", task=KINDS):
        begun.append(Leases(tmp_path / "leases", task, who))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def test_an_item_that_somebody_has_open_is_theirs(leases):
    ana, ben = leases("ana"), leases("ben")
    assert ana.hold(["a"]) == {}
    assert ben.hold(["a", "b"]) == {"a": "ana"}
    assert ben.others() == {"a": "ana"}
    assert ana.others() == {"a": "ben", "b": "ben"}


def test_who_goes_on_lets_go(leases):
    ana, ben = leases("ana"), leases("ben")
    ana.hold(["a"])
    ana.hold(["b"])
    assert ben.hold(["a"]) == {}
    ana.close()
    assert ben.others() == {}


def test_leases_of_another_task_do_not_matter(leases):
    leases("ana", "other").hold(["a"])
    assert leases("ben").hold(["a"]) == {}


def test_a_lease_ends_with_its_process(leases, tmp_path):
    code = f"""
        import time
        from pathlib import Path
        from trainset.core.leases import Leases
        Leases(Path({str(tmp_path / "leases")!r}), {KINDS!r}, "ana").hold(["a"])
        print("held", flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    ben = leases("ben")
    assert ben.hold(["a"]) == {"a": "ana"}
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert ben.hold(["a"]) == {}
    assert len(list((tmp_path / "leases").glob("*.json"))) == 1


def test_where_no_lease_can_be_written_there_are_none(tmp_path):
    (tmp_path / "leases").write_text("in the way")
    held = Leases(tmp_path / "leases", KINDS, "ana")
    assert held.hold(["a"]) == {}
    assert held.others() == {}
    held.close()


def test_what_is_no_lease_is_passed_over(leases, tmp_path):
    ben = leases("ben")
    ben.hold(["b"])
    (tmp_path / "leases" / "torn.json").write_text("{")
    assert ben.others() == {}


# -- at a dataset ----------------------------------------------------------------------------------------------


@pytest.fixture
def two(root):
    """The same dataset, opened by two processes as it were."""
    with open_(root) as one, open_(root) as other:
        for opened in (one, other):
            opened.kit.ranker = lambda name, where: InOrder()
        add(one, *KEYS)
        propose(one, dict.fromkeys(KEYS, ("a", 0.5)))
        other.index.refresh()
        yield one, other


def desk(dataset, who):
    return ReviewDesk(dataset, task(dataset), who)


def test_what_others_decide_is_settled_and_ones_own_is_not_looked_at(two):
    ana, ben = desk(two[0], "ana"), desk(two[1], "ben")
    hers, his = ana.company.since(ana.queue()), ben.company.since(ben.queue())
    ana.record(two[0].item(KEYS[0]), "accepted")
    ben.record(two[1].item(KEYS[1]), "accepted")
    assert hers.settled == {KEYS[1]}
    assert his.settled == {KEYS[0]}
    for each in (ana, ben):
        each.close()


def test_what_was_taken_back_waits_again(two):
    ana, ben = desk(two[0], "ana"), desk(two[1], "ben")
    item, since = two[1].item(KEYS[1]), ana.company.since(ana.queue())
    record = ben.record(item, "accepted")
    assert since.settled == {KEYS[1]}
    ben.withdraw(item, record)
    assert since.settled == set()
    for each in (ana, ben):
        each.close()


def test_what_waits_although_somebody_spoke_is_not_settled(two):
    ana, ben = desk(two[0], "ana"), desk(two[1], "ben")
    since = ana.company.since(ana.queue())
    ben.record(two[1].item(KEYS[1]), "rejected")
    ben.record(two[1].item(KEYS[2]), "flagged")
    assert since.settled == set()
    for each in (ana, ben):
        each.close()


def test_what_git_brings_is_looked_at(two):
    """A pull, as it were: a branch with Ben's decision is merged in another terminal, and no index was told."""
    root = two[0].root
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    git(root, "switch", "-qc", "side")
    decide(two[1], KEYS[3], "b", who="ben")
    git(root, "add", "labels")
    git(root, "commit", "-qm", "decided")
    git(root, "switch", "-q", "main")
    two[0].index.refresh()
    ana = desk(two[0], "ana")
    queue = ana.queue()
    git(root, "merge", "-q", "side")
    ana.company.look()
    assert states(two[0])[KEYS[3]] == "reviewed"
    ana.close()
    assert len(queue) == len(KEYS)


def test_a_queue_is_settled_only_in_what_it_holds(two):
    ana = ReviewDesk(two[0], task(two[0]), "ana", where=f"key = {KEYS[1]}")
    since = ana.company.since(ana.queue())
    for key in KEYS[1:4]:
        decide(two[1], key, "b", who="ben")
    assert since.settled == {KEYS[1]}
    ana.close()


def test_sessions_over_each_other_each_follow_their_own_queue(two):
    ana = desk(two[0], "ana")
    outer, inner = ana.company.since(ana.queue()), ana.company.since(Picked((Entry(KEYS[0], 0.0, ""),)))
    decide(two[1], KEYS[3], "b", who="ben")
    two[0].index.refresh()
    assert (inner.settled, outer.settled) == (set(), {KEYS[3]})
    ana.close()


# -- as sessions see it ----------------------------------------------------------------------------------------


def session(opened):
    started = Session(opened, View, SimpleNamespace(task=opened.task), min_look=0.0)
    started.shown()
    return started


@pytest.fixture
def both(two):
    """Ana's session, then Ben's beside it."""
    desks = desk(two[0], "ana"), desk(two[1], "ben")
    yield [session(each) for each in desks]
    for each in desks:
        each.close()


def at(started):
    return started.sitting.item.key if started.sitting else None


def accept(started):
    started.shown()
    started.accept()


def test_two_sessions_never_get_the_same_item_by_chance(both):
    ana, ben = both
    seen = []
    while ana.sitting or ben.sitting:
        for each in both:
            if each.sitting:
                assert at(ana) != at(ben)
                seen.append(at(each))
                accept(each)
    assert sorted(seen) == KEYS
    assert (ana.left, ben.left) == (0, 0)


def test_what_the_other_decides_leaves_the_count_at_once(both):
    ana, ben = both
    accept(ben)
    accept(ben)
    assert ana.look_around()
    assert ana.left == len(KEYS) - 2
    assert not ana.look_around()


def test_who_jumps_to_what_another_has_open_is_told_whose_it_is(both):
    ana, ben = both
    ben.jump(at(ana))
    assert at(ben) == at(ana)
    assert "ana has it open" in ben.notice.text
    ben.go(1)
    assert "ana" not in ben.notice.text


def test_another_window_of_ones_own_is_called_that(two):
    desks = desk(two[0], "ana"), desk(two[1], "ana")
    one, other = map(session, desks)
    assert at(one) != at(other)
    other.jump(at(one))
    assert "another window of yours has it open" in other.notice.text
    for each in desks:
        each.close()


def test_what_others_have_open_is_there_again_once_they_leave(both):
    ana, ben = both
    theirs = at(ana)
    for _ in range(len(KEYS) - 1):
        accept(ben)
    assert at(ben) is None
    ana.desk.close()
    ben.skip()
    assert at(ben) == theirs


def test_a_page_of_a_grid_is_its_reviewers_and_the_next_page_the_others(two):
    desks = [ReviewGridDesk(dataset, task(dataset), who) for dataset, who in zip(two, ("ana", "ben"), strict=True)]
    ana = GridSession(desks[0], min_look=0.0)
    ana.resize(3)
    ben = GridSession(desks[1], min_look=0.0)
    assert not {s.item.key for s in ana.page} & {s.item.key for s in ben.page}
    ana.shown()
    ana.accept()
    assert ana.decided == 3
    assert not ana.page or all("ben has it" in s.taken for s in ana.page)
    ben.shown()
    ben.accept()
    assert set(states(two[0]).values()) == {"reviewed"}
    for each in desks:
        each.close()
