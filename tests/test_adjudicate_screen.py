"""The adjudication screen and the reveal after a blind decision, driven by keys as a reviewer would."""

import asyncio

import pytest

from trainset.core.adjudicate_keys import ADJUDICATE_KEYS
from trainset.core.comparing import Rival
from trainset.core.scene import Point
from trainset.tui.app import AdjudicateApp, ReviewApp
from trainset.tui.screens.adjudicate import AdjudicateScreen
from trainset.tui.screens.review import ReviewScreen
from trainset.tui.widgets.canvas import Canvas

from .test_adjudicating import ANA, BEN, Disputed, SpanView, context_of, rivals, said, span
from .test_review_screen import NASTY, press, screen_text

SIZES = [(80, 24), (200, 50)]


def drive(script, desk=None, size=(200, 50), min_look=0.0, app=AdjudicateApp, **options):
    """Run `script(app, pilot)` on an adjudication of the desk; returns the desk."""
    desk = desk or Disputed()

    async def run():
        started = app(desk, SpanView, context_of(desk), min_look=min_look, **options)
        async with started.run_test(size=size) as pilot:
            await pilot.pause(0.05)
            await script(started, pilot)

    asyncio.run(run())
    return desk


def shown(*keys, **options):
    """The text of the screen after some keys."""
    seen = []

    async def script(app, pilot):
        await press(*keys)(app, pilot)
        await pilot.pause(0.05)
        seen.append(screen_text(app))

    drive(script, **options)
    return seen[0]


def merge(app):
    return app.screen.adjudication.comparison.merge


def test_versions_stand_side_by_side_with_their_differences_in_words():
    text = shown()
    for wanted in ("1 ana 2026-11-24 10:00", "2 ben 2026-11-24 10:00", "DIFFERENCES 1 of 3", "≠ cat / dog", "+ only ana: cat",
                   "THEY SAY", "1 ana: cat", "2 ben: dog", "m/a", "2 left", "? help"):  # fmt: skip
        assert wanted in text
    heads = next(line for line in text.splitlines() if "1 ana 2026" in line)
    assert "2 ben 2026" in heads


def test_where_there_is_little_room_one_version_is_shown_and_space_flips_to_the_next():
    first, second = shown(size=(80, 24)), shown("space", size=(80, 24))
    assert "1 ana" in first and "2 ben 2026" not in first
    assert "2 ben 2026" in second and "1 ana 2026" not in second
    assert "1 ana 2026" in shown("space", "space", size=(80, 24))


def test_a_click_takes_the_object_of_the_version_that_it_falls_on():
    async def script(app, pilot):
        canvas = app.screen.query_one("#canvas1", Canvas)
        (place,) = canvas._camera.to_cells([Point(50, 15)]).astype(int).tolist()
        await pilot.click(canvas, offset=tuple(place))
        await pilot.pause()
        assert merge(app).picks[0] == frozenset({1})

    drive(script)


@pytest.mark.parametrize("size", SIZES)
def test_the_layout_goes_from_side_by_side_to_stacked_to_single(size):
    seen = []

    async def script(app, pilot):
        for _ in range(3):
            await press("v")(app, pilot)
            seen.append((app.screen.layout_now, sum(c.display and c.parent.display for c in app.screen._canvases)))

    drive(script, size=size)
    assert sorted(seen) == [("beside", 2), ("single", 1), ("stacked", 2)]


@pytest.mark.parametrize("size", SIZES)
def test_zoom_pan_and_fit_move_all_versions(size):
    seen = []

    async def script(app, pilot):
        await press("v")(app, pilot)
        while app.screen.layout_now != "beside":
            await press("v")(app, pilot)
        for key in ("plus", "shift+right", "shift+down", "minus", "equals_sign", "z", "shift+left", "shift+up", "F"):
            await press(key)(app, pilot)
            cameras = [c._camera for c in app.screen._canvases[:2]]
            seen.append((key, cameras[0].scale, abs(cameras[0].x - cameras[1].x) <= 2 * cameras[0].scale))

    drive(script, size=size)
    assert all(together for _, _, together in seen)
    assert seen[0][1] < seen[-1][1] and seen[5][1] < seen[-1][1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", ["1", "2"])
def test_a_digit_takes_a_version_whole(key, size):
    desk = drive(press(key), size=size)
    assert said(desk) == [("m/a", "accepted", tuple(a.id for a in (ANA, BEN)[int(key) - 1]))]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("keys", "picks"),
    [
        (("left",), {0}), (("h",), {0}), (("right",), {1}), (("l",), {1}), (("b",), {0, 1}), (("d",), set()),
        (("right", "backspace"), None), (("right", "u"), None), (("right", "u", "U"), {1}),
        (("tab", "shift+tab", "l"), {1}),
    ],
)  # fmt: skip
def test_keys_pick(keys, picks, size):
    seen = []

    async def script(app, pilot):
        await press(*keys)(app, pilot)
        seen.append(merge(app).picks[0])

    drive(script, size=size)
    assert seen == [picks if picks is None else frozenset(picks)]


@pytest.mark.parametrize("decide", ["enter", "a"])
def test_a_merge_is_decided_and_undone(decide):
    desk = drive(press("right", "tab", "left", decide, "u", "U"))
    assert [r[1] for r in said(desk)] == ["corrected", "corrected"] and desk.withdrawn == ["r1"]


def test_an_open_difference_keeps_the_decision_back_and_says_how():
    assert "2 left to settle" in shown("enter")


@pytest.mark.parametrize(("key", "verdict"), [("N", "corrected"), ("x", "rejected")])
def test_neither_version_may_be_right(key, verdict):
    desk = drive(press(key))
    assert [r[1] for r in said(desk)] == [verdict]


