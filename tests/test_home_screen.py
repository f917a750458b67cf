"""The home screen: how the tasks of a dataset stand, and the way into the review of one and back."""

import asyncio
import re
from dataclasses import dataclass, field

import pytest

from trainset.commands import home as rounds
from trainset.core.assigning import Load
from trainset.core.files import visible
from trainset.core.home import Home, Standing
from trainset.core.leases import Leases
from trainset.core.model import Label, Task
from trainset.core.pace import Estimate, Pace
from trainset.core.preferences import Display, Preferences
from trainset.errors import ConfigError
from trainset.tui.app import HomeApp

from . import kit
from .command import trainset
from .test_review_screen import Desk, drive, press, screen_text

# -- what is counted -----------------------------------------------------------------------------------------

KEYS = [f"media/{n}.txt" for n in range(6)]


@pytest.fixture
def standing(dataset):
    kit.add(dataset, *KEYS)
    return lambda: Home(dataset, "ana").look(kit.task(dataset))


def test_progress_is_what_waits_no_more(standing, dataset):
    kit.decide(dataset, KEYS[0], "a")
    kit.decide(dataset, KEYS[1], "a", verdict="corrected")
    found = standing()
    assert found.states == {"reviewed": 2, "unlabelled": 4} and found.waiting == 4 and found.asked == 6


def test_reasons_are_those_of_what_waits(standing, dataset):
    assert standing().reasons == {}
    kit.decide(dataset, KEYS[0], "a")
    kit.decide(dataset, KEYS[1], verdict="flagged", note="look")
    found = standing()
    assert found.states["flagged"] == 1 and found.waiting == 5


def test_others_who_have_items_open_are_at_work(standing, dataset):
    leases = Leases(dataset.repository.machine / "leases", "kinds", "ben")
    leases.hold(KEYS[:2])
    assert standing().at_work == {"ben": 2}
    leases.close()
    assert standing().at_work == {}


def test_what_is_left_goes_by_ones_own_pace(standing, dataset):
    assert standing().estimate is None
    Pace.of(dataset, kit.task(dataset), "ana").took(dataset.root / "01A.jsonl", {str(n): 30.0 for n in range(10)})
    assert standing().estimate.left == 6 * 30.0
    assert Home(dataset, "ben").look(kit.task(dataset)).estimate is None


# -- the screen ----------------------------------------------------------------------------------------------

NASTY = "[red]x[/]\x1b[31m\u202e"


@dataclass
class Made:
    """A home over made-up tasks."""

    tasks: tuple = (
        Task(name="parts", type="box", labels=(Label(id="screw", index=0),)),
        Task(name="kinds", type="classify", labels=(Label(id="a", index=0),)),
    )
    name: str = f"belt {NASTY}"
    reviewer: str = "ana"
    standings: dict = field(default_factory=dict)

    def look(self, task):
        found = self.standings.get(task.name, _stands())
        if isinstance(found, Exception):
            raise found
        return found

    def uncommitted(self):
        return 12


def _stands(**changes):
    estimate = Estimate(38.0, 214, 7200.0, 6600.0, 7800.0)
    usual = {
        "states": {"predicted": 190, "reviewed": 10},
        "asked": 200,
        "reasons": {"min-score": 31, NASTY: 2},
        "at_work": {"ben": 1},
        "estimate": estimate,
    }
    return Standing(**{**usual, **changes})


def home(*keys, made=None, size=(140, 40), **options):
    """The text of the home screen after some keys, and what was chosen."""
    seen = []

    async def run():
        app = HomeApp(made or Made(), **options)
        async with app.run_test(size=size) as pilot:
            await app.workers.wait_for_complete()
            await pilot.pause(0.05)
            for key in keys:
                await (pilot.resize_terminal(*key) if isinstance(key, tuple) else pilot.press(key))
                await pilot.pause(0.02)
            if app.screen_stack:
                seen.append(screen_text(app))
        seen.append(app.return_value)

    asyncio.run(run())
    return seen


def test_every_task_with_its_progress_and_more_of_the_marked_one():
    text = home()[0]
    assert re.search(r"▶ parts  box .*5%  190 waiting  10 of 200 decided  about 2 h left", text)
    assert re.search(r"  kinds  classify .*190 waiting", text)
    for wanted in ("190  predicted", "31  min-score", "at work: ben (1 open)", "12 uncommitted", "belt"):
        assert wanted in text
    assert "about 2 h left at your pace (1 h 50 to 2 h 10, nine times in ten): 38 s an item" in text


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
def test_what_matters_is_there_at_small_sizes(size):
    text = home(size=size)[0]
    assert "▶ parts" in text and "190 waiting" in text and "min-score" in text and "q leave" in text
    assert {len(line) for line in text.splitlines()} == {size[0]}
    assert re.search("60 × 16", home(size=(50, 12))[0])
    assert "190 waiting" in home((60, 16), (100, 30), size=(160, 48))[0]


