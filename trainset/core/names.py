"""What may name a reviewer, a label, or a thing of the dataset. With `where`, the place in a file that the name stands
in, a bad one is the file's error; without, the command line's."""

from __future__ import annotations

import re

from trainset.core.files import short, visible
from trainset.errors import ConfigError, TrainsetError, UsageError

HANDLE = re.compile(r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
LONGEST_LABEL = 200
GENERIC = frozenset((
    "admin", "administrator", "anonymous", "guest", "import", "nobody", "reviewer", "root", "somebody", "system", "test",
    "trainset", "ubuntu", "user",
))  # fmt: skip


def check_name(name: str, what: str, where: str = "") -> None:
    """Refuse what cannot name a task, source, model, rule or split."""
    if not NAME.fullmatch(name):
        raise _refusal(f"{short(name, 80)!r} cannot name a {what}", "use 1 to 63 letters, digits, - and _", where)


def check_handle(handle: str, where: str = "") -> None:
    """Refuse what cannot name one person."""
    if not HANDLE.fullmatch(handle):
        raise _refusal(f"{short(handle, 80)!r} cannot be a reviewer's handle", "use 2 to 32 of a-z, 0-9 and -", where)
    if handle in GENERIC:
        raise _refusal(f"{handle!r} is nobody in particular", "decisions need a person: use a name of yours", where)


def check_label(label: str, where: str = "", what: str = "label") -> None:
    """Refuse what cannot be a label's key: the index, filters and every listing hold it as it is."""
    if not label.strip() or label != label.strip() or "|" in label or visible(label) != label:
        raise _refusal(f"{short(label, 80)!r} cannot be a {what}",
                       "use text of one line without | and without space around it", where)  # fmt: skip
    if len(label) > LONGEST_LABEL:
        raise _refusal(f"{short(label, 40)!r} cannot be a {what}: it has {len(label):,} characters",
                       f"use {LONGEST_LABEL} at most", where)  # fmt: skip


def _refusal(message: str, hint: str, where: str) -> TrainsetError:
    return ConfigError(f"{where}: {message}", hint=hint) if where else UsageError(message, hint=hint)
