"""Two answers to one text, side by side."""

import asyncio

from trainset.commands.review import view_for
from trainset.core.adjudication_desk import AdjudicationDesk
from trainset.core.context import TaskContext
from trainset.core.deciding import Recorder
from trainset.core.model import Class
from trainset.plugins.registry import load
from trainset.testing import CommandLine
from trainset.tui.app import AdjudicateApp
from trainset.workspace import Workspace

from .test_loop import ROWS, table


def test_a_text_in_dispute_is_shown_with_both_classes_and_settled_by_a_digit(tmp_path):
    run, data = CommandLine(tmp_path), tmp_path / "d"
    run("init", data, "--modality", "nlp", "--task", "intent:classify:card_arrival,exchange_rate,greeting")
    table(data / "media" / "t.csv", ROWS)
    run("-C", data, "add", data / "media", "--key", "uid", "--set", "text=body")
    for who in ("ana", "ben", "cy"):
        run("-C", data, "reviewer", "add", who)
    plugins = Workspace()
    with plugins.open(data) as opened:
        task = opened.config.task(None)
        row = next(opened.rows(task))
        for who, label in (("ana", "greeting"), ("ben", "exchange_rate")):
            recorder = Recorder.person(opened, task, who)
            recorder.decide(row, "corrected", [Class(id="a1", label=label)])
            recorder.close()
        desk = AdjudicationDesk(opened, task, "cy")
        view = load(view_for(plugins.registry, opened, task.type).factory)
        seen = []

        async def script():
            app = AdjudicateApp(desk, view, TaskContext(opened, task), min_look=0.0)
            async with app.run_test(size=(160, 40)) as pilot:
                await pilot.pause(0.1)
                seen.append("\n".join(strip.text for strip in app.screen._compositor.render_strips()))
                await pilot.press("j", "k", "z", "2")
                await pilot.pause(0.1)

        asyncio.run(script())
        desk.close()
        assert "≠ greeting / exchange_rate" in seen[0] and seen[0].count(" greeting ") >= 1
        assert [a.label for a in opened.answer(task, opened.row(row.item.key, task))] == ["exchange_rate"]
