"""The grid screen: a page of thumbnails that share a predicted label, marked by letters and decided by one key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from textual import events
from textual.app import ComposeResult

from trainset.core.grid import MOST, GridSession
from trainset.core.grid_keys import GRID_KEYS, HINTS
from trainset.core.keymap import key_of, keymap
from trainset.core.model import Label
from trainset.core.protocols import Context, Key, View
from trainset.core.queue import Entry, Picked
from trainset.core.reviewing import Keeping, outside_in_words
from trainset.core.scene import Size
from trainset.core.session import Session
from trainset.core.sitting import Notice
from trainset.core.tiles import Shown
from trainset.tui.canvas.blocks import SUBCELLS
from trainset.tui.dialogs.asking import AskLabel
from trainset.tui.dialogs.reading import Reading, key_table, prose, sections
from trainset.tui.prefetch import Prefetch
from trainset.tui.screens.base import LOOK, SessionScreen, loose_facts, strange
from trainset.tui.screens.review import ReviewScreen
from trainset.tui.terminal import Terminal
from trainset.tui.thumbnails import Drawn, Thumbnails
from trainset.tui.widgets.bars import Bar, digit_line, group_line, hints, key_line, key_name, left_in_words, status_line
from trainset.tui.widgets.tiles import Arrangement, Face, Look, Tiles, arrange

_MARKS = ("a…z", "outlier")
_FIRST_KEYS = [("accept", "accept the rest"), ("relabel 0", "label"), ("undo", "undo"), ("open", "open")]
_MORE_KEYS = [("turn 1", "next label"), ("go 1", "page"), ("sort", "order"), ("quit", "leave")]
_LAST_KEYS = [("undo", "undo"), ("turn 1", "next label"), ("go -1", "back"), ("quit", "leave")]
_OF_OBJECTS = [("remove", "not there"), ("finish", "anything missing?")]
_NAMED = [key for key in GRID_KEYS if key.command != "mark"]
"""What the palette lists: tiles are marked by what stands on them."""

_ORDERS = {"low": "lowest score first", "high": "highest score first", "queue": "as queued", "odd": "least alike first"}
_GATHER = 0.04
"""Seconds for which thumbnails that arrive are gathered before they are painted."""


class GridScreen(SessionScreen):
    """Shows a grid session."""

    def __init__(
        self,
        session: GridSession,
        make_view: Callable[[], View],
        context: Context,
        terminal: Terminal,
        prefetch: Prefetch,
        on_ready: Callable[[], None],
        min_look: float,
    ) -> None:
        super().__init__()
        self.session = session
        self._make_view, self._view_context, self._prefetch, self._min_look = make_view, context, prefetch, min_look
        self._terminal, self._on_ready = terminal, on_ready
        self._thumbnails = Thumbnails(make_view, context)
        self._arrived = 0
        self._counted: tuple[int, int, int] = (-1, 0, 0)
        self._arrangement: Arrangement | None = None
        self._commands: dict[str, Callable[[Any], None]] = {
            "mark": session.mark,
            "toggle": lambda _: session.mark(session.cursor),
            "accept": lambda _: session.accept(),
            "move": self._move,
            "relabel": self._relabel,
            "find-label": self._find_label,
            "remove": lambda _: session.remove(),
            "open": self._open_item,
            "undo": lambda _: session.undo(),
            "redo": lambda _: session.redo(),
            "go": session.go,
            "turn": session.turn,
            "find-group": self._find_group,
            "sort": lambda _: session.sort(),
            "finish": lambda _: session.finish(),
            "why": self._why,
            "guidelines": self._guidelines,
            "renderer": self._next_renderer,
            "help": self._help,
            "palette": lambda _: self.open_palette(_NAMED, self._keys, self._run),
            "home": lambda _: self._go_home(),
            "quit": lambda _: self.depart(self.app.exit),
        }

    def compose(self) -> ComposeResult:
        """Where one is; the tiles; the labels that digits give; how things stand; the keys."""
        yield Bar(id="where")
        yield Tiles(self._terminal, id="body")
        yield Bar(id="digits")
        yield Bar(id="status")
        yield Bar(id="keys")
        yield self.too_small_note()

    def on_mount(self) -> None:
        """The first page."""
        self._tiles = self.query_one(Tiles)
        self._gathering = self.set_interval(_GATHER, self._gather, pause=True)
        self.set_interval(LOOK, self._look)
        self._remind()
        self._keys = keymap(self.preferences.keys, "grid").bind(GRID_KEYS)
        self._hints = [key_name(self._key("mark", n)) for n in range(len(HINTS))]
        self.ask_repaint()

    def _key(self, what: str, argument: Any = None) -> str:
        """The key that does this, as Textual calls it; "" where none does."""
        return key_of(self._keys, what, argument) or ""

    def _named(self, what: str) -> str:
        return key_name(self._key(what))

    def _look(self) -> None:
        """Take in what happens beside this session."""
        if self.session.look_around():
            self.ask_repaint()

    def _remind(self) -> None:
        """Say that an edit was left undecided: it is taken up where items are edited."""
        desk = self.session.desk
        if isinstance(desk, Keeping) and (drafts := desk.drafts()):
            self.session.notice = Notice(f"{drafts[0].title}: `trainset review` offers it")

    def on_unmount(self) -> None:
        """Let go of the workers."""
        self._thumbnails.close()

    # -- what comes in --------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A key of the grid's; what a dialog left unused does nothing."""
        if self.dialog is not None:
            return
        event.stop()
        event.prevent_default()
        key = next((key for key in self._keys if key.key == event.key), None)
        if key is not None and (not self.too_small or key.command == "quit"):
            self._run(key)
        elif key is None and (notice := strange(event)):
            self.session.notice = notice
            self.ask_repaint()

    def _run(self, key: Key) -> None:
        self._commands[key.command](key.argument)
        self.ask_repaint()

    def on_tiles_pressed(self, event: Tiles.Pressed) -> None:
        """A click marks, with the right button it opens."""
        if self.dialog is None and event.number < len(self.session.page):
            if event.button == 1:
                self.session.mark(event.number)
            else:
                self.session.cursor = event.number
                self._open_item(None)
            self.ask_repaint()

    def on_tiles_turned(self, event: Tiles.Turned) -> None:
        """The wheel turns pages."""
        if self.dialog is None:
            self.session.go(event.by)
            self.ask_repaint()

    def on_tiles_resized(self) -> None:
        """The tiles have other room."""
        self.ask_repaint()

    def _gather(self) -> None:
        """Paint the thumbnails that arrived."""
        if self._arrived != self._thumbnails.arrived:
            self._arrived = self._thumbnails.arrived
            self.ask_repaint()

    # -- painting -------------------------------------------------------------------------------------------

    def repaint(self) -> None:
        """The page as it stands, with the thumbnails that are there."""
        room, session = self._tiles.room, self.session
        if self.too_small or not room.columns or not room.rows or self.app.screen is not self:
            return
        session.resize(arrange(room, MOST).count)
        if session.page:
            arrangement = self._arrangement = arrange(room, len(session.page))
            wanted = [(shown, arrangement.picture) for shown in session.page]
            drawn = self._thumbnails.want(wanted, self._terminal)
            self._tiles.paint(
                [self._face(n, *pair) for n, pair in enumerate(zip(session.page, drawn, strict=True))], arrangement
            )
            if None in drawn:
                self._gathering.resume()
            else:
                self._gathering.pause()
                self.call_after_refresh(self._painted, session.page, drawn, wanted)
        else:
            self._tiles.say(self._nothing_left())
        self._tell()

    def _painted(self, page: tuple[Shown, ...], drawn: list[Drawn | None], wanted: list[tuple[Shown, Size]]) -> None:
        if page is self.session.page:
            self.session.shown(
                [s.tile.name for s, picture in zip(page, drawn, strict=True) if isinstance(picture, str)]
            )
            if ahead := self.session.ahead():
                size = arrange(self._tiles.room, len(ahead)).picture
                self._thumbnails.want([*wanted, *((shown, size) for shown in ahead)], self._terminal)
        self._on_ready()

    def _face(self, number: int, shown: Shown, picture: Drawn | None) -> Face:
        look, text = self._says(shown)
        score = "" if shown.tile.score is None else f"{shown.tile.score:.2f}".removeprefix("0")
        head = text or f"{score} {shown.item.key.rpartition('/')[2]}"
        return Face(self._hints[number], head, picture, look, number == self.session.cursor)

    def _says(self, shown: Shown) -> tuple[Look, str]:
        """How a tile looks, and what its head says of it where that is not its score."""
        session, task = self.session, self.session.task
        mark, standing = session.mark_of(shown), session.standing_of(shown)
        said = mark if mark and mark != standing else None
        if said is not None:
            words = {"rejected": "✗ outlier", "removed": "✗ not there"}
            label = task.label(said.label or "")
            return (
                ("changed", f"→ {label.title if label else said.label}") if said.label else ("out", words[said.verdict])
            )
        if standing is not None:
            label = task.label(standing.label or "")
            return "decided", f"✓ {label.title if label else standing.verdict}"
        return ("closed", f"· {shown.taken}") if shown.taken else ("plain", "")

    def _tell(self) -> None:
        session, desk = self.session, self.session.desk
        if self._counted[0] != session.records:
            self._counted = (session.records, desk.uncommitted(), desk.finished())
        _, uncommitted, finished = self._counted
        cells = self.size.width - 2
        under = session.under_cursor
        title = session.group.title(session.task) if session.group else "nothing"
        at_most = "≤ " if session.group and session.group.at_most else ""
        place = f"page {session.number} · {_ORDERS[session.order]}"
        key = under.item.key if under else ""
        self.query_one("#where", Bar).say(
            group_line(session.task.name, title, key, place, f"{at_most}{left_in_words(desk, session.left)}", cells)
        )
        self.query_one("#digits", Bar).say(digit_line(session.task.active, cells, self._named("find-label")))
        facts = [f"undo {session.undo_depth}", *loose_facts(desk, uncommitted), self._terminal.title]
        facts += self.pace(session.desk, session.left, "a tile")
        if finished:
            facts.insert(0, f"{finished:,} finished but for {self._named('finish')}")
        self.query_one("#status", Bar).say(status_line(session.notice, session.records, facts, cells))
        self.alert(session.notice)
        objects = under is not None and under.tile.object is not None
        words = [*_FIRST_KEYS, *(_OF_OBJECTS if objects or finished else []), *_MORE_KEYS]
        keys = [_MARKS, *hints(self._keys, words)] if session.page else hints(self._keys, _LAST_KEYS)
        self.query_one("#keys", Bar).say(key_line(keys, cells, self._named("help")))

    def _nothing_left(self) -> list[tuple[str, bool]]:
        session, desk = self.session, self.session.desk
        waiting, finished = desk.waiting(), desk.finished()
        nothing = outside_in_words(desk) or f"Nothing is left for this grid of {session.task.name}"
        lines = [(nothing, True), ("", False)]
        if finished:
            lines.append(
                (
                    f"{finished:,} finished items wait for the word that nothing is missing: {self._named('finish')} shows them",
                    False,
                )
            )
        lines.append((f"{session.decided:,} decided in this session · {waiting:,} items wait in the queue", False))
        ways = [("turn 1", "looks at another label"), ("go -1", "goes back"), ("undo", "undoes"), ("quit", "leaves")]
        return [*lines, ("", False), (" · ".join(map(" ".join, hints(self._keys, ways))), False)]

    # -- commands -------------------------------------------------------------------------------------------

    def _move(self, by: tuple[int, int]) -> None:
        across = self._arrangement.across if self._arrangement else 1
        self.session.move(by[0] + by[1] * across)

    def _relabel(self, number: int) -> None:
        labels = self.session.task.active
        if number < len(labels):
            self.session.label(labels[number].id)

    def _find_label(self, _: Any) -> None:
        def give(label: str | None) -> None:
            if label is not None:
                self.session.label(label)

        if self.session.page and self.session.task.active:
            self.ask(AskLabel(self.session.labels()), give)

    def _find_group(self, _: Any) -> None:
        session = self.session

        def choose(number: str | None) -> None:
            if number is not None:
                session.choose(session.groups[int(number)])

        titles = [f"{group.title(session.task)} · {group.count:,}" for group in session.groups]
        self.ask(
            AskLabel([Label(id=str(n), index=n, name=x) for n, x in enumerate(titles)], "Find a label to look at"),
            choose,
        )

    def _open_item(self, _: Any) -> None:
        """The item under the cursor in the item screen; what was decided there is part of this session."""
        shown = self.session.under_cursor
        if shown is None:
            return
        entry = Entry(shown.item.key, shown.tile.score or 0.0, "you opened it from the grid")
        opened = Session(
            self.session.desk, self._make_view, self._view_context, min_look=self._min_look, queue=Picked((entry,))
        )
        if shown.tile.object is not None:
            opened.command("select", shown.tile.object)

        def leave() -> None:
            if self.app.screen is not self:
                self.app.pop_screen()
                self.session.returned(opened)
                self.ask_repaint()

        self.app.push_screen(ReviewScreen(opened, self._terminal, self._prefetch, leave=leave))

    def _why(self, _: Any) -> None:
        shown, desk = self.session.under_cursor, self.session.desk
        if shown is not None:
            parts = [("Item", [shown.item.key]), ("Why", desk.why(shown.item)), ("History", desk.history(shown.item))]
            self.ask(Reading("Why is it here?", sections(parts), self._key("why")), lambda _: None)

    def _go_home(self) -> None:
        if (home := self.home) is None:
            self.session.notice = Notice("there is no way home from here: q leaves", "refused")
        else:
            home()
            self.app.exit()

    def _guidelines(self, _: Any) -> None:
        task = self.session.task
        self.ask(
            Reading(f"Guidelines for {task.name}", prose(task.guidelines), self._key("guidelines")), lambda _: None
        )

    def _help(self, _: Any) -> None:
        by = {key.command: key.help for key in GRID_KEYS}
        rest = [key for key in self._keys if key.command not in ("mark", "relabel")]
        keys = [Key("a…z", "mark", by["mark"]), *rest, Key("1…0", "relabel", by["relabel"])]
        self.ask(Reading("Keys", key_table([("Grid", keys)]), self._key("help")), lambda _: None)

    def _next_renderer(self, _: Any) -> None:
        kinds = list(SUBCELLS)
        if self._terminal.depth != "mono":
            self._terminal = replace(
                self._terminal, renderer=kinds[(kinds.index(self._terminal.renderer) + 1) % len(kinds)]
            )
