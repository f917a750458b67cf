"""One review session: the current item, its edits, undo and redo, and what gets recorded. Pure of any terminal."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trainset.core.comparing import differences
from trainset.core.model import Annotation, AttributeValue, Item, Label, Task, Verdict
from trainset.core.protocols import Change, Context, Effect, View
from trainset.core.queue import Entry, Queue
from trainset.core.reviewing import Blinding, Desk
from trainset.core.scene import Point
from trainset.core.sitting import Aside, Decided, Notice, Sitting, Step, in_words, missing_attribute
from trainset.core.walk import Walk
from trainset.errors import TrainsetError

KEPT_SITTINGS = 8
"""Items kept open behind the present one, so that undo and going back find their edits as they were left."""


class Session:
    """Takes one reviewer through the queue.

    `make_view` gives a fresh view for each item. A decision counts only when the item has been shown (`shown`) for
    `min_look` seconds. Pauses beyond `idle` seconds are not counted as time on the item. `clock` gives seconds. `queue`
    is what to go through, the desk's where it is not given.
    """

    def __init__(
        self,
        desk: Desk,
        make_view: Callable[[], View],
        context: Context,
        *,
        min_look: float = 0.15,
        idle: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        queue: Queue | None = None,
    ) -> None:
        self.desk = desk
        self.notice = Notice()
        self.sitting: Sitting | None = None
        self.recent: list[str] = []
        self.records = 0
        """How many records this session wrote, withdrawals among them: what counts in the dataset follows it."""
        self.unveiled = False
        """Whether the present item was just decided blind, and what was hidden says something else."""
        self._make_view, self._context = make_view, context
        self._min_look, self._idle, self._clock = min_look, idle, clock
        self._walk = Walk(desk.queue() if queue is None else queue)
        self._sittings: OrderedDict[str, Sitting] = OrderedDict()
        self._history: list[Decided] = []
        self._withdrawn: list[Decided] = []
        self._shown_at: float | None = None
        self._touched = clock()
        self._open()

    # -- what the screen reads ------------------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """The task under review."""
        return self.desk.task

    @property
    def decided(self) -> int:
        """How many decisions of this session stand."""
        return len(self._history)

    @property
    def standing(self) -> Sequence[Decided]:
        """The decisions of this session that stand, the earliest first."""
        return tuple(self._history)

    @property
    def left(self) -> int:
        """How many items of this session's queue are not decided yet."""
        return len(self._walk) - len({d.item.key for d in self._history})

    @property
    def undo_depth(self) -> int:
        """How many steps `undo` can go back: edits of this item, then decisions."""
        return len(self._history) + (len(self.sitting.steps) if self.sitting else 0)

    @property
    def verdict(self) -> Verdict | None:
        """This session's standing decision on the present item, if there is one."""
        key = self.sitting.item.key if self.sitting else None
        return next((d.verdict for d in reversed(self._history) if d.item.key == key), None)

    @property
    def selected(self) -> Annotation | None:
        """The annotation that is selected in the view."""
        if self.sitting is None or self.sitting.view is None:
            return None
        chosen = next((line.id for line in self.sitting.view.lines() if line.selected), None)
        return next((a for a in self.sitting.annotations if a.id == chosen), None)

    def upcoming(self, count: int) -> Sequence[Entry]:
        """The next entries of the queue, for loading ahead."""
        return self._walk.upcoming(count)

    def labels(self) -> list[Label]:
        """The labels one may give: the five that models favour here, then those lately used, then the rest."""
        active = {label.id: label for label in self.task.active}
        versions = self.sitting.versions.values() if self.sitting else ()
        scored = sorted((a for v in versions for a in v if a.label), key=lambda a: -(a.score or 0.0))
        favoured = list(dict.fromkeys(a.label for a in scored if a.label in active))[:5]
        order = dict.fromkeys([*favoured, *(x for x in self.recent if x in active), *active])
        return [active[name] for name in order if name is not None]

    # -- moving ---------------------------------------------------------------------------------------------

    def shown(self) -> None:
        """The present item has reached the screen: from now on it can be decided."""
        if self._shown_at is None:
            self._shown_at = self._clock()

    def go(self, by: int) -> None:
        """Move through the queue by entries, decided ones included."""
        self._touch()
        if self._walk.step(by):
            self.notice = Notice()
            self._open()
        else:
            self.notice = Notice("this is the end of the queue" if by > 0 else "this is the start of the queue")

    def skip(self) -> None:
        """Leave the item undecided; it comes round again when the rest is done."""
        self._touch()
        self.notice = Notice("skipped: nothing was written")
        self._advance()

    def jump(self, text: str) -> None:
        """Go to the next item whose key contains `text`, whatever its case; or to the item with exactly this key."""
        self._touch()
        if not self._walk.find(text):
            try:
                item = self.desk.item(text)
            except TrainsetError:
                self.notice = Notice(f"no item in the queue has {text!r} in its key", "refused")
                return
            self._walk.insert(Entry(item.key, 0.0, "you asked for it"))
        self.notice = Notice()
        self._open()

    def _advance(self) -> None:
        before = self._walk.entry
        if self._walk.next_open({d.item.key for d in self._history}):
            what = "this item is the last one left" if self._walk.entry == before else "now what was passed over"
            self.notice = replace(self.notice, text=f"{self.notice.text} · {what}")
        self._open()

    def _return_to(self, decision: Decided) -> None:
        self._walk.back_to(decision.entry)
        self._open()

    def _open(self) -> None:
        self._shown_at = None
        self.unveiled = False
        self._touched = self._clock()
        entry = self._walk.entry
        if entry is None:
            self.sitting = None
            return
        self.sitting = self._sittings.pop(entry.key, None) or self._sit(entry)
        self._sittings[entry.key] = self.sitting
        while len(self._sittings) > KEPT_SITTINGS + 1:
            self._sittings.popitem(last=False)

    def _show(self, view: View, item: Item, versions: Mapping[str, Sequence[Annotation]]) -> None:
        view.open(item, versions, self._context)
        if self.recent:
            view.do("recent", None, self.recent[0])

    def _sit(self, entry: Entry) -> Sitting:
        item = Item(key=entry.key)
        try:
            item = self.desk.item(entry.key)
            versions = dict(self.desk.versions(item))
            view = self._make_view()
            self._show(view, item, versions)
            aside = Aside(dict(self.desk.item_attributes(item)))
            objects = tuple(a.id for a in self._context.objects(item)) if self.task.on else ()
            blind = self.desk.blind(item) if isinstance(self.desk, Blinding) else ""
            proposed = bool(versions) and not blind and self.desk.state(item) != "unlabelled"
        except TrainsetError as error:
            return Sitting(entry, item, error=in_words(error))
        opened = view.annotations()
        return Sitting(
            entry,
            item,
            view,
            versions=versions,
            proposed=proposed,
            opened=opened,
            objects=objects,
            aside=aside,
            blind=blind,
        )

    def begin_with(self, annotations: Sequence[Annotation], attributes: Mapping[str, AttributeValue]) -> None:
        """Start the present item from these instead of from what the desk gave first."""
        sitting = self.sitting
        if sitting is not None and sitting.view is not None:
            sitting.versions = {"merged": tuple(annotations), **sitting.versions}
            self._show(sitting.view, sitting.item, sitting.versions)
            sitting.opened = sitting.view.annotations()
            sitting.aside = replace(sitting.aside, attributes=dict(attributes))

    # -- editing --------------------------------------------------------------------------------------------

    def command(self, name: str, argument: Any = None, at: Point | None = None) -> Effect | None:
        """Have the view carry out a command; an edit becomes undoable, an effect is the screen's to carry out."""
        self._touch()
        if self.sitting is None or self.sitting.view is None:
            return None
        result = self.sitting.view.do(name, at, argument)
        if isinstance(result, Change):
            self._edited(Step(result.text, result))
            return None
        if result is not None and result.message:
            self.notice = Notice(result.message)
        return result

    def label(self, label: str, command: str = "label") -> Effect | None:
        """Give a label (by id) to the selected object or the item; `command` is what asked for it."""
        self.recent = [label, *(x for x in self.recent if x != label)][:5]
        return self.command(command, label)

    def set_attribute(self, name: str, value: AttributeValue) -> None:
        """Set (or with None clear) a declared attribute of the selected object."""
        self.command("attribute", (name, value))

    def set_item_attribute(self, name: str, value: AttributeValue) -> None:
        """Set (or with None clear) a declared attribute of the item."""
        if self.sitting is not None:
            attributes = {k: v for k, v in self.sitting.aside.attributes.items() if k != name}
            if value is not None:
                attributes[name] = value
            self._put_aside(f"{name} of the item", replace(self.sitting.aside, attributes=attributes))

    def comment(self, text: str) -> None:
        """Set the note that goes with the next decision on this item."""
        if self.sitting is not None:
            self._put_aside("comment", replace(self.sitting.aside, note=text.strip() or None))

    def _put_aside(self, text: str, after: Aside) -> None:
        self._touch()
        sitting = self.sitting
        if sitting is not None and after != sitting.aside:
            step = Step(text, before=sitting.aside, after=after)
            sitting.aside = after
            self._edited(step)

    def _edited(self, step: Step) -> None:
        assert self.sitting is not None
        self.sitting.steps.append(step)
        self.sitting.undone.clear()
        self._withdrawn.clear()
        self.notice = Notice(step.text)

    # -- deciding -------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Take the annotations as they stand: `accepted` where they are the proposal's, else `corrected`."""
        sitting = self._ready()
        if sitting is None:
            return
        if self.unveiled and not sitting.steps:
            self.keep()
        elif left := len(set(sitting.objects) - {a.id for a in sitting.annotations}):
            text = f"{left} of {len(sitting.objects)} {self.task.on} without an answer: tab selects them"
            self.notice = Notice(text, "refused")
        elif not sitting.proposed and not sitting.annotations:
            self.notice = Notice("nothing is proposed or drawn: N says that there is nothing here", "refused")
        elif missing := missing_attribute(self.task, sitting.aside.attributes, sitting.annotations):
            self.notice = Notice(f"{missing} is required: A opens the attributes", "refused")
        else:
            unchanged = sitting.proposed and not sitting.edited
            self._decide(sitting, "accepted" if unchanged else "corrected", sitting.annotations)

    def nothing_here(self) -> None:
        """Decide that there is nothing to label on this item."""
        sitting = self._ready()
        if sitting is None:
            return
        if self.task.on:
            self.notice = Notice(f"what is there is for {self.task.on} to say: f flags it, s skips it", "refused")
        elif missing := missing_attribute(self.task, sitting.aside.attributes, ()):
            self.notice = Notice(f"{missing} is required: A opens the attributes", "refused")
        else:
            self._decide(sitting, "corrected", ())

    def reject(self) -> None:
        """Say that the proposal is wrong without a better answer: the item goes back to the queue."""
        sitting = self._ready()
        if sitting is None:
            return
        if not sitting.proposed:
            self.notice = Notice("there is no proposal to reject: f flags the item, s skips it", "refused")
        else:
            self._decide(sitting, "rejected", None)

    def flag(self, note: str = "") -> None:
        """Flag the item for somebody else to look at, saying why."""
        sitting = self._ready(readable=False)
        if sitting is not None:
            if note.strip():
                sitting.aside = replace(sitting.aside, note=note.strip())
            self._decide(sitting, "flagged", None)

    def _ready(self, readable: bool = True) -> Sitting | None:
        """The sitting if it may be decided now; otherwise None, and the notice says why."""
        self._touch()
        if self.sitting is None:
            return None
        if readable and self.sitting.view is None:
            self.notice = Notice("this item cannot be shown, so not decided: f flags it, s skips it", "refused")
            return None
        if self._shown_at is None or self._clock() - self._shown_at < self._min_look:
            self.notice = Notice("too quick: the item was not on the screen yet, and nothing was written", "refused")
            return None
        return self.sitting

    def _decide(self, sitting: Sitting, verdict: Verdict, annotations: tuple[Annotation, ...] | None) -> None:
        # Of a blind decision the edits were made on a view that is not opened again.
        seconds, steps = round(sitting.seconds, 1), () if sitting.blind else tuple(sitting.steps)
        decision = Decided(sitting.entry, sitting.item, verdict, annotations, sitting.aside, seconds, steps)
        if self._record(decision):
            self._withdrawn.clear()
            if not (sitting.blind and annotations is not None and self._unveil()):
                self._advance()

    def _unveil(self) -> bool:
        """Open the item that was decided blind with all that there is; whether that says something else."""
        assert self.sitting is not None
        item, desk = self.sitting.item, self.desk
        self._sittings.pop(item.key, None)
        self._open()
        if not isinstance(desk, Blinding) or self.sitting.view is None:
            return False
        rivals = desk.rivals(item, model=True)
        found = differences(rivals, self.task, item, self._context.similarity)
        self.unveiled = any(difference.facets for difference in found)
        if len(rivals) > 1 and not self.unveiled:
            self.notice = replace(self.notice, text=f"{self.notice.text} · {rivals[1].who} says the same")
        return self.unveiled

    def keep(self) -> None:
        """Let a blind decision stand beside what was shown after it, and go on."""
        self.unveiled = False
        self.notice = Notice("your decision stands")
        self._advance()

    def corrected(self, other: Session) -> None:
        """What another session decided on the present item, in sight of what was hidden, is part of this one."""
        self._history += [replace(decision, steps=()) for decision in other.standing]
        self.records += other.records
        self.notice = other.notice
        self._advance()

    def _record(self, decision: Decided) -> bool:
        """Write a decision; when it cannot be written nothing moves and the notice says why."""
        try:
            record = self.desk.record(
                decision.item,
                decision.verdict,
                decision.annotations,
                attributes=decision.aside.attributes or None,
                note=decision.aside.note,
                seconds=decision.seconds,
            )
        except TrainsetError as error:
            self.notice = Notice(f"not saved: {in_words(error)}", "error")
            return False
        self.records += 1
        self._history.append(replace(decision, record=record))
        if (sitting := self._sittings.get(decision.item.key)) is not None:
            sitting.steps.clear()
            sitting.undone.clear()
            sitting.seconds = 0.0
        self.notice = Notice(f"{decision.item.key} {decision.verdict}", "saved")
        return True

    # -- undo -----------------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Take back the last edit of this item; when there is none, withdraw the last decision and return to it."""
        self._touch()
        sitting = self.sitting
        if sitting is not None and sitting.steps:
            step = sitting.steps.pop()
            self._apply(sitting, step, back=True)
            sitting.undone.append(step)
            self.notice = Notice(f"undone: {step.text}")
        elif self._history:
            self._withdraw(self._history[-1])
        else:
            self.notice = Notice("nothing to undo")

    def redo(self) -> None:
        """Do again what `undo` took back; a decision is recorded anew."""
        self._touch()
        sitting = self.sitting
        if sitting is not None and sitting.undone:
            step = sitting.undone.pop()
            self._apply(sitting, step, back=False)
            sitting.steps.append(step)
            self.notice = Notice(f"done again: {step.text}")
        elif self._withdrawn:
            decision = self._withdrawn[-1]
            self._return_to(decision)
            if self._record(decision):
                self._withdrawn.pop()
                self._advance()
        else:
            self.notice = Notice("nothing to redo")

    def _withdraw(self, decision: Decided) -> None:
        try:
            self.desk.withdraw(decision.item, decision.record)
        except TrainsetError as error:
            self.notice = Notice(f"not undone: {in_words(error)}", "error")
            return
        self.records += 1
        self._history.pop()
        self._withdrawn.append(decision)
        kept = decision.item.key in self._sittings
        self._return_to(decision)
        assert self.sitting is not None
        if kept:
            self.sitting.steps[:0] = decision.steps
        elif self.sitting.view is not None and decision.annotations is not None:
            versions = {"your withdrawn decision": decision.annotations, **self.sitting.versions}
            self._show(self.sitting.view, self.sitting.item, versions)
        self.sitting.aside = decision.aside
        self.sitting.seconds = decision.seconds
        self.notice = Notice(f"withdrawn: {decision.item.key} {decision.verdict}", "saved")

    def _apply(self, sitting: Sitting, step: Step, back: bool) -> None:
        if step.change is not None and sitting.view is not None:
            (sitting.view.undo if back else sitting.view.redo)(step.change)
        aside = step.before if back else step.after
        if aside is not None:
            sitting.aside = aside

    def _touch(self) -> None:
        now = self._clock()
        if self.sitting is not None:
            self.sitting.seconds += min(now - self._touched, self._idle)
        self._touched = now
