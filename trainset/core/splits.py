"""Which split a new item belongs to: that of its group, so that frames of one video or scans of one patient stay together."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from trainset.core.dataset import Dataset
from trainset.core.files import digest


def split_of(group: str, shares: Mapping[str, float]) -> str:
    """The split of a group: by hash, so that it depends on nothing else and stays as the dataset grows."""
    point = int(digest(unicodedata.normalize("NFC", group).encode())[:13], 16) / 16**13
    total = 0.0
    for name, share in shares.items():
        total += share
        if point < total:
            return name
    return list(shares)[-1]


class Splits:
    """Splits for new items of a dataset. A group that has items goes on in their split, whatever the shares are now; of one
    that has several, in the first by name."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._known: dict[str, str] | None = None

    def of(self, key: str, group: str | None) -> str:
        """The split of a new item with this key, which is a group of its own where it has none."""
        shares = self._dataset.config.splits
        if group is None:
            return split_of(key, shares)
        if self._known is None:
            query = (
                "SELECT grp, min(split) FROM item WHERE alive AND grp IS NOT NULL AND split IS NOT NULL GROUP BY grp"
            )
            self._known = dict(self._dataset.index.db.execute(query))
        return self._known.get(group) or split_of(group, shares)

    def note(self, group: str | None, split: str) -> str:
        """Keep a group in the split that a file names for one of its items; that split."""
        if group is not None:
            self.of(group, group)
            assert self._known is not None
            self._known.setdefault(group, split)
        return split
