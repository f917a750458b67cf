"""`trainset release`, and what `trainset verify NAME` tells."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any

import click
import msgspec

from trainset.commands.common import dataset, json_option, plural, progress, say, show, show_json
from trainset.core.dataset import Dataset
from trainset.core.exporting import DECIDED
from trainset.core.history import Tag
from trainset.core.manifest import Manifest, paths
from trainset.core.proving import proof_of, prove
from trainset.core.releasing import ALLOWED, RefusedError
from trainset.core.releasing import release as seal
from trainset.core.verify import Finding
from trainset.errors import UsageError


@click.command()
@click.argument("name")
@click.option("--allow", default="", metavar="STATE,…", help=f"Release although items are {' or '.join(ALLOWED)}.")
@click.option("--message", "-m", help="The message of the tag; else what it is a release of.")
@json_option
def release(name: str, allow: str, message: str | None, as_json: bool) -> None:
    """Check everything, commit, and seal the dataset under the tag NAME, with a manifest and a data card.

    Media whose digest nothing recorded knows are read, once. Refuses with every reason where something is in the way.
    """
    allowed = [state.strip() for state in allow.split(",") if state.strip()]
    if unknown := [state for state in allowed if state not in ALLOWED]:
        raise UsageError(f"{unknown[0]!r} cannot be allowed", hint=f"these can: {', '.join(ALLOWED)}")
    with dataset() as opened:
        bars = _Bars()
        try:
            with closing(bars):
                done = seal(opened, name, allowed, message, bars.tick)
        except RefusedError as error:
            for reason in error.reasons:
                say(f"- {reason}")
            raise
        if as_json:
            show_json({"name": name, "commit": done.tag.commit, "digest": done.manifest.digest, "facts": msgspec.to_builtins(done.manifest.facts)})  # fmt: skip
            return
        if done.read:
            say(f"{plural(done.read, 'item')} read for the first time: their digests are recorded")
        show(f"{name} {done.tag.commit[:10]} {_counted(done.manifest)}; digest {done.manifest.digest}")
        say(f"the data card is {paths(name)[2]}; {_tagged(done.tag)}")
        if opened.repository.remotes():
            say(f"`trainset sync` shares the labels, `git push {opened.repository.remotes()[0]} {name}` the tag")


def _counted(manifest: Manifest) -> str:
    done = ", ".join(f"{name}: {task.count(*DECIDED):,} decided" for name, task in manifest.facts.tasks.items())
    return (
        f"seals {plural(len(manifest.files), 'file')} and {plural(manifest.facts.items, 'item')} ({done or 'no tasks'})"
    )


def _tagged(tag: Tag) -> str:
    if not tag.annotated:
        return "the tag is not annotated"
    by = f"tagged by {tag.tagger} {tag.time}"
    if tag.verified is None:
        return f"{by}, not signed: that nobody moved the tag is not proved"
    return f"{by}, signed" + ("" if tag.verified else "; Git cannot verify the signature here")


class _Bars:
    """One progress bar after the other, by what is being done."""

    def __init__(self) -> None:
        self._what = ""
        self._shown = ExitStack()
        self._bar: Any = None

    def tick(self, what: str, done: int, of: int) -> None:
        """So many more of it are done."""
        if what != self._what:
            self.close()
            self._what, self._bar = what, self._shown.enter_context(progress(what, of))
        self._bar.update(done)

    def close(self) -> None:
        """End the bar that is shown."""
        self._shown.close()


def verify_release(opened: Dataset, name: str, as_json: bool) -> int:
    """Prove a release, and tell it; the exit code."""
    proof = proof_of(opened, name)
    with progress("reading media", None) as bar:

        def tick(done: int, of: int) -> None:
            bar.length = of
            bar.update(done)

        found = list(prove(opened, proof, tick))
    wrong = [f for f in found if not f.note]
    if as_json:
        show_json({
            "release": name, "commit": proof.tag.commit, "annotated": proof.tag.annotated, "tagger": proof.tag.tagger, "time": proof.tag.time,
            "signed": proof.tag.verified is not None, "verified": bool(proof.tag.verified),
            "digest": proof.manifest.digest if proof.manifest else None,
            "problems": [_plain(f) for f in wrong], "notes": [_plain(f) for f in found if f.note],
            "sealed": proof.sealed, "here": proof.here, "media": proof.media, "absent": proof.absent,
        })  # fmt: skip
        return 1 if wrong else 0
    for f in found:
        (say if f.note else show)(f"{'note: ' if f.note else ''}{f.file}: {f.message}")
    show(f"{plural(len(wrong), 'problem')} in release {name}: {plural(proof.sealed, 'file')} as sealed, {proof.here:,} of them here; "
         f"{proof.media:,} media read, {proof.absent:,} not here")  # fmt: skip
    say(_tagged(proof.tag))
    return 1 if wrong else 0


def _plain(finding: Finding) -> dict[str, Any]:
    return {"file": finding.file, "message": finding.message}
