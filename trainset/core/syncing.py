"""`sync`: commit, fetch, merge and push, told in the dataset's words; whatever stops it, nothing is left half done."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from trainset.core import config
from trainset.core.committing import Committed, commit
from trainset.core.dataset import Dataset
from trainset.core.forgetting import settle
from trainset.core.history import Repository
from trainset.core.tally import Tally
from trainset.errors import ConfigError, TrainsetError

Answer = TypeVar("Answer")
TRIES = 6
"""How often a push is tried while others push too."""


@dataclass
class Synced:
    """What a sync did: the commit it made, what came from others, how many commits went out (None where there is no
    remote), and what stopped it."""

    committed: Committed | None = None
    came: Tally = field(default_factory=Tally)
    items: int = 0
    disputes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How many items of a task came into dispute, and how many are in dispute no more; tasks without either are left out."""
    pushed: int | None = None
    stopped: TrainsetError | None = None

    @property
    def summary(self) -> list[str]:
        """Lines that tell it."""
        out = []
        if self.committed is not None:
            out.append(f"committed {self.committed.id[:10]} {self.committed.message.splitlines()[0]}")
        said = [f"{n:,} by {who}" for who, n in self.came.people.most_common()]
        others = self.came.besides
        news = [f"{self.came.people.total():,} decision(s) ({', '.join(said)})"] if said else []
        news += [*others, *([f"{self.items:,} new item(s)"] if self.items > 0 else [])]
        if news:
            out.append(f"came in: {', '.join(news)}")
        if self.came.forgotten:
            out.append("`trainset forget` clears what this clone still keeps of them")
        for task, (arose, settled) in self.disputes.items():
            told = [f"{n:,} item(s) {what}" for n, what in ((arose, "came into dispute"), (settled, "out of it")) if n]
            way = ": `trainset review --mode adjudicate`" if arose else ""
            out.append(f"{task}: {', '.join(told)}{way}")
        if self.pushed:
            out.append(f"pushed {self.pushed:,} commit(s)")
        if not out and self.stopped is None:
            out.append("nothing to commit" if self.pushed is None else "everything is in step")
        return out


def sync(dataset: Dataset, tell: Callable[[str], None] = lambda text: None) -> Synced:
    """Commit what is not committed, take in what others pushed, and push; `tell` is told what is about to happen.

    What was done until something stopped it is told beside what that was; it can be done again at any time.
    """
    repository, done = dataset.repository, Synced()
    branch = repository.branch()
    if branch is None:
        raise TrainsetError("no branch is checked out, so there is nothing to push to",
                            hint="`git switch BRANCH`, or `git switch -c NAME` makes one")  # fmt: skip
    done.committed = commit(dataset)
    try:
        place = _place(repository, branch)
        if place is not None:
            done.pushed = 0
            _exchange(dataset, *place, done, tell)
    except TrainsetError as error:
        done.stopped = error
    return done


def _place(repository: Repository, branch: str) -> tuple[str, str] | None:
    """The remote and its branch to sync with; None where there is no remote."""
    if (followed := repository.upstream(branch)) is not None and followed[0] != ".":
        return followed
    remotes = repository.remotes()
    if len(remotes) > 1 and "origin" not in remotes:
        raise TrainsetError(f"{branch} follows no branch of a remote, and there are {len(remotes)} remotes",
                            hint=f"`git push -u {remotes[0]} {branch}` chooses one, once")  # fmt: skip
    return None if not remotes else ("origin" if "origin" in remotes else remotes[0], branch)


def _exchange(dataset: Dataset, remote: str, branch: str, done: Synced, tell: Callable[[str], None]) -> None:
    repository = dataset.repository
    before = repository.head()
    if before is None:
        raise TrainsetError("there is no commit to push", hint="`trainset add` and `decide` make something to commit")
    disputed, items = {name: _disputed(dataset, name) for name in dataset.config.tasks}, len(dataset)
    try:
        for tries in range(TRIES):
            time.sleep(random.uniform(0, 0.1 * tries))  # two who push at once do not go on in step
            tell(f"fetching from {remote}")
            _reached(remote, lambda: repository.fetch(remote, branch))
            tip = repository.tip(remote, branch)
            if tip is not None:
                _merge(dataset, tip, f"{remote}/{branch}")
            head = repository.resolve("HEAD")
            ahead = repository.count(tip, head)
            if not ahead:
                return
            tell(f"pushing {ahead} commit(s) to {remote}")
            if _reached(remote, lambda: repository.push(remote, branch)):
                done.pushed = ahead
                return
        raise TrainsetError(
            f"others pushed to {remote} all the while, {TRIES} times", hint="`trainset sync` tries again"
        )
    finally:
        _tell_news(dataset, before, done, disputed, items)


def _reached(remote: str, ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except TrainsetError as error:
        raise TrainsetError(
            f"{remote} could not be reached, or refused: {' '.join(error.message.split())}",
            hint="what is committed stays here; `trainset sync` goes on from there when it can be reached",
        ) from error


def _merge(dataset: Dataset, tip: str, name: str) -> None:
    """Merge what others have; TrainsetError where that cannot be, and then nothing of theirs is taken in."""
    advice = f"`git merge {name}`, mend these files, `git commit`, then `trainset sync` again"
    try:
        conflicts = dataset.repository.merge(tip, lambda: _check(dataset), lambda: settle(dataset))
    except ConfigError as error:
        raise TrainsetError(f"merged with {name}, {error.message}; the merge was taken back",
                            hint=f"change yours so that it goes with theirs, then `trainset sync` again; {error.hint}") from error  # fmt: skip
    if conflicts:
        raise TrainsetError(f"{', '.join(conflicts)} changed here and in {name}, in the same lines; the merge was taken back",
                            hint=advice)  # fmt: skip


def _check(dataset: Dataset) -> None:
    config.load(dataset.root)


def _disputed(dataset: Dataset, task: str) -> set[str]:
    query = "SELECT i.key FROM state s JOIN item i ON i.id=s.item WHERE s.task=? AND s.state='disputed'"
    return {key for (key,) in dataset.index.db.execute(query, (task,))}


def _tell_news(dataset: Dataset, before: str, done: Synced, disputed: dict[str, set[str]], items: int) -> None:
    """What came from others since a commit, and what it changed."""
    repository = dataset.repository
    after = repository.resolve("HEAD")
    if after == before:
        return
    dataset.reload()
    paths = [dataset.root / path for path in repository.added(before, after, "labels") if path.endswith(".jsonl")]
    done.came = Tally.of(path.read_bytes() for path in paths if path.is_file())
    done.items = len(dataset) - items
    for task in dataset.config.tasks:
        now, then = _disputed(dataset, task), disputed.get(task, set())
        if now != then:
            done.disputes[task] = len(now - then), len(then - now)
