"""Rendezvous hashing, or highest random weight (Thaler and Ravishankar 1998): who of several names an item falls to.

Every name draws a number for every unit, and the highest takes it. So who joins takes only what they draw highest,
who leaves gives up only what was theirs, and no machine has to ask another.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int16]

_BLOCK = 16_384
"""Units whose draws are compared at once: as many as stay in a processor's cache."""


def hashed(units: Iterable[str]) -> Hashes:
    """The hash of each unit (an item's key, or its group): BLAKE2b of its NFC in UTF-8, 64 bits, little endian."""
    found = (
        hashlib.blake2b(unicodedata.normalize("NFC", u).encode("utf-8", "surrogatepass"), digest_size=8) for u in units
    )
    return np.frombuffer(b"".join(state.digest() for state in found), "<u8").astype(np.uint64, copy=False)


def highest(units: Hashes, names: Sequence[str], seed: int = 0) -> tuple[Places, Places]:
    """Who draws highest for each unit, and who second, as places in `names`; -1 where there is nobody. Their order is only
    what equal draws go by."""
    first, second = np.full(len(units), -1, np.int16), np.full(len(units), -1, np.int16)
    salts = hashed(f"{seed} {name}" for name in names)
    for start in range(0, len(units) if names else 0, _BLOCK):
        block = slice(start, start + _BLOCK)
        draws = _mixed(units[None, block] ^ salts[:, None])
        first[block] = best = draws.argmax(axis=0)
        if len(names) > 1:
            draws[best, np.arange(draws.shape[1])] = 0
            second[block] = draws.argmax(axis=0)
    return first, second


def shared(units: Hashes, share: float, seed: int = 0) -> NDArray[np.bool_]:
    """Whether each unit is in a share (0 to 1) that is drawn by chance; a larger share holds every smaller one."""
    drawn = _mixed(units ^ hashed([f"{seed} overlap "])) >> np.uint64(11)
    within: NDArray[np.bool_] = drawn < np.uint64(round(share * 2**53))
    return within


def _mixed(words: Hashes) -> Hashes:
    """Each word with all of its bits spread over all of its bits: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
