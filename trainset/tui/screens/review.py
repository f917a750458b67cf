"""The review screen: keys change the session, and one repaint shows whatever they changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from trainset.core.drafts import Draft
from trainset.core.keymap import key_of, keymap
from trainset.core.keys import CORE_KEYS
from trainset.core.listing import Listing
from trainset.core.model import Item, Label
from trainset.core.presets import Place
from trainset.core.prompting import Answer
from trainset.core.protocols import Effect, Key, View
from trainset.core.queue import Entry
from trainset.core.reviewing import outside_in_words
from trainset.core.scene import Viewport
from trainset.core.session import Session
from trainset.core.sitting import Notice, Question, Sitting
from trainset.errors import TrainsetError
from trainset.tui.canvas.blocks import SUBCELLS
from trainset.tui.dialogs.asking import AskLabel, AskText
from trainset.tui.dialogs.attributes import AskAttributes, Changes, Slot
from trainset.tui.dialogs.choosing import Unfinished
from trainset.tui.dialogs.inspect import Inspect
from trainset.tui.dialogs.reading import Reading, key_table, prose, sections
from trainset.tui.prefetch import Prefetch
from trainset.tui.screens.base import LOOK, SessionScreen, loose_facts, strange
from trainset.tui.screens.queue import QueueScreen
from trainset.tui.terminal import Terminal
from trainset.tui.widgets.bars import Bar, hints, key_line, key_name, left_in_words, status_line, view_keys, where_line
from trainset.tui.widgets.canvas import Canvas
from trainset.tui.widgets.side import Side

_FIRST_KEYS = [("accept", "accept"), ("reject", "reject"), ("nothing", "nothing"), ("flag", "flag"), ("undo", "undo"),
               ("relabel 0", "label")]  # fmt: skip
_AHEAD = 3
_LAST_KEYS = [("go -1", "back"), ("undo", "undo"), ("quit", "leave")]


class ReviewScreen(SessionScreen):
    """Shows a session."""

    core_keys: Sequence[Key] = CORE_KEYS
    first_keys: Sequence[tuple[str, str]] = _FIRST_KEYS
    keys_of: Place = "item"

    def __init__(
        self,
        session: Session,
        terminal: Terminal,
        prefetch: Prefetch,
        on_ready: Callable[[], None] = lambda: None,
        leave: Callable[[], None] | None = None,
        reveal: Callable[[], None] | None = None,
    ) -> None:
        """`leave` is what to do when the reviewer leaves or nothing is left; without it the application ends with the one,
        and the other is said. `reveal` shows what was hidden of an item that was just decided blind."""
        super().__init__()
        self.session = session
        self._terminal, self._prefetch, self._on_ready = terminal, prefetch, on_ready
        self._leave, self._reveal = leave, reveal
        self._left = False
        self._steps = 0
        self._opened: Sitting | None = None
        self._uncommitted: tuple[int, int] = (-1, 0)
        self._unfinished: list[Draft] | None = None
        self._about: tuple[Sitting | None, int, str, Sequence[str]] = (None, -1, "", ())
        self._commands: dict[str, Callable[[Any], None]] = {
            "accept": lambda _: session.accept(),
            "reject": lambda _: session.reject(),
            "nothing": lambda _: session.nothing_here(),
            "flag": self._flag,
            "skip": lambda _: session.skip(),
            "undo": lambda _: session.undo(),
            "redo": lambda _: session.redo(),
            "go": self._go,
            "relabel": self._relabel,
            "find-label": lambda _: self._find_label("label"),
            "attributes": self._attributes,
            "comment": self._comment,
            "why": self._why,
            "guidelines": self._guidelines,
            "inspect": self._inspect,
            "jump": self._jump,
            "overlays": self._toggle_overlays,
            "renderer": self._next_renderer,
            "fit": lambda _: self._canvas.fit(),
            "zoom": self._zoom,
            "pan": lambda by: self._canvas.pan(*by),
            "help": self._help,
            "palette": self._palette,
            "queue": self._list,
            "home": self._go_home,
            "quit": lambda _: self._quit(),
        }

    def compose(self) -> ComposeResult:
        """Where one is; the canvas and what belongs to it; how things stand; the keys."""
        yield Bar(id="where")
        with Horizontal(id="body"):
            yield Canvas(self._terminal, id="canvas")
            yield Side(id="side")
        yield Bar(id="status")
        yield Bar(id="keys")
        yield self.too_small_note()

    def on_mount(self) -> None:
        """The first item."""
        self._canvas = self.query_one(Canvas)
        self._keymap = keymap(self.preferences.keys, self.keys_of)
        self._keys = self._keymap.bind(self.core_keys)
        self.query_one(Side).keys = (self._key("find-label"), self._key("why"))
        self.set_interval(LOOK, self._look)
        self.ask_repaint()

    def on_unmount(self) -> None:
        """Whatever is left undecided outlives this screen."""
        self.session.keep_draft()

    def _look(self) -> None:
        """Keep what was edited, and take in what happens beside this session."""
        self.session.keep_draft()
        if self.session.look_around():
            self.ask_repaint()

    def _key(self, what: str) -> str:
        """The key that does this, as Textual calls it; "" where none does."""
        return key_of(self._keys, what) or ""

    def _view_keys(self) -> tuple[Key, ...]:
        view = self.session.sitting.view if self.session.sitting else None
        return self._keymap.bind(view.keys) if view else ()

    # -- what comes in --------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A key of the core's, or else of the view's; what a dialog left unused does nothing."""
        if self.dialog is not None or self._left:
            return
        event.stop()
        event.prevent_default()
        own = next((key for key in self._keys if key.key == event.key), None)
        key = own or next((key for key in self._view_keys() if key.key == event.key), None)
        if key is not None and (not self.too_small or key.command == "quit"):
            self._run(key, own is not None)
        elif key is None and (notice := strange(event)):
            self.session.notice = notice
            self.ask_repaint()

    def _run(self, key: Key, own: bool) -> None:
        command = self._commands.get(key.command) if own else None
        if command != self._go:
            self._arrive()
        if command is not None:
            command(key.argument)
        else:
            at = None if own else self._canvas.pointer
            self._effect(self.session.command(key.command, key.argument, at))
        self.ask_repaint()

    def _quit(self) -> None:
        if self._leave is not None:
            self._leave()
        else:
            self.depart(self._end)

    def _end(self) -> None:
        self._left = True  # keys that wait must not open another screen while the application ends
        self.app.exit()

    def _go(self, by: int) -> None:
        """Count steps: of a held key's items, only the one is opened that stands there when it is painted."""
        self._steps += by

    def _arrive(self) -> None:
        """Take the steps that were counted."""
        by, self._steps = self._steps, 0
        if by:
            self.session.go(by)

    def on_canvas_pointer(self, event: Canvas.Pointer) -> None:
        """The pointer, for the view."""
        self._arrive()
        if self.dialog is None:
            self._effect(self.session.command(event.command, event.other or None, event.at))
            self.ask_repaint()

    def on_canvas_moved(self) -> None:
        """The canvas shows another part, or has another size."""
        self.ask_repaint()

    def _effect(self, effect: Effect | None) -> None:
        if effect is None:
            return
        if effect.region is not None:
            self._canvas.reveal(effect.region)
        if effect.label is not None and effect.choices:
            self._find_choice(effect.label, effect.choices)
        elif effect.label is not None:
            self._find_label(effect.label)
        if effect.prompt is not None:
            self.session.ask(effect, getattr(self.app, "assistant", None), self._answered)

    def _answered(self, question: Question, answer: Answer) -> None:
        """Called in the model's thread."""

        def take() -> None:
            self._effect(self.session.answered(question, answer))
            self.ask_repaint()

        self.call_later(take)

    # -- painting -------------------------------------------------------------------------------------------

    def repaint(self) -> None:
        """The item as it stands."""
        self._arrive()
        sitting = self.session.sitting
        if sitting is None and self._leave is not None:
            self._leave()
            return
        if sitting is None:
            self._canvas.say(self._nothing_left())
        elif sitting is not self._opened:
            if sitting.view is None:
                self._canvas.say([("This item cannot be shown", True), ("", False), (sitting.error, False)])
            else:
                self._present(sitting.view)
        fresh, self._opened = sitting is not self._opened, sitting
        if fresh and self.session.unveiled and self._reveal is not None:
            self._reveal()
            return
        painted = not self.too_small and self._rebuild()
        self._tell(sitting)
        if painted:
            self.call_after_refresh(self._painted, sitting)

    def _present(self, view: View) -> None:
        """Show an item from now on."""
        self._canvas.open(view)

    def _rebuild(self) -> bool:
        """Paint it; False where there is no room."""
        return self._canvas.rebuild()

    def _painted(self, sitting: Sitting | None) -> None:
        if sitting is self.session.sitting:
            self.session.shown()
            self._prefetch.load(self._items_ahead())
        self._on_ready()
        if self._unfinished is None and self._leave is None:
            self._unfinished = [*self.session.drafts()]
            self._offer()

    def _offer(self) -> None:
        """Ask of each edit that an earlier session left undecided, the latest last, whether to take it up."""
        if not self._unfinished:
            return
        draft = self._unfinished.pop()

        def answered(take_up: bool | None) -> None:
            if take_up is not None:
                (self.session.take_up if take_up else self.session.drop)(draft)
            self._offer()

        self.ask(Unfinished(draft), answered)

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
        self.query_one("#where", Bar).say(
            where_line(session.task.name, key, state, (*why, ranked)[0], left_in_words(desk, session.left), cells)
        )
        facts = [f"undo {session.undo_depth}", *loose_facts(desk, uncommitted), self._canvas.terminal.title]
        facts += self.pace(desk, session.left)
        if sitting and sitting.aside.note:
            facts.insert(0, f"{key_name(self._key('comment'))} commented")
        if session.asking:
            facts.insert(0, "the model works …")
        if not self._canvas.overlays:
            facts.insert(0, "overlays hidden")
        if sitting and sitting.blind:
            facts.insert(0, f"blind: {sitting.blind}")
        self.query_one("#status", Bar).say(status_line(session.notice, session.records, facts, cells))
        self.alert(session.notice)
        keys = hints(self._keys, self.first_keys if sitting else _LAST_KEYS) + view_keys(self._view_keys())
        self.query_one("#keys", Bar).say(key_line(keys, cells, key_name(self._key("help"))))
        self.query_one(Side).display = sitting is not None
        self._tell_side(view, why)

    def _tell_side(self, view: View | None, why: Sequence[str]) -> None:
        lines = view.lines() if view else ()
        self.query_one(Side).show(lines, self.session.task.active if view else (), None, why)

    def _nothing_left(self) -> list[tuple[str, bool]]:
        session = self.session
        waiting, uncommitted = session.desk.waiting(), session.desk.uncommitted()
        lines = [(f"Nothing waits for you in {session.task.name}", True), ("", False)]
        if waiting:
            lines[0] = (f"You are through: {waiting:,} in {session.task.name} wait for others", True)
        if outside := outside_in_words(session.desk):
            lines[0] = (outside, True)
        lines.append((f"{session.decided:,} decided in this session · {uncommitted:,} not committed yet", False))
        after = "`trainset commit` puts them into the history" if uncommitted else "everything is in the history"
        ways = hints(self._keys, [("go -1", "goes back"), ("undo", "undoes"), ("quit", "leaves")])
        return [*lines, (after, False), ("", False), (" · ".join(map(" ".join, ways)), False)]

    # -- commands that ask ----------------------------------------------------------------------------------

    def _relabel(self, number: int) -> None:
        labels = self.session.task.active
        if number < len(labels):
            self._effect(self.session.label(labels[number].id))

    def _find_label(self, command: str) -> None:
        def give(label: str | None) -> None:
            if label is not None:
                self._effect(self.session.label(label, command))

        if self.session.sitting and self.session.task.active:
            scores = {label: f"{score:.2f}" for label, score in self.session.likely.items()}
            self.ask(AskLabel(self.session.labels(), notes=scores), give)

    def _find_choice(self, command: str, choices: Sequence[tuple[str, str]]) -> None:
        def give(chosen: str | None) -> None:
            if chosen is not None:
                self._effect(self.session.command(command, chosen))

        named = [Label(id=id, index=n, name=name) for n, (id, name) in enumerate(choices)]
        self.ask(AskLabel(named, "Find one of these"), give)

    def _flag(self, _: Any) -> None:
        def flag(note: str | None) -> None:
            if note is not None:
                self.session.flag(note)

        if self.session.sitting:
            self.ask(AskText("Flag it: what should somebody look at?", self._note), flag)

    def _comment(self, _: Any) -> None:
        def comment(note: str | None) -> None:
            if note is not None:
                self.session.comment(note)

        if self.session.sitting:
            self.ask(AskText("Comment, kept with your decision", self._note), comment)

    @property
    def _note(self) -> str:
        return (self.session.sitting.aside.note or "") if self.session.sitting else ""

    def _jump(self, _: Any) -> None:
        def jump(text: str | None) -> None:
            if text:
                self.session.jump(text)

        self.ask(AskText("Go to the item with this in its key"), jump)

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
            self.ask(AskAttributes(f"Attributes of {sitting.item.key}", slots), put)
        else:
            session.notice = Notice("no attributes are declared for this: trainset.toml declares them", "refused")

    def _list(self, _: Any) -> None:
        def go(entry: Entry) -> None:
            self.session.visit(entry)
            self.ask_repaint()

        session = self.session
        key = session.sitting.item.key if session.sitting else None
        self.app.push_screen(QueueScreen(session.task.name, Listing(session.desk, session.queue), key, go))

    def _go_home(self, _: Any) -> None:
        if self._leave is not None:
            self.session.notice = Notice("finish this item first, or leave it with q", "refused")
        elif (home := self.home) is None:
            self.session.notice = Notice("there is no way home from here: q leaves", "refused")
        else:
            home()
            self._end()

    # -- commands that tell ---------------------------------------------------------------------------------

    def _why(self, _: Any) -> None:
        sitting, desk = self.session.sitting, self.session.desk
        if sitting is not None:
            said = [f"{name}: {len(annotations)} objects" for name, annotations in sitting.versions.items()]
            queue = [] if sitting.blind else [f"{sitting.entry.reason} (priority {sitting.entry.priority:.3g})"]
            parts = [("Why", desk.why(sitting.item)), ("In the queue", queue)]
            parts += [("Versions", said), ("History", desk.history(sitting.item))]
            self.ask(Reading("Why am I seeing this?", sections(parts), self._key("why")), lambda _: None)

    def _guidelines(self, _: Any) -> None:
        task = self.session.task
        self.ask(
            Reading(f"Guidelines for {task.name}", prose(task.guidelines), self._key("guidelines")), lambda _: None
        )

    def _help(self, _: Any) -> None:
        groups = [("This view", self._view_keys()), ("Everywhere", self._keys)]
        self.ask(Reading("Keys", key_table(groups), self._key("help")), lambda _: None)

    def _palette(self, _: Any) -> None:
        view = self.session.sitting.view if self.session.sitting else None
        keys = (*self.core_keys, *(view.keys if view else ()))
        self.open_palette(keys, (*self._keys, *self._view_keys()), lambda key: self._run(key, key in self.core_keys))

    def _inspect(self, _: Any) -> None:
        sitting, canvas = self.session.sitting, self._canvas
        view = sitting.view if sitting else None
        if view is not None and view.scene(Viewport(canvas.room)).pictures:
            dialog = Inspect(view, canvas.part, canvas.terminal, canvas.overlays, self._key("inspect"))
            self.ask(dialog, lambda _: None)
        else:
            self.session.notice = Notice("there is no picture to look at", "refused")

    def _zoom(self, factor: float) -> None:
        self._canvas.zoom(factor)

    def _toggle_overlays(self, _: Any) -> None:
        self._canvas.overlays = not self._canvas.overlays

    def _next_renderer(self, _: Any) -> None:
        kinds = list(SUBCELLS)
        if self._canvas.terminal.depth != "mono":
            self._canvas.use(kinds[(kinds.index(self._canvas.terminal.renderer) + 1) % len(kinds)])
