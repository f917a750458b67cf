"""A grid of texts: what is predicted is accepted by the page."""

import asyncio

import pytest

from trainset.commands.review import view_for
from trainset.core.context import TaskContext
from trainset.core.grid_desk import ReviewGridDesk
from trainset.plugins.registry import load
from trainset.testing import CommandLine
from trainset.tui.app import GridApp
from trainset.workspace import Workspace

from .test_loop import ROWS, table


@pytest.fixture
def texts(tmp_path):
    run, data = CommandLine(tmp_path), tmp_path / "d"
    run("init", data, "--modality", "nlp", "--task", "intent:classify:card_arrival,exchange_rate,greeting")
    table(data / "media" / "t.csv", ROWS)
    run("-C", data, "add", data / "media", "--key", "uid", "--set", "text=body")
    run("-C", data, "prelabel")
    run("-C", data, "reviewer", "add", "ana")
    return data


def test_texts_that_share_a_predicted_class_stand_on_one_page_and_are_accepted_together(texts):
    plugins = Workspace()
    with plugins.open(texts) as opened:
        task = opened.config.task(None)
        desk = ReviewGridDesk(opened, task, "ana")
        view = load(view_for(plugins.registry, opened, task.type).factory)
        seen = []

        async def script():
            app = GridApp(desk, view, TaskContext(opened, task), min_look=0.0)
            async with app.run_test(size=(120, 40)) as pilot:
                while app.session._shown_at is None:
                    await pilot.pause(0.01)
                seen.append("\n".join(strip.text for strip in app.screen._compositor.render_strips()))
                await pilot.press("enter")
                await pilot.pause()

        asyncio.run(script())
        desk.close()
        assert "My card has not arrived" in seen[0] and "Hello" not in seen[0]
        assert {key for key, state in opened.states().items() if state == "reviewed"} == {
            f"media/t.csv#{row}" for row, _, label in ROWS if label == "card_arrival"
        }
