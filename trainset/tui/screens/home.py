"""The home screen: the tasks of a dataset, how each stands, and the way into its review."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from trainset.core.home import Home, Standing
from trainset.core.list_keys import HOME_KEYS
from trainset.core.model import Task
from trainset.core.pace import Way, duration, in_words
from trainset.core.sitting import Notice
from trainset.core.sitting import in_words as error_in_words
from trainset.errors import TrainsetError
from trainset.tui.canvas.graphemes import fitted, width
from trainset.tui.dialogs.reading import Reading, key_table
from trainset.tui.screens.base import SessionScreen
from trainset.tui.widgets.bars import GAP, Bar, hints, key_line, spread, status_line
from trainset.tui.widgets.colors import MUTED, TITLE
from trainset.tui.widgets.rows import Row, Rows

_FIRST_KEYS = [("open", "review"), ("open grid", "grid"), ("open adjudicate", "disputes"), ("quit", "leave")]  # fmt: skip
_BAR = 16


class HomeScreen(SessionScreen):
    """Shows the tasks; `choose` is called with the one to review and the mode (None: the usual one), or with None to
    leave. `chosen` is the task to begin at, `where` what the review is narrowed to, `said` what
    went wrong before."""

    def __init__(
        self,
        home: Home,
        choose: Callable[[tuple[str, Way | None] | None], None],
        chosen: str | None = None,
        where: str = "",
        said: str = "",
    ) -> None:
        super().__init__()
        self._home, self._choose, self._where, self._said = home, choose, where, said
        self._tasks = home.tasks
        self._first = next((n for n, task in enumerate(self._tasks) if task.name == chosen), 0)
        self._standings: dict[str, Standing | str] = {}
        self._left = False
        self._commands: dict[str, Callable[[Any], None]] = {
            "move": self._move,
            "page": lambda by: self._rows.move(by * self._rows.room),
            "end": lambda by: self._rows.move(by * self._rows.count),
            "open": self._open,
            "refresh": self._refresh,
            "help": lambda _: self.ask(Reading("Keys", key_table([("Home", HOME_KEYS)]), "question_mark"), lambda _: None),
            "quit": lambda _: self.depart(lambda: self._leave(None)),
        }  # fmt: skip

    def compose(self) -> ComposeResult:
        """The dataset; its tasks; more of the marked one; how things stand; the keys."""
        yield Bar(id="where")
        with Vertical(id="body"):
            yield Rows(self._read, id="tasks")
            yield Static(id="about")
        yield Bar(id="status")
        yield Bar(id="keys")
        yield self.too_small_note()

    def on_mount(self) -> None:
        """All tasks at once; what is counted follows."""
        self._rows = self.query_one(Rows)
        self._rows.styles.height = len(self._tasks)
        self._rows.show(len(self._tasks), self._first)
        self._count()
        self.ask_repaint()

    def _move(self, by: int) -> None:
        self._rows.move(by)

    def _refresh(self, _: Any) -> None:
        self._count()

    @work(thread=True, exclusive=True)
    def _count(self) -> None:
        for task in self._tasks:
            found: Standing | str
            try:
                found = self._home.look(task)
            except TrainsetError as error:
                found = error_in_words(error)
            self.app.call_from_thread(self._counted, task, found)

    def _counted(self, task: Task, found: Standing | str) -> None:
        self._standings[task.name] = found
        self._rows.show(len(self._tasks), self._rows.cursor)
        self.ask_repaint()

    # -- rows -----------------------------------------------------------------------------------------------

    def _read(self, start: int, stop: int) -> Sequence[Row]:
        cells = self._rows.scrollable_content_region.width - 2
        most = max((width(task.name) for task in self._tasks), default=0)
        return [self._row(task, min(most, cells // 4), cells) for task in self._tasks[start:stop]]

    def _row(self, task: Task, room: int, cells: int) -> Row:
        name = fitted(task.name, room)
        kind = f"{fitted(task.type, 11):<11}  " if cells >= 76 else ""
        parts = [(name + " " * (room - width(name)) + "  ", "bold"), (kind, "muted")]
        found = self._standings.get(task.name)
        if not isinstance(found, Standing):
            return [*parts, (found or "counting …", "warning" if found else "muted")]
        done = max(0, found.asked - found.waiting)
        share = done / found.asked if found.asked else 0.0
        full = round(share * _BAR) if 0 < done < found.asked else _BAR * (share == 1)
        parts += [("█" * full, "state"), ("░" * (_BAR - full), "muted"), (f" {int(100 * share):3}%", "")]
        waiting = f"  {found.waiting:,} waiting"
        if found.yours is not None:
            waiting = f"  {found.yours:,} yours of {found.waiting:,} waiting"
        parts.append((waiting if found.waiting else "  nothing waits", "bold" if found.waiting else "muted"))
        if cells >= 76:
            parts.append((f"  {done:,} of {found.asked:,} decided", "muted"))
        if found.estimate and found.waiting and cells >= 96 and self.preferences.display.pace:
            parts.append((f"  about {duration(found.estimate.left)} left", "muted"))
        return parts

    # -- what comes in --------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A key of the home screen's."""
        if self.dialog is not None or self._left:
            return
        key = next((key for key in HOME_KEYS if key.key == event.key), None)
        if key is not None and (not self.too_small or key.command == "quit"):
            event.stop()
            event.prevent_default()
            self._commands[key.command](key.argument)
            self.ask_repaint()

    def on_rows_moved(self) -> None:
        """Another task is marked."""
        self.ask_repaint()

    def on_rows_chosen(self) -> None:
        """The marked task was clicked."""
        self._open(None)

    @property
    def _marked(self) -> Task:
        return self._tasks[self._rows.cursor]

    def _open(self, mode: Way | None) -> None:
        if self._tasks:
            self._leave((self._marked.name, mode))

    def _leave(self, choice: tuple[str, Way | None] | None) -> None:
        self._left = True
        self._choose(choice)

    # -- painting -------------------------------------------------------------------------------------------

    def repaint(self) -> None:
        """The dataset, and more of the marked task."""
        cells = self.size.width - 2
        left = [(f"{self._home.name}{GAP}", "bold"), ("all tasks", MUTED)]
        if self._where:
            left.append((f"{GAP}only: {self._where}", "$accent"))
        self.query_one("#where", Bar).say(spread(left, [(self._home.reviewer, "bold")], cells))
        found = self._standings.get(self._marked.name) if self._tasks else None
        room = max(1, self.query_one("#about").size.height)
        self.query_one("#about", Static).update(self._about(found, cells, room) if isinstance(found, Standing) else "")
        loose = self._home.uncommitted()
        facts = [f"{loose:,} uncommitted" if loose else "everything is committed"]
        self.query_one("#status", Bar).say(status_line(Notice(self._said, "refused"), 0, facts, cells))
        self.query_one("#keys", Bar).say(key_line(hints(HOME_KEYS, _FIRST_KEYS), cells))

    def _about(self, found: Standing, cells: int, room: int) -> Content:
        """States beside reasons, then who is at work, and the time that is left."""
        last = []
        if found.loads:
            last.append("waiting for each: " + ", ".join(f"{load.reviewer} {load.waiting:,}" for load in found.loads))
        if found.at_work:
            last.append("at work: " + ", ".join(f"{who} ({n:,} open)" for who, n in found.at_work.items()))
        if found.estimate and found.waiting and self.preferences.display.pace:
            last.append(in_words(found.estimate))
        elif found.waiting and self.preferences.display.pace:
            last.append("too little is decided yet to tell how long it takes you")
        half, height = cells // 2, max(1, room - len(last) - 2)
        states = _column("STATES", {k: n for k, n in found.states.items() if n}, height, half)
        why = _column("WHY THEY WAIT", found.reasons, height, cells - half)
        parts: list[tuple[str, str]] = []
        for n in range(max(len(states), len(why))):
            for column, most in ((states, half), (why, cells - half)):
                text, style = column[n] if n < len(column) else ("", "")
                parts += [(text, style), (" " * (most - width(text)), "")]
            parts.append(("\n", ""))
        return Content.assemble(
            *parts, "\n" if last else "", *((f"{fitted(line, cells)}\n", MUTED) for line in last)
        ).rstrip()


def _column(title: str, counts: Mapping[str, int], height: int, cells: int) -> list[tuple[str, str]]:
    """A title, and under it as many counts as there is room for."""
    digits = max((len(f"{n:,}") for n in counts.values()), default=0)
    lines = [(fitted(f"{n:>{digits},}  {name}", cells - 2), "") for name, n in counts.items()]
    if len(lines) > height:
        lines[height - 1 :] = [(f"and {len(lines) - height + 1} more", MUTED)]
    return [(title, TITLE), *lines] if lines else []
