"""The end of a review: what no commit holds, or no remote has, and what is to become of it. Nothing is done unasked."""

from __future__ import annotations

from dataclasses import dataclass

from trainset.core.dataset import Dataset


@dataclass(frozen=True)
class Loose:
    """What is here alone: decisions in no commit, and commits that no remote has. `remote` says whether there is one."""

    uncommitted: int
    unpushed: int
    remote: bool

    @property
    def words(self) -> str:
        """The same in words; "" where nothing is loose."""
        told = [(self.uncommitted, "decision", "not committed"), (self.unpushed, "commit", "not pushed")]
        return " · ".join(f"{n:,} {noun}{'' if n == 1 else 's'} {how}" for n, noun, how in told if n)

    @property
    def way(self) -> str:
        """The command that takes care of it."""
        return "sync" if self.remote else "commit"


class Parting:
    """Asks once for each review. `wanted` says whether what is loose is to be taken care of after it, as `[git] autosync`
    has it until somebody answers."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self.wanted = self._asked = dataset.config.git.autosync

    def loose(self) -> Loose:
        """What there is now."""
        repository = self._dataset.repository
        return Loose(self._dataset.uncommitted(), repository.ahead(), bool(repository.remotes()))

    def question(self) -> Loose | None:
        """What to ask about when the reviewer leaves; None where nothing is loose, or it was asked or is settled."""
        if self._asked:
            return None
        self._asked = True
        loose = self.loose()
        return loose if loose.words else None