def test_what_is_ones_own_of_a_task_that_is_shared():
    loads = (Load("ana", 120, 10), Load("ben", 80, 10))
    made = Made(standings={"parts": _stands(loads=loads, yours=120), "kinds": _stands()})
    text = home(made=made)[0]
    assert re.search(r"▶ parts .*  120 yours of 190 waiting", text) and "waiting for each: ana 120, ben 80" in text
    assert re.search(r"  kinds .*  190 waiting", text)


def test_text_from_data_is_neither_markup_nor_control():
    text = home()[0]
    assert not re.search(r"[\x1b\u202e]", text) and visible(NASTY) in text


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (("enter",), ("parts", None)),
        (("down", "enter"), ("kinds", None)),
        (("end", "g"), ("kinds", "grid")),
        (("d",), ("parts", "adjudicate")),
        (("j", "k", "i"), ("parts", "item")),
        (("q",), None),
        (("escape",), None),
    ],
)
def test_a_key_chooses_the_task_and_the_way(keys, chosen):
    assert home(*keys)[-1] == chosen


def test_it_begins_at_the_task_that_was_left():
    assert "▶ kinds" in home(chosen="kinds")[0]


def test_a_task_that_cannot_be_counted_says_why_and_the_others_stand():
    made = Made(standings={"parts": ConfigError("it is broken", hint="mend it")})
    text = home(made=made)[0]
    assert "it is broken (mend it)" in text and "190 waiting" in text


def test_nothing_waits_and_too_little_is_known():
    made = Made(standings={"parts": _stands(states={"reviewed": 5}, asked=5), "kinds": _stands(estimate=None)})
    first, second = home(made=made)[0], home("down", made=made)[0]
    assert "100%  nothing waits" in first and "at your pace" not in first
    assert "too little is decided yet" in second


def test_ones_own_pace_can_be_hidden():
    assert "pace" not in home(preferences=Preferences(display=Display(pace=False)))[0]


# -- the way there and back ----------------------------------------------------------------------------------


def test_the_home_key_tells_where_one_goes_and_leaves():
    went = []
    drive(press("home"), home=lambda: went.append(True))
    assert went == [True]


def test_without_a_home_the_key_says_so():
    seen = []

    async def script(app, pilot):
        await press("home", "a")(app, pilot)
        seen.append(screen_text(app))

    desk = drive(script, desk=Desk())
    assert len(desk.records) == 1 and "accepted" in seen[0]


@pytest.fixture
def two(parts, monkeypatch):
    """A dataset of two tasks, and a stand-in for the screens: what is chosen at home, and what each review does."""
    trainset("task", "add", "wear:classify:new,worn", cwd=parts)
    monkeypatch.chdir(parts)
    went, choices, homeward = [], [], []

    def at_home(home, chosen, where, preferences, said, *more):
        went.append(("home", chosen, said))
        return choices.pop(0) if choices else None

    def review(registry, opened, task, handle, where, mode, *, home, **more):
        went.append((task.name, mode))
        if task.name == "wear" and mode == "grid":
            raise ConfigError("no view")
        if homeward and homeward.pop():
            home()
        return 0

    monkeypatch.setattr("trainset.tui.run_home", at_home)
    monkeypatch.setattr(rounds, "run_screen", review)
    return went, choices, homeward


def test_several_tasks_begin_at_home_and_each_review_comes_back(two, parts):
    went, choices, _ = two
    choices += [("wear", None), ("parts", "grid")]
    trainset("review", cwd=parts)
    assert went == [
        ("home", None, ""),
        ("wear", "item"),
        ("home", "wear", ""),
        ("parts", "grid"),
        ("home", "parts", ""),
    ]


def test_a_named_task_begins_at_once_and_leaving_it_ends(two, parts):
    trainset("review", "--task", "wear", cwd=parts)
    assert two[0] == [("wear", "item")]


def test_from_a_named_task_the_home_key_leads_home(two, parts):
    went, choices, homeward = two
    homeward.append(True)
    choices.append(("parts", None))
    trainset("review", "--task", "wear", cwd=parts)
    assert went == [("wear", "item"), ("home", "wear", ""), ("parts", "item"), ("home", "parts", "")]


def test_a_review_that_cannot_begin_is_told_of_at_home(two, parts):
    went, choices, _ = two
    choices.append(("wear", "grid"))
    trainset("review", cwd=parts)
    assert went[-1] == ("home", "wear", "no view")


def test_without_a_terminal_several_tasks_are_an_error_too(parts):
    trainset("task", "add", "wear:classify:new,worn", cwd=parts)
    ran = trainset("review", cwd=parts, code=2)
    assert "review needs a terminal" in ran.err
