"""A grid of volumes: every object by the slice that has most of it."""

import pytest

from trainset.commands.review import view_for
from trainset.core.context import TaskContext
from trainset.core.grid import GridSession
from trainset.core.grid_desk import ReviewGridDesk
from trainset.core.scene import Size
from trainset.plugins.registry import load
from trainset.testing import CommandLine
from trainset.tui.canvas.cells import Cells
from trainset.tui.terminal import Terminal
from trainset.tui.thumbnails import Thumbnails
from trainset.workspace import Workspace

from .volumes import bright, save


@pytest.fixture
def volumes(tmp_path):
    run, data = CommandLine(tmp_path), tmp_path / "d"
    run("init", data, "--modality", "medical", "--task", "organs:volume-mask:cord,lesion")
    for name, centre in (("a", (6, 5, 4)), ("b", (5, 6, 3))):
        save(data / "media" / f"{name}.nii.gz", bright(centre=centre))
    run("-C", data, "add", data / "media")
    run("-C", data, "prelabel")
    run("-C", data, "reviewer", "add", "ana")
    return data


def drawn(thumbnails, shown):
    while None in (found := thumbnails.want([(one, Size(20, 10)) for one in shown], Terminal())):
        pass
    return found


def test_objects_are_seen_accepted_and_then_seen_together_in_their_items(volumes):
    plugins = Workspace()
    with plugins.open(volumes) as opened:
        task = opened.config.task(None)
        view = load(view_for(plugins.registry, opened, task.type).factory)
        thumbnails = Thumbnails(view, TaskContext(opened, task))
        session = GridSession(ReviewGridDesk(opened, task, "ana"), min_look=0)
        assert [g.title(task) for g in session.groups] == ["cord"]
        for _ in range(2):
            assert all(isinstance(x, Cells) for x in drawn(thumbnails, session.page)) and len(session.page) == 2
            session.shown()
            session.accept()
            session.finish()
        session.desk.close()
        thumbnails.close()
        assert set(opened.states().values()) == {"reviewed"}
