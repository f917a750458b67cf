"""What makes six hours of reviewing bearable: signs of a refusal, pauses, and a look long enough."""

import pytest

from trainset.core.breaks import Breaks
from trainset.core.preferences import Display, Preferences
from trainset.tui.app import ReviewApp
from trainset.tui.screens import base

from . import test_adjudicate_screen as adjudicate
from . import test_grid_screen as grid
from .command import trainset
from .test_review_screen import drive, press


def refused(monkeypatch, *keys, **display):
    """How often the bell rang, and whether the status line flashed, while keys were refused."""
    rung, flashed = [], []
    for pause in ("_FLASH", "_BETWEEN_BELLS"):
        monkeypatch.setattr(base, pause, 600.0)
    monkeypatch.setattr(ReviewApp, "bell", lambda self: rung.append(1))

    async def script(app, pilot):
        await press(*keys)(app, pilot)
        flashed.append(app.screen.query_one("#status").has_class("flash"))

    drive(script, preferences=Preferences(display=Display(**display)))
    return len(rung), flashed[0]


def test_a_refusal_rings_and_flashes_once_for_a_key_that_is_held_down(monkeypatch):
    assert refused(monkeypatch, "ф", "ф", "ф", "ф") == (1, True)


def test_what_is_done_neither_rings_nor_flashes(monkeypatch):
    assert refused(monkeypatch, "tab", "l", "a") == (0, False)


@pytest.mark.parametrize(("display", "signs"), [({"bell": False}, (0, True)), ({"flash": False}, (1, False))])
def test_either_sign_can_be_switched_off(monkeypatch, display, signs):
    assert refused(monkeypatch, "ф", **display) == signs


# -- pauses ---------------------------------------------------------------------------------------------------


def worked(minutes, *moments):
    """At which of these moments (in minutes) a pause is due."""
    now = [0.0]
    breaks = Breaks(minutes, lambda: now[0] * 60)
    due = []
    for now[0] in moments:
        due += [now[0]] if breaks.due() else []
    return due


def test_a_pause_is_due_after_work_and_again_after_as_much():
    assert worked(5, *range(14)) == [5, 10]


def test_an_idle_while_is_a_pause():
    assert worked(5, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11) == [11]


def test_nobody_is_reminded_who_did_not_ask():
    assert worked(0, *range(300)) == []
    assert Display().pause_after == 0


def test_the_screen_says_so_and_keys_work_on(monkeypatch):
    said = []
    monkeypatch.setattr(Breaks, "due", lambda self: True)
    monkeypatch.setattr(ReviewApp, "notify", lambda self, text, **_: said.append(text))
    desk = drive(press("a"), preferences=Preferences(display=Display(pause_after=50)))
    assert "50 minutes without a pause" in said[0] and len(desk.records) == 1


# -- a look long enough ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["a", "enter", "1", "2", "x", "N"])
def test_versions_side_by_side_are_decided_only_after_the_least_look(key):
    desk = adjudicate.drive(press("left", "tab", "right", key), min_look=60.0)
    assert not desk.records


def test_a_page_that_is_finished_is_decided_only_after_the_least_look():
    assert not grid.drive(grid.press("a", "enter", "S", "enter"), min_look=60.0).records


@pytest.mark.parametrize(
    ("own", "least"), [("", 0.15), ("[keys]\nmin-look = 400\n", 0.4), ("[keys]\nmin-look = 1\n", 0.15)]
)
def test_ones_own_least_look_makes_that_of_the_data_set_longer(parts, tmp_path, monkeypatch, own, least):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "trainset").mkdir(parents=True)
    (tmp_path / "config" / "trainset" / "config.toml").write_text(own)
    seen = []
    monkeypatch.setattr("trainset.tui.run_review", lambda *_, **options: seen.append(options["min_look"]) or 0)
    trainset("review", "--task", "parts", "--reviewer", "ana", cwd=parts)
    assert seen == [least]
