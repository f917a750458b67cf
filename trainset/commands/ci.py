"""`trainset verify --ci`: problems as compilers print them, for hooks and for jobs without people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainset.commands.common import dataset, plural, say, show, show_json, workspace
from trainset.core import config
from trainset.core.proving import releases
from trainset.core.staged import Staged
from trainset.core.verify import Finding, Summary, verify
from trainset.workspace import find_root


def verify_ci(since: str | None, as_json: bool) -> int:
    """Print what is wrong: in all label files, or in those in which what is staged differs from a revision. The exit code."""
    summary = Summary()
    with _found(since, summary) as found:
        problems = [(f.file, max(f.line, 1), f.message) for f in found if not f.note]
    if as_json:
        show_json([{"file": file, "line": line, "message": message} for file, line, message in problems])
    else:
        for file, line, message in problems:
            show(f"{file}:{line}: {message}")
    say(
        f"{plural(len(problems), 'problem')} in {plural(summary.files, 'label file')} with {plural(summary.records, 'record')}"
    )
    return 1 if problems else 0


@contextmanager
def _found(since: str | None, summary: Summary) -> Iterator[Iterator[Finding]]:
    if since is None:
        with dataset() as opened:
            yield iter([*verify(opened, summary, None), *releases(opened, summary)])
    else:
        root = find_root(Path.cwd())
        kit = workspace().kit(config.load(root).dataset.modality)
        staged = Staged(root, kit, since)
        try:
            yield staged.verify(summary)
        finally:
            staged.repository.close()
