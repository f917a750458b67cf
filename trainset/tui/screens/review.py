"""The review screen: keys change the session, and one repaint shows whatever they changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from trainset.core.keys import CORE_KEYS
from trainset.core.model import Item
from trainset.core.protocols import Effect
from trainset.core.session import Notice, Session, Sitting
from trainset.errors import TrainsetError
from trainset.tui.canvas.blocks import SUBCELLS
from trainset.tui.dialogs.asking import AskLabel, AskText
from trainset.tui.dialogs.attributes import AskAttributes, Changes, Slot
from trainset.tui.dialogs.dialog import Answer, Dialog
from trainset.tui.dialogs.reading import Reading, key_table, prose, sections
from trainset.tui.prefetch import Prefetch
from trainset.tui.terminal import Terminal
from trainset.tui.widgets.bars import Bar, key_line, status_line, view_keys, where_line
from trainset.tui.widgets.canvas import Canvas
from trainset.tui.widgets.side import Side

_KEYS = {key.key: key for key in CORE_KEYS}
_FIRST_KEYS = [("a", "accept"), ("x", "reject"), ("N", "nothing"), ("f", "flag"), ("u", "undo"), ("1-9", "label")]
_AHEAD = 3
_LAST_KEYS = [("p", "back"), ("u", "undo"), ("q", "leave")]


class ReviewScreen(Screen[None]):
    """Shows a session."""

    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-normal"), (150, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (32, "-high")]  # noqa: RUF012

    def __init__(self, session: Session, terminal: Terminal, prefetch: Prefetch, on_ready: Callable[[], None]) -> None:
        super().__init__()
        self.session = session
        self._terminal, self._prefetch, self._on_ready = terminal, prefetch, on_ready
        self._repaint_asked = False
        self._opened: Sitting | None = None
        self._dialog: Dialog[Any] | None = None
        self._uncommitted: tuple[int, int] = (-1, 0)
        self._about: tuple[Sitting | None, int, str, Sequence[str]] = (None, -1, "", ())
        self._commands: dict[str, Callable[[Any], None]] = {
            "accept": lambda _: session.accept(),
            "reject": lambda _: session.reject(),
            "nothing": lambda _: session.nothing_here(),
            "flag": self._flag,
            "skip": lambda _: session.skip(),
            "undo": lambda _: session.undo(),
            "redo": lambda _: session.redo(),
            "go": session.go,
            "relabel": self._relabel,
            "find-label": lambda _: self._find_label("label"),
            "attributes": self._attributes,
            "comment": self._comment,
            "why": self._why,
            "guidelines": self._guidelines,
            "jump": self._jump,
            "overlays": self._toggle_overlays,
            "renderer": self._next_renderer,
            "fit": lambda _: self._canvas.fit(),
            "zoom": self._zoom,
            "pan": lambda by: self._canvas.pan(*by),
            "help": self._help,
            "quit": lambda _: self.app.exit(),
        }

    def compose(self) -> ComposeResult:
        """Where one is; the canvas and what belongs to it; how things stand; the keys."""
        yield Bar(id="where")
        with Horizontal(id="body"):
            yield Canvas(self._terminal, id="canvas")
            yield Side(id="side")
        yield Bar(id="status")
        yield Bar(id="keys")
        yield Static(Content("This terminal is too small to judge anything in.\ntrainset needs 60 × 16."), id="small")

    def on_mount(self) -> None:
        """The first item."""
        self._canvas = self.query_one(Canvas)
        self.ask_repaint()

    # -- what comes in --------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A key of the core's, or else of the view's; what a dialog left unused does nothing."""
        if self._dialog is not None:
            return
        event.stop()
        event.prevent_default()
        view = self.session.sitting.view if self.session.sitting else None
        own = _KEYS.get(event.key)
        key = own or next((k for k in (view.keys if view else ()) if k.key == event.key), None)
        if key is None or (self._too_small and key.command != "quit"):
            return
        command = self._commands.get(key.command) if own else None
        if command is not None:
            command(key.argument)
        else:
            self._effect(self.session.command(key.command, key.argument))
        self.ask_repaint()

    def on_canvas_pointer(self, event: Canvas.Pointer) -> None:
        """The pointer, for the view."""
        if self._dialog is None:
            self._effect(self.session.command(event.command, at=event.at))
            self.ask_repaint()

    def on_canvas_moved(self) -> None:
        """The canvas shows another part, or has another size."""
        self.ask_repaint()

    def on_resize(self) -> None:
        """Another size."""
        self.ask_repaint()

    def _effect(self, effect: Effect | None) -> None:
        if effect is None:
            return
        if effect.region is not None:
            self._canvas.reveal(effect.region)
        if effect.label is not None:
            self._find_label(effect.label)

    # -- painting -------------------------------------------------------------------------------------------

    @property
    def _too_small(self) -> bool:
        return self.size.width < 60 or self.size.height < 16

    def ask_repaint(self) -> None:
        """Repaint once, after the keys that already wait have been carried out."""
        if not self._repaint_asked:
            self._repaint_asked = True
            self.call_later(self._repaint)

    def _repaint(self) -> None:
        self._repaint_asked = False
        sitting = self.session.sitting
        if sitting is None:
            self._canvas.say(self._nothing_left())
        elif sitting is not self._opened:
            if sitting.view is None:
                self._canvas.say([("This item cannot be shown", True), ("", False), (sitting.error, False)])
            else:
                self._canvas.open(sitting.view)
        self._opened = sitting
        painted = not self._too_small and self._canvas.rebuild()
        self._tell(sitting)
        if painted:
            self.call_after_refresh(self._painted, sitting)

    def _painted(self, sitting: Sitting | None) -> None:
        if sitting is self.session.sitting:
            self.session.shown()
            self._prefetch.load(self._items_ahead())
        self._on_ready()

    def _items_ahead(self) -> list[Item]:
        try:
            return [self.session.desk.item(entry.key) for entry in self.session.upcoming(_AHEAD)]
        except TrainsetError:  # it is said when the item's turn comes
            return []

    def _tell(self, sitting: Sitting | None) -> None:
        session, desk = self.session, self.session.desk
        if self._uncommitted[0] != session.records:
            self._uncommitted = (session.records, desk.uncommitted())
        if self._about[0] is not sitting or self._about[1] != session.records:
            state: str = desk.state(sitting.item) if sitting else ""
            why = desk.why(sitting.item) if sitting else ()
            self._about = (sitting, session.records, state, why)
        _, uncommitted = self._uncommitted
        _, _, state, why = self._about
        cells = self.size.width - 2
        view = sitting.view if sitting else None
        key, ranked = (sitting.item.key, sitting.entry.reason) if sitting else ("", "")
        self.query_one("#where", Bar).say(where_line(session.task.name, key, state, (*why, ranked)[0], session.left, cells))
        facts = [f"undo {session.undo_depth}", f"{uncommitted:,} uncommitted", self._canvas.terminal.title]
        if sitting and sitting.aside.note:
            facts.insert(0, "; commented")
        if not self._canvas.overlays:
            facts.insert(0, "overlays hidden")
        self.query_one("#status", Bar).say(status_line(session.notice, session.records, facts, cells))
        keys = [*_FIRST_KEYS, *(view_keys(view.keys) if view else [])] if sitting else _LAST_KEYS
        self.query_one("#keys", Bar).say(key_line(keys, cells))
        lines = view.lines() if view else ()
        self.query_one(Side).display = sitting is not None
        self.query_one(Side).show(lines, session.task.active if view else (), None, why)

    def _nothing_left(self) -> list[tuple[str, bool]]:
        session = self.session
        waiting, uncommitted = session.desk.waiting(), session.desk.uncommitted()
        lines = [(f"Nothing waits for you in {session.task.name}", True), ("", False)]
        if waiting:
            lines[0] = (f"You are through: {waiting:,} in {session.task.name} wait for others", True)
        lines.append((f"{session.decided:,} decided in this session · {uncommitted:,} not committed yet", False))
        after = "`trainset commit` puts them into the history" if uncommitted else "everything is in the history"
        return [*lines, (after, False), ("", False), ("p goes back · u undoes · q leaves", False)]

    # -- commands that ask ----------------------------------------------------------------------------------

    def _ask(self, dialog: Dialog[Answer], then: Callable[[Answer | None], None]) -> None:
        """Open a dialog, and repaint after its answer was dealt with."""

        def close(answer: Answer | None) -> None:
            self._dialog = None
            then(answer)
            self.ask_repaint()

        dialog.then = close
        self._dialog = dialog
        self.mount(dialog)

    def _relabel(self, number: int) -> None:
        labels = self.session.task.active
        if number < len(labels):
            self._effect(self.session.label(labels[number].id))

    def _find_label(self, command: str) -> None:
        def give(label: str | None) -> None:
            if label is not None:
                self._effect(self.session.label(label, command))

        if self.session.sitting and self.session.task.active:
            self._ask(AskLabel(self.session.labels()), give)

    def _flag(self, _: Any) -> None:
        def flag(note: str | None) -> None:
            if note is not None:
                self.session.flag(note)

        if self.session.sitting:
            self._ask(AskText("Flag it: what should somebody look at?", self._note), flag)

    def _comment(self, _: Any) -> None:
        def comment(note: str | None) -> None:
            if note is not None:
                self.session.comment(note)

        if self.session.sitting:
            self._ask(AskText("Comment, kept with your decision", self._note), comment)

    @property
    def _note(self) -> str:
        return (self.session.sitting.aside.note or "") if self.session.sitting else ""

    def _jump(self, _: Any) -> None:
        def jump(text: str | None) -> None:
            if text:
                self.session.jump(text)

        self._ask(AskText("Go to the item with this in its key"), jump)

    def _attributes(self, _: Any) -> None:
        session, sitting = self.session, self.session.sitting
        if sitting is None or sitting.view is None:
            return
        chosen = session.selected
        of_object = session.task.attributes_of("object", chosen.label) if chosen else ()
        slots = [Slot("object", a, chosen.attributes.get(a.name)) for a in of_object if chosen]
        slots += [Slot("item", a, sitting.aside.attributes.get(a.name)) for a in session.task.attributes_of("item")]

        def put(changes: Changes | None) -> None:
            for (of, name), value in (changes or {}).items():
                (session.set_attribute if of == "object" else session.set_item_attribute)(name, value)

        if slots:
            self._ask(AskAttributes(f"Attributes of {sitting.item.key}", slots), put)
        else:
            session.notice = Notice("no attributes are declared for this: trainset.toml declares them", "refused")

    # -- commands that tell ---------------------------------------------------------------------------------

    def _why(self, _: Any) -> None:
        sitting, desk = self.session.sitting, self.session.desk
        if sitting is not None:
            said = [f"{name}: {len(annotations)} objects" for name, annotations in sitting.versions.items()]
            queue = [f"{sitting.entry.reason} (priority {sitting.entry.priority:.3g})"]
            parts = [("Why", desk.why(sitting.item)), ("In the queue", queue)]
            parts += [("Versions", said), ("History", desk.history(sitting.item))]
            self._ask(Reading("Why am I seeing this?", sections(parts), "e"), lambda _: None)

    def _guidelines(self, _: Any) -> None:
        task = self.session.task
        self._ask(Reading(f"Guidelines for {task.name}", prose(task.guidelines), "g"), lambda _: None)

    def _help(self, _: Any) -> None:
        view = self.session.sitting.view if self.session.sitting else None
        groups = [("This view", view.keys if view else ()), ("Everywhere", CORE_KEYS)]
        self._ask(Reading("Keys", key_table(groups), "question_mark"), lambda _: None)

    def _zoom(self, factor: float) -> None:
        self._canvas.zoom(factor)

    def _toggle_overlays(self, _: Any) -> None:
        self._canvas.overlays = not self._canvas.overlays

    def _next_renderer(self, _: Any) -> None:
        kinds = list(SUBCELLS)
        if self._canvas.terminal.depth != "mono":
            self._canvas.use(kinds[(kinds.index(self._canvas.terminal.renderer) + 1) % len(kinds)])
