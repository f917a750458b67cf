"""Review rules applied: what is accepted without a person, what a person must see, and why.

Findings and the queue's order are derived, and live in the index; what is recorded are acceptances (decisions of a
named rule), their withdrawals, and lots drawn by chance, before anyone looks.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from trainset.core.cases import Numbered, cases
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.deciding import Recorder
from trainset.core.files import chunks, digest
from trainset.core.index import transaction
from trainset.core.model import Decision, LotEntry, RuleConfig, RuleHeader, Task
from trainset.core.protocols import Case, Finding, Ranker, Rule

PORTION = 500
_TEMPORARY = {
    "ranked": "item INTEGER PRIMARY KEY, priority REAL, reason TEXT",
    "found": "item INT, rule TEXT, object TEXT, reason TEXT",
    "drawn": "item INT, rule TEXT, probability REAL",
    "plan": "item INT, rule TEXT, object TEXT, run TEXT",
    "standing": "rid TEXT, item INT, handle TEXT, object TEXT, said TEXT",
    "kept": "plan INT, rid TEXT",
    "gone": "rid TEXT, item INT, handle TEXT",
}
"""Tables of this connection alone, so that others may write while rules run."""
_DECIDED = "SELECT item FROM state WHERE task=? AND state IN ('reviewed', 'excluded')"
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
        where = self.dataset.config.place("tasks", self.task.name, "rules", config.name)
        rule, settings, whole = self.dataset.kit.rule(config, where)
        context = TaskContext(self.dataset, self.task, settings)
        return _Active(config, rule, context, whole, f"rule.{config.name}", _digest(config))

    def check(self) -> None:
        """ConfigError where a rule or the order of the task cannot be used."""
        for config in self.task.rules:
            self._active(config)
        self._ranker()

    def _ranker(self) -> Ranker:
        return self.dataset.kit.ranker(self.task.rank, self.dataset.config.place("tasks", self.task.name, "rank"))

    def fingerprint(self) -> str:
        """What findings depend on besides the items: rules, order, and the outcomes there are."""
        rules = [(config.name, _digest(config)) for config in self.task.rules]
        embedders = (self.dataset.config.embedders,) if self.dataset.config.embedders else ()
        return digest(
            repr((rules, self.task.rank, self.task.seed, self.task.definition, self._runs(), *embedders)).encode()
        )

    def _runs(self) -> list[tuple[str, int]]:
        """The task's runs, and how many outcomes of each are here."""
        return self._db.execute(
            "SELECT run, sum(records) FROM file WHERE kind='runs' AND present AND task=? GROUP BY run ORDER BY run",
            (self.task.name,),
        ).fetchall()

    def current(self) -> bool:
        """Whether the findings and ranks in the index are those of the present rules and runs."""
        return self._noted(f"routed {self.task.name}") == self.fingerprint()

    def _inputs(self) -> str:
        """All that a plan depends on: `fingerprint`, the plugins, and whatever any label file says."""
        plugins = sorted(self.dataset.kit.distributions().items())
        return digest(f"{self.fingerprint()} {plugins} {self.dataset.index.folds()}".encode())

    def _noted(self, name: str) -> str | None:
        found = self._db.execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
        return None if found is None else str(found[0])

    # -- planning -------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """Run every rule over the items that no person decided, and put findings, plan and order into the index.

        Where the last plan came to nothing, and nothing was added, decided, run or set since, it still does.
        """
        plan, task, inputs = Plan(), self.task.name, self._inputs()
        if self._noted(f"settled {task}") == inputs:
            skilled = any(config.skill for config in self.task.rules)
            kept, names = (f"AND item NOT IN ({_DECIDED})", (task, task)) if skilled else ("", (task,))
            findings = self._db.execute(
                f"SELECT rule, count(DISTINCT item) FROM finding WHERE task=? {kept} GROUP BY rule", names
            )
            plan.reasons.update(dict(findings))
            return plan
        for name, columns in _TEMPORARY.items():
            self._db.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({columns})")
            self._db.execute(f"DELETE FROM temp.{name}")
        self._rank(plan)
        order = self._order()
        with transaction(self._db):  # a short one: somebody may be reviewing meanwhile
            for table in ("rank", "queue"):
                self._db.execute(f"DELETE FROM {table} WHERE task=?", (task,))
            self._forget()
            self._db.execute("INSERT INTO finding SELECT ?, item, rule, object, reason FROM temp.found", (task,))
            self._db.execute("INSERT INTO rank SELECT ?, item, priority, reason FROM temp.ranked", (task,))
            self._db.execute("INSERT INTO queue VALUES (?, ?)", (task, order))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"routed {task}", self.fingerprint()))
            self._db.execute("DELETE FROM meta WHERE name=?", (f"settled {task}",))
        self._compare(plan)
        if plan.empty:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"settled {task}", inputs))
        return plan

    def _forget(self) -> None:
        """Drop what rules found before; what sends an item that one reviewer decided to a skill still bears on who the
        second one is."""
        skilled = [config.name for config in self.task.rules if config.skill]
        marks = ",".join("?" * len(skilled))
        self._db.execute(
            f"DELETE FROM finding WHERE task=? AND NOT (rule IN ({marks}) AND item IN ({_DECIDED}))",
            (self.task.name, *skilled, self.task.name),
        )

    def _rank(self, plan: Plan) -> None:
        """Let the ranker go over what waits for a person, and rules judge it on the way: one pass for both."""
        drawn = {n for (n,) in self._db.execute(
            "SELECT l.item FROM lot l JOIN file f ON f.id=l.file WHERE f.present AND l.task=?", (self.task.name,))}  # fmt: skip
        early: dict[str, list[tuple[str, Finding]]] = {}
        for active in (r for r in self._rules if r.whole_task):
            for finding in active.rule.findings((c.case for c in self._cases() if c.judged), active.context):
                early.setdefault(finding.item, []).append((active.config.name, finding))
        numbers: dict[str, int] = {}

        def seen() -> Iterator[Case]:
            for portion in chunks(self._cases(), PORTION):
                self._judge(plan, [c for c in portion if c.judged], early, drawn)
                self.tick(len(portion))
                for numbered in portion:
                    numbers[numbered.case.item.key] = numbered.number
                    yield numbered.case

        waiting = seen()
        ranked = self._ranker().rank(waiting, TaskContext(self.dataset, self.task))
        rows = ((numbers.pop(key), priority, reason) for key, priority, reason in ranked)
        for some in chunks(rows, PORTION):
            self._insert("ranked", some)
        deque(waiting, maxlen=0)  # a ranker need not ask for all; rules do

    def _cases(self) -> Iterator[Numbered]:
        return cases(self.dataset, self.task)

    def _judge(self, plan: Plan, portion: Sequence[Numbered], early: Mapping[str, Sequence[tuple[str, Finding]]],
               drawn: Set[int]) -> None:  # fmt: skip
        found = {c.case.item.key: list(early.get(c.case.item.key, ())) for c in portion}
        for active in (r for r in self._rules if not r.whole_task):
            for finding in active.rule.findings([c.case for c in portion], active.context):
                found[finding.item].append((active.config.name, finding))
        rows: dict[str, list[tuple[Any, ...]]] = {"found": [], "drawn": [], "plan": []}
        for numbered in portion:
            self._settle(plan, rows, numbered, found[numbered.case.item.key], numbered.number in drawn)
        for table, some in rows.items():
            self._insert(table, some)

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ",".join("?" * (1 + _TEMPORARY[table].count(",")))
        with transaction(self._db, "DEFERRED"):
            self._db.executemany(f"INSERT OR REPLACE INTO temp.{table} VALUES ({marks})", rows)

    def _settle(self, plan: Plan, rows: Mapping[str, list[tuple[Any, ...]]], numbered: Numbered,
                found: Sequence[tuple[str, Finding]], drawn: bool) -> None:  # fmt: skip
        item, case = numbered.number, numbered.case
        review = [(name, f) for name, f in found if f.action != "accept"]
        for name, finding in review:
            if finding.action == "lot" and not drawn:
                rows["drawn"].append((item, name, finding.probability))
                plan.lots[name] += 1
                drawn = True
        rows["found"].extend((item, name, f.object, f.reason) for name, f in review)
        plan.reasons.update({name for name, _ in review})
        if drawn or numbered.human or case.item.split == HELD_OUT:
            return
        accepts = [(name, f) for name, f in found if f.action == "accept"]
        whole = [name for name, f in accepts if f.object is None]
        if whole and not review:
            rows["plan"].append((item, whole[0], None, case.run))
            return
        doubted = {f.object for _, f in review}
        if None not in doubted:
            objects = {f.object: name for name, f in accepts if f.object is not None and f.object not in doubted}
            rows["plan"].extend((item, name, o, case.run) for o, name in objects.items())

    def _order(self) -> bytes:
        """The numbers of all items as int64, most urgent first, of one priority by key."""
        order = self._db.execute(
            "SELECT i.id FROM item i LEFT JOIN temp.ranked r ON r.item=i.id ORDER BY coalesce(r.priority, 0) DESC, i.key"
        )
        return np.fromiter((item for (item,) in order), np.int64).tobytes()

    def _compare(self, plan: Plan) -> None:
        """Leave in the plan what is new, and note which standing acceptances it no longer holds."""
        self._db.execute(
            "INSERT INTO temp.standing SELECT d.rid, d.item, f.reviewer, d.object, d.digest FROM decision d JOIN file f ON f.id=d.file "
            "JOIN item i ON i.id=d.item AND i.alive WHERE f.present AND f.rule AND d.task=? AND d.verdict='accepted' AND NOT EXISTS "
            "(SELECT 1 FROM decision w JOIN file wf ON wf.id=w.file WHERE wf.present AND w.item=d.item AND w.task=d.task "
            "AND w.verdict='withdrawn' AND wf.reviewer=f.reviewer AND instr(w.ons, d.rid)>0) GROUP BY d.rid", (self.task.name,))  # fmt: skip
        self._db.execute(
            "INSERT INTO temp.kept SELECT p.rowid, t.rid FROM temp.standing t JOIN temp.plan p ON p.item=t.item AND 'rule.'||p.rule=t.handle "
            "AND p.object IS t.object JOIN state s ON s.task=? AND s.item=t.item AND s.digest=t.said", (self.task.name,))  # fmt: skip
        self._db.execute(
            "INSERT INTO temp.gone SELECT t.rid, t.item, t.handle FROM temp.standing t LEFT JOIN state s ON s.task=? AND s.item=t.item "
            "WHERE NOT coalesce(s.human, 0) AND t.rid NOT IN (SELECT rid FROM temp.kept)", (self.task.name,))  # fmt: skip
        self._db.execute("DELETE FROM temp.plan WHERE rowid IN (SELECT plan FROM temp.kept)")
        plan.accept.update(dict(self._db.execute("SELECT rule, count(*) FROM temp.plan GROUP BY rule")))
        for handle, count in self._db.execute("SELECT handle, count(*) FROM temp.gone GROUP BY handle"):
            plan.withdraw[handle.removeprefix("rule.")] += count

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
        planned = self._db.execute(
            "SELECT item, object FROM temp.plan WHERE rule=? AND run=? ORDER BY item, object", (name, run)
        )
        for some in chunks(planned, PORTION):
            rows = {row.number: row for row in self.dataset.rows(self.task, numbers={item for item, _ in some})}
            for item, object_ in some:
                yield recorder.compose(rows[item], "accepted", object=object_)


def _digest(config: RuleConfig) -> str:
    """What a rule and its settings are recognised by."""
    return digest(msgspec.json.encode([config.rule, config.settings]))


def ensure_ranked(dataset: Dataset, task: Task) -> None:
    """Bring findings and order up to date where rules or runs changed, or the index was built anew. Records nothing."""
    router = Router(dataset, task)
    if not router.current():
        router.plan()
