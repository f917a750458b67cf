"""The contract of modalities: what becomes an item, what is skipped, and what is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from trainset.core.model import Item
from trainset.core.protocols import Contents, ItemDraft, Modality, Skipped
from trainset.errors import MediaError
from trainset.testing.contexts import item_of
from trainset.testing.contract import ContractError, named, require, same, sound


def check_modality(
    modality: Modality, good_files: Sequence[Path], bad_files: Sequence[Path] = (), settings: Any = None
) -> None:
    """Check a modality by files (or folders) that hold items, and by damaged ones that look as if they did.

    `settings` are an instance of its spec's settings type, if it names one.
    """
    settings = {} if settings is None else settings
    for path in good_files:
        _check_good(modality, path, settings)
    for path in bad_files:
        _check_bad(modality, path, settings)
    _check_others(modality, settings)


def _scanned(modality: Modality, path: Path, settings: Any) -> list[ItemDraft | Skipped]:
    method = named(modality, "scan")
    try:
        found = list(modality.scan(path, settings))
    except Exception as error:
        raise ContractError(
            f"{method} of {path.name} raises {type(error).__name__}: {error}",
            "scan yields what cannot be an item as Skipped, and raises nothing",
        ) from error
    for one in found:
        require(isinstance(one, ItemDraft | Skipped), f"{method} yields {one!r}", "scan yields ItemDraft and Skipped")
        require(
            not isinstance(one, Skipped) or bool(one.reason),
            f"{method} skips {path.name} without a reason",
            "Skipped says why, in words for the user",
        )
    return found


def _check_good(modality: Modality, path: Path, settings: Any) -> None:
    method = named(modality, "scan")
    found = _scanned(modality, path, settings)
    drafts = [one for one in found if isinstance(one, ItemDraft)]
    skipped = "; ".join(one.reason for one in found if isinstance(one, Skipped))
    require(
        len(drafts) > 0,
        f"{method} finds no item in {path.name} ({skipped or 'and skips nothing'})",
        "scan yields the items in a file or folder",
    )
    require(
        found == _scanned(modality, path, settings),
        f"{method} of {path.name} is not the same twice",
        "scan has a stable order",
    )
    names = [(draft.row, *sorted(draft.parts.values())) for draft in drafts]
    require(
        len(set(names)) == len(names),
        f"{method} yields one item of {path.name} twice",
        "each item has parts, or a row, of its own",
    )
    for draft in drafts:
        require(
            len(draft.parts) > 0 and all(part.exists() for part in draft.parts.values()),
            f"{method} yields parts {dict(draft.parts)}",
            "parts map names to files that exist",
        )
        require(
            (draft.row is None) == (draft.content is None and draft.size is None),
            f"{method} yields row {draft.row!r} with content {draft.content!r} and size {draft.size!r}",
            "a row has a row key and the bytes that it consists of, or their number, and nothing else has",
        )
        _check_item(modality, draft, path.parent)


def _check_item(modality: Modality, draft: ItemDraft, folder: Path) -> None:
    item = item_of(draft, folder)
    try:
        stored = msgspec.json.encode(item)
    except TypeError as error:
        raise ContractError(f"the meta of {item.key} cannot be stored: {error}", "meta holds what JSON can") from error
    item = msgspec.json.decode(stored, type=Item)
    frame = modality.frame(item)
    require(
        frame is None or sound(frame, empty=False),
        f"{named(modality, 'frame')} of {item.key} is {frame!r}",
        "a frame is a Rect of finite numbers with an area, or None",
    )
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: modality.load(draft.parts, item), range(2))
    require(
        same(first, second),
        f"{named(modality, 'load')} of {item.key} differs between two threads",
        "several threads may load at once",
    )
    if draft.size is not None:
        require(
            isinstance(modality, Contents) and any(modality.content(draft.parts, item)),
            f"{named(modality, 'content')} of {item.key} gives no bytes",
            "a row that is not read when it is found is read by `content`",
        )
    require(
        list(modality.check(item, ())) == [],
        f"{named(modality, 'check')} finds a problem where there are no annotations",
        "check says what is wrong with these annotations",
    )


def _check_bad(modality: Modality, path: Path, settings: Any) -> None:
    found = _scanned(modality, path, settings)
    require(
        len(found) > 0,
        f"{named(modality, 'scan')} passes over {path.name} in silence",
        "a file that is named and cannot be an item is Skipped, with the reason",
    )
    for draft in found:
        if isinstance(draft, Skipped):
            continue
        item, method = item_of(draft, path.parent), named(modality, "load")
        contract = "media that is damaged raises MediaError, which names the file"
        try:
            modality.load(draft.parts, item)
        except MediaError as error:
            require(path.name in error.message, f"{method} says {error.message!r} of {path.name}", contract)
        except Exception as error:
            raise ContractError(f"{method} of {path.name} raises {type(error).__name__}: {error}", contract) from error
        else:
            raise ContractError(f"{method} takes {path.name} for a sound one", contract)


def _check_others(modality: Modality, settings: Any) -> None:
    """Files of another kind."""
    with TemporaryDirectory() as folder:
        other = Path(folder) / "notes.of-another-kind"
        other.write_text("nothing to label")
        method = named(modality, "scan")
        require(
            _scanned(modality, Path(folder), settings) == [],
            f"{method} of a folder yields {other.name}",
            "files of other kinds in a folder are passed over in silence",
        )
        found = _scanned(modality, other, settings)
        require(
            len(found) == 1 and isinstance(found[0], Skipped),
            f"{method} of {other.name} yields {found!r}",
            "a file of another kind that is named itself is Skipped",
        )