def test_flag_and_comment_carry_notes_and_skip_writes_nothing():
    assert [r.note for r in drive(press("f", "h", "m", "enter")).records] == ["hm"]
    assert [r.note for r in drive(press("semicolon", "o", "k", "enter", "1")).records] == ["ok"]
    assert not drive(press("s")).records
    assert "m/b" in shown("s").splitlines()[0]


def test_keys_walk_the_queue_and_jump():
    for keys in (("n",), ("pagedown",), ("slash", "b", "enter")):
        assert "m/b" in shown(*keys).splitlines()[0]
    for keys in (("n", "p"), ("n", "pageup")):
        assert "m/a" in shown(*keys).splitlines()[0]


def test_dialogs_open_on_their_keys():
    assert "Why am I seeing this?" in shown("E") and "ana corrected" in shown("E")
    assert "Guidelines for parts" in shown("g")
    help_text = shown("question_mark")
    assert "take the left version's word on it" in help_text


def test_overlays_renderer_and_the_models_version_have_keys():
    assert "overlays hidden" in shown("o")
    assert "quad" in shown("m") or "sextant" in shown("m")
    model = Rival("yolo (model)", annotations=(span("p1", 0, 20),))
    assert "3 yolo (model)" in shown("M", desk=Disputed(model=model), size=(240, 50))
    assert "no model's proposal is at hand" in shown("M")


def test_the_item_editor_opens_on_the_merge_and_comes_back():
    seen = []

    async def script(app, pilot):
        await press("right", "tab", "left", "e")(app, pilot)
        assert isinstance(app.screen, ReviewScreen) and not isinstance(app.screen, AdjudicateScreen)
        await press("y", "q")(app, pilot)
        assert isinstance(app.screen, AdjudicateScreen)
        seen.append([a.id for a in merge(app).annotations])
        await press("e", "a")(app, pilot)
        await pilot.pause(0.05)
        seen.append((type(app.screen), app.screen.session.sitting.item.key))

    desk = drive(script)
    assert seen == [["a1", "a3"], (AdjudicateScreen, "m/b")]
    assert said(desk) == [("m/a", "accepted", ("a1", "a3"))]


def test_a_key_before_the_item_was_seen_decides_nothing():
    assert "too quick" in shown("1", min_look=60)


def test_leaving_and_the_end():
    assert "Nothing waits for you" in shown("1", "1") or "You are through" in shown("1", "1")

    async def script(app, pilot):
        await press("q", "e")(app, pilot)

    assert not drive(script).records


def test_names_notes_and_labels_are_neither_markup_nor_control():
    sides = [Rival(f"ana {NASTY}", NASTY, "corrected", ANA, note=NASTY), *rivals(BEN)]
    text = shown(desk=Disputed(sides=sides))
    assert "\x1b" not in text and "\u202e" not in text and "[bold red]x[/]" in text


def test_every_key_of_the_table_does_something_the_screen_knows():
    async def script(app, pilot):
        known = {*app.screen._commands, "next", "previous", "pick", "both", "neither", "unpick", "zoom-object", "model"}
        assert {key.command for key in ADJUDICATE_KEYS} <= known

    drive(script)


# -- after a blind decision ----------------------------------------------------------------------------------


class Blind(Disputed):
    """A desk whose items are decided blind: one's own answer then stands beside the model's."""

    def blind(self, item):
        return "" if any(r.item == item.key for r in self.records) else "test split"

    def versions(self, item):
        return {"new": ANA} if self.blind(item) else {"decided": ANA, "yolo": self.model.annotations}

    def rivals(self, item, *, model=False):
        last = next(r for r in reversed(self.records) if r.item == item.key)
        return [Rival("cy", "now", last.verdict, last.annotations), self.model]


def blind(*keys, **options):
    seen = []

    async def script(app, pilot):
        await press(*keys)(app, pilot)
        await pilot.pause(0.05)
        seen.append((type(app.screen), screen_text(app)))

    model = Rival("yolo (model)", annotations=(span("p1", 0, 20),))
    desk = drive(script, desk=Blind(model=model), app=ReviewApp, **options)
    return desk, *seen[0]


def test_the_status_says_that_an_item_is_decided_blind():
    _, _, text = blind()
    assert "blind: test split" in text


@pytest.mark.parametrize("size", SIZES)
def test_after_a_blind_decision_what_was_hidden_stands_beside_it(size):
    desk, screen, text = blind("a", size=size)
    assert screen is AdjudicateScreen and "1 cy now" in text and "DIFFERENCES" in text and "only cy" in text
    assert [r[1] for r in said(desk)] == ["corrected"]


@pytest.mark.parametrize("key", ["enter", "a", "1", "q"])
def test_it_stands(key):
    desk, screen, text = blind("a", key)
    assert screen is ReviewScreen and "m/b" in text.splitlines()[0] and len(desk.records) == 1


def test_or_is_corrected_by_what_was_hidden_by_picks_or_by_hand():
    desk, screen, text = blind("a", "2")
    assert said(desk)[1:] == [("m/a", "accepted", ("p1",))] and "m/b" in text.splitlines()[0]
    desk, _, _ = blind("a", "left", "tab", "right", "enter")
    assert [r[1] for r in said(desk)] == ["corrected", "corrected"]
    desk, screen, text = blind("a", "e", "y", "a")
    assert screen is ReviewScreen and said(desk)[1:] == [("m/a", "corrected", ("a1", "a2"))]
    assert "m/b" in text.splitlines()[0]


def test_undo_there_withdraws_it():
    desk, screen, text = blind("a", "u")
    assert screen is ReviewScreen and desk.withdrawn == ["r1"] and "m/a" in text.splitlines()[0]
