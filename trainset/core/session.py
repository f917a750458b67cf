"""One review session: the current item, its edits, undo and redo, and what gets recorded. Pure of any terminal."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trainset.core.assisting import Hint, Hinting, likeliest
from trainset.core.comparing import differences
from trainset.core.drafts import Draft
from trainset.core.model import Annotation, AttributeValue, Item, Label, Task, Verdict
from trainset.core.prompting import Answer, Assistant
from trainset.core.protocols import Change, Context, Effect, View
from trainset.core.queue import Entry, Queue
from trainset.core.reviewing import Blinding, Desk, Keeping, Sharing
from trainset.core.scene import Point
from trainset.core.sitting import Aside, Decided, Notice, Question, Sitting, Step, failure, in_words, missing_attribute
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
        self._queue = desk.queue() if queue is None else queue
        self._walk = Walk(self._queue)
        self._company = desk.company if isinstance(desk, Sharing) else None
        self._since = self._company.since(self._queue) if self._company is not None else None
        self._seen = 0, 0
        self._sittings: OrderedDict[str, Sitting] = OrderedDict()
        self._history: list[Decided] = []
        self._withdrawn: list[Decided] = []
        self._shown_at: float | None = None
        self._touched = clock()
        self._question: Question | None = None
        if queue is None:
            self._arrive(set())
        else:
            self._open()

    # -- what the screen reads ------------------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """The task under review."""
        return self.desk.task

    @property
    def queue(self) -> Queue:
        """What this session goes through."""
        return self._queue

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
        return len(self._walk) - len(self._done())

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

    @property
    def likely(self) -> Mapping[str, float]:
        """The labels that models think likeliest for the selected object or weak candidate (else the only object), with
        scores, best first; empty where no model says anything of it."""
        sitting = self.sitting
        if sitting is None or sitting.view is None or not sitting.hints:
            return {}
        name = next((line.id for line in sitting.view.lines() if line.selected), None)
        weak = (a for hint in sitting.hints.values() for a in hint.weak)
        known = [a for a in (*sitting.annotations, *weak) if a.id == name]
        if name is None and len(sitting.annotations) == 1:
            known = [*sitting.annotations]
        similarity = self._context.similarity
        return likeliest(known[0], sitting.hints, sitting.item, self.task, similarity) if known else {}

    def upcoming(self, count: int) -> Sequence[Entry]:
        """The next entries of the queue, for loading ahead."""
        return self._walk.upcoming(count)

    def labels(self) -> list[Label]:
        """The labels one may give: the five that models favour for the selected object (where nothing is known of one, on
        this item), then those lately used, then the rest."""
        active = {label.id: label for label in self.task.active}
        versions = self.sitting.versions.values() if self.sitting else ()
        scored = sorted((a for v in versions for a in v if a.label), key=lambda a: -(a.score or 0.0))
        favoured = list(self.likely or dict.fromkeys(a.label for a in scored if a.label in active))[:5]
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

    def visit(self, entry: Entry) -> None:
        """Go to an entry of the queue."""
        self._touch()
        self.notice = Notice()
        self._walk.back_to(entry)
        self._open()

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

    def _done(self) -> set[str]:
        """The items of the queue that need no look: decided here, or by others meanwhile."""
        settled = self._since.settled if self._since is not None else ()
        return {d.item.key for d in self._history}.union(settled)

    def _arrive(self, taken: set[str]) -> bool:
        """Open the entry at hand, or the next one that neither is `taken` nor has been opened by somebody else; whether that
        had to begin from the start."""
        again = False
        while (entry := self._walk.entry) is not None and self._company is not None and self._company.hold([entry.key]):
            taken.add(entry.key)
            again = self._walk.next_open(taken) or again
        self._open()
        return again

    def _advance(self) -> None:
        before, done = self._walk.entry, self._done()
        again = self._walk.next_open(done)
        if self._arrive(done) or again:
            what = "this item is the last one left" if self._walk.entry == before else "now what was passed over"
            self.notice = replace(self.notice, text=f"{self.notice.text} · {what}")

    def _return_to(self, decision: Decided) -> None:
        self._walk.back_to(decision.entry)
        self._open()

    def _open(self) -> None:
        self.keep_draft()
        self._shown_at = None
        self.unveiled = False
        self._touched = self._clock()
        entry = self._walk.entry
        beside = self._company.hold([entry.key] if entry else []) if self._company is not None else {}
        if entry is None:
            self.sitting = None
            return
        for who in beside.values():
            self.notice = replace(self.notice, text=" · ".join(filter(None, (self.notice.text, f"{who} has it open"))))
        self.sitting = self._sittings.pop(entry.key, None) or self._sit(entry)
        self._sittings[entry.key] = self.sitting
        while len(self._sittings) > KEPT_SITTINGS + 1:
            self._sittings.popitem(last=False)

    def _show(self, view: View, item: Item, versions: Mapping[str, Sequence[Annotation]]) -> Mapping[str, Hint]:
        """Open an item in a view; what else models know of it."""
        view.open(item, versions, self._context)
        if self.recent:
            view.do("recent", None, self.recent[0])
        taken = {a.id for version in versions.values() for a in version}
        hints = self.desk.hints(item, taken) if isinstance(self.desk, Hinting) else {}
        if weak := {name: hint.weak for name, hint in hints.items() if hint.weak}:
            view.do("weak", None, weak)
        return hints

    def _sit(self, entry: Entry) -> Sitting:
        item = Item(key=entry.key)
        try:
            item = self.desk.item(entry.key)
            versions = dict(self.desk.versions(item))
            view = self._make_view()
            hints = self._show(view, item, versions)
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
            hints=hints,
        )

    def begin_with(self, annotations: Sequence[Annotation], attributes: Mapping[str, AttributeValue]) -> None:
        """Start the present item from these instead of from what the desk gave first."""
        sitting = self.sitting
        if sitting is not None and sitting.view is not None:
            sitting.versions = {"merged": tuple(annotations), **sitting.versions}
            self._show(sitting.view, sitting.item, sitting.versions)
            sitting.opened = sitting.view.annotations()
            sitting.aside = replace(sitting.aside, attributes=dict(attributes))

    # -- what outlives the session --------------------------------------------------------------------------

    def keep_draft(self) -> None:
        """Have what was edited of the present item, and not decided, outlive this session; where nothing was edited since
        the last time this costs nothing."""
        sitting, desk = self.sitting, self.desk
        last = sitting.steps[-1] if sitting and sitting.steps else None
        if sitting is None or last is sitting.kept or not isinstance(desk, Keeping):
            return
        sitting.kept = last
        if last is None:
            desk.drop_draft(sitting.item.key)
        else:
            self._keep(desk, sitting)

    def _keep(self, desk: Keeping, sitting: Sitting) -> None:
        aside = sitting.aside
        desk.keep_draft(sitting.item, sitting.annotations, aside.attributes, aside.note)

    def drafts(self) -> Sequence[Draft]:
        """The edits that earlier sessions left undecided, the latest first."""
        return self.desk.drafts() if isinstance(self.desk, Keeping) else ()

    def drop(self, draft: Draft) -> None:
        """Forget an edit of an earlier session."""
        if isinstance(self.desk, Keeping):
            self.desk.drop_draft(draft.item.key)
            self.notice = Notice(f"the edit of {draft.item.key} is dropped")

    def take_up(self, draft: Draft) -> None:
        """Go to the item of an edit that an earlier session left undecided, and go on with it; as a whole it can be undone."""
        self._walk.back_to(Entry(draft.item.key, 0.0, "you had begun to edit it"))
        self.notice = Notice()
        self._open()
        if self.sitting is not None and self.sitting.view is not None:
            self._go_on(self.sitting, draft)

    def _go_on(self, sitting: Sitting, draft: Draft) -> None:
        aside = Aside(dict(draft.attributes), draft.note)
        opened = sitting.versions, {"your edit": draft.annotations, **sitting.versions}
        step = Step("your edit is taken up", before=sitting.aside, after=aside, opened=opened)
        self._apply(sitting, step, back=False)
        beside = self.notice.text
        self._edited(step)
        sitting.kept = step
        self.notice = Notice(" · ".join(filter(None, (step.text, draft.changed, beside))))

    def look_around(self) -> bool:
        """Take in what others did meanwhile; whether that changes what there is to tell."""
        if self._company is None or self._since is None:
            return False
        before = self._seen
        self._company.look()
        self._seen = len(self._since.settled), self._company.unpushed
        return self._seen != before

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

    def ask(self, effect: Effect, assistant: Assistant | None, then: Callable[[Question, Answer], None]) -> None:
        """Show a model what an effect has prompts of; `then`, called in another thread, sees to it that `answered` gets the
        answer in this one."""
        sitting = self.sitting
        if sitting is None or effect.prompt is None:
            return
        if sitting.blind or assistant is None:
            why = "helps with what is decided blind" if sitting.blind else "is at hand that takes prompts"
            self._call_off(Question(sitting, effect.prompt))
            self.notice = Notice(f"no model {why}", "refused")
            return
        if self._question is not None and not self.asking:
            self._call_off(self._question)
        question = self._question = Question(sitting, effect.prompt)
        self.notice = Notice(assistant.ask(sitting.item, effect.prompts, lambda answer: then(question, answer)))

    @property
    def asking(self) -> bool:
        """Whether a model was asked something of the present item, and has not answered yet."""
        return self._question is not None and self._question.sitting is self.sitting

    def answered(self, question: Question, answer: Answer) -> Effect | None:
        """A model has answered: the view that asked gets it, unless it was left or has asked something else since."""
        if question is not self._question:
            return None
        here = question.sitting is self.sitting
        if answer.error or not here:
            self._call_off(question)
            self.notice = Notice(answer.error, "error") if here else self.notice
            return None
        self._question = None
        return self.command(question.command, tuple(answer.annotations))

    def _call_off(self, question: Question) -> None:
        self._question = None
        if question.sitting.view is not None:
            question.sitting.view.do(question.command, None, ())

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
        if self.asking:
            self.notice = Notice("the model has not answered yet, and nothing was written: u calls it off", "refused")
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
            self.notice = failure("not saved", error)
            return False
        self.records += 1
        self._history.append(replace(decision, record=record))
        if (sitting := self._sittings.get(decision.item.key)) is not None:
            sitting.steps.clear()
            sitting.undone.clear()
            sitting.seconds, sitting.kept = 0.0, None
        if isinstance(self.desk, Keeping):
            self.desk.drop_draft(decision.item.key)
        self.notice = Notice(f"{decision.item.key} {decision.verdict}", "saved")
        return True

    # -- undo -----------------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Take back the last edit of this item; when there is none, withdraw the last decision and return to it."""
        self._touch()
        sitting = self.sitting
        if self._question is not None and self.asking:
            self._call_off(self._question)
            self.notice = Notice("the model's answer is not waited for any more")
        elif sitting is not None and sitting.steps:
            step = sitting.steps.pop()
            self._apply(sitting, step, back=True)
            if step.opened is not None:  # later edits were made on what it opened
                sitting.undone.clear()
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
            self.notice = failure("not undone", error)
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
        if step.opened is not None and sitting.view is not None:
            sitting.versions = step.opened[0 if back else 1]
            self._show(sitting.view, sitting.item, sitting.versions)
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
