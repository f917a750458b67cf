"""How often a review paints: once for what has come together, and never ahead of a terminal that is behind."""

from queue import Queue
from types import SimpleNamespace

from textual import events

from trainset.tui import flow
from trainset.tui.app import SessionApp

from .test_review_screen import Desk, drive, screen_text


class Counting(Desk):
    """Counts the items that are opened."""

    def versions(self, item):
        self.opened = [*getattr(self, "opened", []), item.key]
        return super().versions(item)


def frames_of(monkeypatch):
    """What is displayed from now on, as Textual composed it."""
    found = []
    monkeypatch.setattr(SessionApp, "_display", lambda app, screen, frame: found.append(frame) if frame else None)
    return found


def whole(frames):
    return [frame for frame in frames if type(frame).__name__ == "LayoutUpdate"]


def test_a_review_begins_with_one_frame_of_the_whole_screen(monkeypatch):
    frames = frames_of(monkeypatch)

    async def script(app, pilot):
        await pilot.pause(0.1)

    drive(script)
    assert len(whole(frames)) == 1


def test_another_size_and_a_screen_that_was_covered_are_painted_whole():
    async def script(app, pilot):
        await pilot.resize_terminal(140, 40)
        await pilot.pause(0.1)
        assert len(screen_text(app).splitlines()) == 40 and "media/cam1/0000.png" in screen_text(app)
        await pilot.press("question_mark")
        await pilot.pause(0.1)
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert "▀" in screen_text(app)

    drive(script)


def test_of_keys_that_come_together_only_the_item_where_they_end_is_opened():
    async def script(app, pilot):
        for key in "nnnnnnpn":
            app.post_message(events.Key(key, key))
        await pilot.pause(0.1)
        assert app.session.sitting.item.key == "media/cam1/0006.png"

    desk = Counting()
    drive(script, desk)
    assert desk.opened == ["media/cam1/0000.png", "media/cam1/0006.png"]


def test_a_decision_after_steps_is_taken_where_they_lead():
    async def script(app, pilot):
        await pilot.press("n", "n")
        await pilot.pause(0.1)
        await pilot.press("a")

    assert [r.item for r in drive(script).records] == ["media/cam1/0002.png"]


def test_a_terminal_is_behind_while_a_frame_waits_for_the_one_before_it():
    waiting = Queue()
    app = SimpleNamespace(_driver=SimpleNamespace(_writer_thread=SimpleNamespace(_queue=waiting)))
    assert not flow.behind(app)
    waiting.put("a frame")
    assert flow.behind(app)
    assert not flow.behind(SimpleNamespace(_driver=SimpleNamespace()))


def test_nothing_is_painted_while_the_terminal_is_behind(monkeypatch):
    async def script(app, pilot):
        monkeypatch.setattr("trainset.tui.screens.base.behind", lambda app: True)
        await pilot.press("n")
        await pilot.pause(0.1)
        assert "media/cam1/0000.png" in screen_text(app)
        monkeypatch.setattr("trainset.tui.screens.base.behind", lambda app: False)
        await pilot.pause(0.1)
        assert "media/cam1/0001.png" in screen_text(app)

    drive(script)
