"""Review rules applied: what is accepted without a person, what a person must see, and why.

Findings and the queue's order are derived, and live in the index; what is recorded are acceptances (decisions of a
named rule), their withdrawals, and lots drawn by chance, before anyone looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from trainset.core.context import TaskContext
from trainset.core.dataset import WAITING, Dataset, Row
from trainset.core.deciding import Recorder
from trainset.core.files import chunks, digest
from trainset.core.index import transaction
from trainset.core.model import Decision, LotEntry, RuleConfig, RuleHeader, Task
from trainset.core.protocols import Case, Finding, Rule

PORTION = 1000
HELD_OUT = "test"
"""The split whose items no rule accepts: what is measured on must be seen by a person."""


@dataclass
class _Active:
    """A rule of the task, ready to run."""

    config: RuleConfig
    rule: Rule
    context: TaskContext
    whole_task: bool
    handle: str
    digest: str


@dataclass
class Plan:
    """What routing would change, before it does: how many acceptances and withdrawals by rule, and lots by rule."""

    accept: Counter[str] = field(default_factory=Counter)
    withdraw: Counter[str] = field(default_factory=Counter)
    lots: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to record."""
        return not (self.accept or self.withdraw or self.lots)


class Router:
    """Routes one task. `plan` finds what would change, `apply` records it."""

    def __init__(self, dataset: Dataset, task: Task, tick: Callable[[int], None] = lambda _: None) -> None:
        self.dataset, self.task, self.tick = dataset, task, tick
        self._db = dataset.index.db

    @cached_property
    def _rules(self) -> list[_Active]:
        """The rules, loaded when they are first run: whether they ran can be told without their plugins."""
        return [self._active(config) for config in self.task.rules]

    def _active(self, config: RuleConfig) -> _Active:
        rule, settings, whole = self.dataset.kit.rule(config)
        context = TaskContext(self.dataset, self.task, settings)
        return _Active(config, rule, context, whole, f"rule.{config.name}", _digest(config))

    def fingerprint(self) -> str:
        """What findings depend on besides the items: rules, order, and the outcomes there are."""
        rules = [(config.name, _digest(config)) for config in self.task.rules]
        return digest(repr((rules, self.task.rank, self.task.seed, self.task.definition, self._runs())).encode())

    def _runs(self) -> list[tuple[str, int]]:
        """The task's runs, and how many outcomes of each are here."""
        return self._db.execute(
            "SELECT run, sum(records) FROM file WHERE kind='runs' AND present AND task=? GROUP BY run ORDER BY run",
            (self.task.name,),
        ).fetchall()

    def current(self) -> bool:
        """Whether the findings and ranks in the index are those of the present rules and runs."""
        found = self._db.execute("SELECT value FROM meta WHERE name=?", (f"routed {self.task.name}",)).fetchone()
        return found is not None and found[0] == self.fingerprint()

    # -- planning -------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """Run every rule over the items that no person decided, and put findings, plan and order into the index."""
        plan = Plan()
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS plan (item INT, rule TEXT, object TEXT, run TEXT)")
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS drawn (item INT, rule TEXT, probability REAL)")
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS found (item INT, rule TEXT, object TEXT, reason TEXT)")
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS ranked (item INT, priority REAL, reason TEXT)")
        for table in ("plan", "drawn", "found", "ranked"):
            self._db.execute(f"DELETE FROM temp.{table}")
        self._judge(plan)
        self._order()
        task = self.task.name
        with transaction(self._db):  # a short one: somebody may be reviewing meanwhile
            self._db.execute("DELETE FROM finding WHERE task=?", (task,))
            self._db.execute("INSERT INTO finding SELECT ?, item, rule, object, reason FROM temp.found", (task,))
            self._db.execute("DELETE FROM rank WHERE task=?", (task,))
            self._db.execute("INSERT OR REPLACE INTO rank SELECT ?, item, priority, reason FROM temp.ranked", (task,))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"routed {task}", self.fingerprint()))
        self._compare(plan)
        return plan

    def _candidates(self) -> Iterator[tuple[Row, Case]]:
        """Items with a proposal at hand that no person has decided."""
        for row in self.dataset.rows(self.task, "state = predicted, partial, auto-accepted"):
            annotations = self.dataset.proposal(self.task, row)
            if annotations is not None:
                yield row, Case(row.item, row.state, annotations, row.run, row.reasons)

    def _judge(self, plan: Plan) -> None:
        rules = {r.config.name: r for r in self._rules}
        early: dict[str, list[tuple[str, Finding]]] = {}
        for active in (r for r in self._rules if r.whole_task):
            for finding in active.rule.findings((case for _, case in self._candidates()), active.context):
                early.setdefault(finding.item, []).append((active.config.name, finding))
        drawn_before = {n for (n,) in self._db.execute(
            "SELECT l.item FROM lot l JOIN file f ON f.id=l.file WHERE f.present AND l.task=?", (self.task.name,))}  # fmt: skip
        human = {n for (n,) in self._db.execute("SELECT item FROM state WHERE task=? AND human", (self.task.name,))}
        for portion in chunks(self._candidates(), PORTION):
            found = {row.item.key: list(early.get(row.item.key, ())) for row, _ in portion}
            for active in (r for r in self._rules if not r.whole_task):
                for finding in active.rule.findings([case for _, case in portion], active.context):
                    found[finding.item].append((active.config.name, finding))
            with transaction(self._db, "DEFERRED"):
                for row, case in portion:
                    self._settle(
                        plan, rules, row, case, found[row.item.key], row.number in drawn_before, row.number in human
                    )
            self.tick(len(portion))

    def _settle(self, plan: Plan, rules: dict[str, _Active], row: Row, case: Case, found: Sequence[tuple[str, Finding]],
                drawn: bool, human: bool) -> None:  # fmt: skip
        review = [(name, f) for name, f in found if f.action != "accept"]
        for name, finding in review:
            if finding.action == "lot" and not drawn:
                self._db.execute("INSERT INTO temp.drawn VALUES (?, ?, ?)", (row.number, name, finding.probability))
                plan.lots[name] += 1
                drawn = True
        self._db.executemany("INSERT INTO temp.found VALUES (?, ?, ?, ?)",
                             [(row.number, name, f.object, f.reason) for name, f in review])  # fmt: skip
        plan.reasons.update({name for name, _ in review})
        if drawn or human or row.item.split == HELD_OUT:
            return
        accepts = [(name, f) for name, f in found if f.action == "accept"]
        whole = [name for name, f in accepts if f.object is None]
        if whole and not review:
            self._db.execute("INSERT INTO temp.plan VALUES (?, ?, NULL, ?)", (row.number, whole[0], row.run))
            return
        doubted = {f.object for _, f in review}
        if None not in doubted:
            objects = {f.object: name for name, f in accepts if f.object is not None and f.object not in doubted}
            self._db.executemany("INSERT INTO temp.plan VALUES (?, ?, ?, ?)",
                                 [(row.number, name, o, row.run) for o, name in objects.items()])  # fmt: skip

    def _standing(self) -> Iterator[tuple[str, int, str, str | None, str]]:
        """The live acceptances of rules: (record id, item, rule's handle, object, digest of the proposal)."""
        return self._db.execute(
            "SELECT d.rid, d.item, f.reviewer, d.object, d.digest FROM decision d JOIN file f ON f.id=d.file "
            "JOIN item i ON i.id=d.item AND i.alive WHERE f.present AND f.rule AND d.task=? AND d.verdict='accepted' AND NOT EXISTS "
            "(SELECT 1 FROM decision w JOIN file wf ON wf.id=w.file WHERE wf.present AND w.item=d.item AND w.task=d.task "
            "AND w.verdict='withdrawn' AND wf.reviewer=f.reviewer AND instr(w.ons, d.rid)>0) GROUP BY d.rid",
            (self.task.name,),
        )

    def _compare(self, plan: Plan) -> None:
        """Leave in the plan what is new, and note which standing acceptances it no longer holds."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS gone (rid TEXT, item INT, handle TEXT)")
        self._db.execute("DELETE FROM temp.gone")
        self._db.execute("CREATE INDEX IF NOT EXISTS temp.plan_item ON plan (item)")
        standing = self._standing()
        for some in chunks(standing, PORTION):
            for rid, item, handle, object_, said in some:
                kept = self._db.execute(
                    "SELECT p.rowid FROM temp.plan p JOIN state s ON s.item=p.item AND s.task=? WHERE p.item=? AND 'rule.'||p.rule=? "
                    "AND p.object IS ? AND s.digest=?", (self.task.name, item, handle, object_, said)).fetchone()  # fmt: skip
                human = self._db.execute(
                    "SELECT human FROM state WHERE task=? AND item=?", (self.task.name, item)
                ).fetchone()
                if kept:
                    self._db.execute("DELETE FROM temp.plan WHERE rowid=?", kept)
                elif not (human and human[0]):
                    self._db.execute("INSERT INTO temp.gone VALUES (?, ?, ?)", (rid, item, handle))
        plan.accept.update(dict(self._db.execute("SELECT rule, count(*) FROM temp.plan GROUP BY rule")))
        plan.withdraw.update(
            {
                h.removeprefix("rule."): n
                for h, n in self._db.execute("SELECT handle, count(*) FROM temp.gone GROUP BY 1")
            }
        )

    def _order(self) -> None:
        """Rank every item that waits for a person."""
        ranker = self.dataset.kit.ranker(self.task.rank)
        context = TaskContext(self.dataset, self.task)
        numbers: dict[str, int] = {}

        def cases() -> Iterator[Case]:
            for row in self.dataset.rows(self.task, f"state = {', '.join((*WAITING, 'auto-accepted'))}"):
                numbers[row.item.key] = row.number
                yield Case(row.item, row.state, self.dataset.proposal(self.task, row), row.run, row.reasons)

        for some in chunks(ranker.rank(cases(), context), PORTION):
            rows = [(numbers.pop(key), priority, reason) for key, priority, reason in some]
            self._db.executemany("INSERT INTO temp.ranked VALUES (?, ?, ?)", rows)

    # -- recording ------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Record lots, then withdrawals, then acceptances, and take them into the index."""
        for active in self._rules:
            self._draw(active)
        handles = [h for (h,) in self._db.execute("SELECT DISTINCT handle FROM temp.gone")]
        for handle in handles:
            recorder = Recorder(
                self.dataset,
                self.task,
                self.dataset.header(
                    "decisions",
                    self.task,
                    reviewer=handle,
                    rule=RuleHeader(name=handle.removeprefix("rule.")),
                ),
            )
            rows = self._db.execute(
                "SELECT g.rid, i.key FROM temp.gone g JOIN item i ON i.id=g.item WHERE g.handle=?", (handle,)
            )
            recorder.record_all(
                msgspec.json.encode(
                    Decision(item=key, verdict="withdrawn", on=(rid,), reason="the present rules no longer accept it")
                )
                for rid, key in rows
            )
        for active in self._rules:
            self._accept(active)
        self.dataset.index.refresh()

    def _draw(self, active: _Active) -> None:
        rows = self._db.execute("SELECT i.key, d.probability FROM temp.drawn d JOIN item i ON i.id=d.item WHERE d.rule=? ORDER BY i.id",
                                (active.config.name,)).fetchall()  # fmt: skip
        if not rows:
            return
        lot: dict[str, Any] = {
            "rule": active.config.name,
            **msgspec.to_builtins(active.context.settings),
            "probability": rows[0][1],
            "population": self._db.execute(
                "SELECT count(*) FROM state WHERE task=? AND run IS NOT NULL", (self.task.name,)
            ).fetchone()[0],
        }
        writer = self.dataset.writer(self.dataset.header("lots", self.task, lot=lot))
        for some in chunks(rows, PORTION):
            writer.append([msgspec.json.encode(LotEntry(item=key)) for key, _ in some])
        writer.close()

    def _accept(self, active: _Active) -> None:
        name = active.config.name
        runs = [r for (r,) in self._db.execute("SELECT DISTINCT run FROM temp.plan WHERE rule=? ORDER BY 1", (name,))]
        for run in runs:
            rule = RuleHeader(name=name, digest=active.digest, run=run)
            recorder = Recorder(
                self.dataset, self.task, self.dataset.header("decisions", self.task, reviewer=active.handle, rule=rule)
            )
            recorder.record_all(self._acceptances(recorder, name, run))

    def _acceptances(self, recorder: Recorder, name: str, run: str) -> Iterator[bytes]:
        planned = self._db.execute("SELECT i.key, p.object FROM temp.plan p JOIN item i ON i.id=p.item WHERE p.rule=? AND p.run=? "
                                   "ORDER BY i.id, p.object", (name, run))  # fmt: skip
        for some in chunks(planned, PORTION):
            for key, object_ in some:
                yield recorder.compose(self.dataset.row(key, self.task), "accepted", object=object_)


def _digest(config: RuleConfig) -> str:
    """What a rule and its settings are recognised by."""
    return digest(msgspec.json.encode([config.rule, config.settings]))


def ensure_ranked(dataset: Dataset, task: Task) -> None:
    """Bring findings and order up to date where rules or runs changed, or the index was built anew. Records nothing."""
    router = Router(dataset, task)
    if not router.current():
        router.plan()
