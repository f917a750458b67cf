"""`trainset embed` and `trainset similar`: vectors of items, and which items are alike by them."""

from __future__ import annotations

import time

import click

from trainset.commands.common import dataset, json_option, plural, progress, say, show, show_json, table
from trainset.core.allocator import keep_freed_memory
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.embedding import Embedding, Progress, all_items, open_embedding
from trainset.core.files import visible
from trainset.core.model import Task

embedder_option = click.option("--embedder", "name", metavar="N", default="", help="The embedder; else the first.")


@click.command()
@embedder_option
def embed(name: str) -> None:
    """Make the vectors of all items, by which near-duplicates and outliers are found.

    Rules make what they lack themselves; this does it ahead. What was made is kept, in the cache, until the media change,
    and an interrupted run goes on where it stopped. What failed before is tried again.
    """
    with dataset() as opened:
        embedding = open_embedding(opened, name)
        started = time.monotonic()
        done = run(opened, embedding, again=True)
        seconds = time.monotonic() - started
        show(
            f"embedder {embedding.name}: {plural(done.made, 'vector')} made in {seconds:.1f} s, {done.known:,} there already, "
            f"{done.failed:,} failed; {embedding.space.width} numbers each"
        )
        for key, error in done.failures[:10]:
            say(f"failed {visible(key)}: {error}")
        if done.failed > 10:
            say(f"failed {done.failed - 10:,} more")


def run(opened: Dataset, embedding: Embedding, *, again: bool = False) -> Progress:
    """Make what is missing, with a bar; what was done so far stays also when it is interrupted."""
    keep_freed_memory()
    started = time.monotonic()
    with progress(f"embedding by {embedding.name}", len(opened)) as bar:
        seen = 0

        def tick(p: Progress) -> None:
            nonlocal seen
            bar.update(p.done - seen, p.made / max(time.monotonic() - started, 1e-9) if p.made else None)
            seen = p.done

        return embedding.ensure(all_items(opened), tick, again=again)


def ahead(opened: Dataset, task: Task) -> None:
    """Make the vectors that the rules of a task will ask for: those whose settings name an `embedder`."""
    wanted = []
    for config in task.rules:
        _, settings, _ = opened.kit.rule(config, opened.config.place("tasks", task.name, "rules", config.name))
        wanted += [name for name in [getattr(settings, "embedder", None)] if name is not None]
    for name in dict.fromkeys(wanted):
        done = run(opened, open_embedding(opened, name))
        if done.failed:
            say(
                f"{plural(done.failed, 'item')} without a vector, such as {visible(done.failures[0][0])}: {done.failures[0][1]}"
            )


@click.command()
@click.argument("item")
@click.option(
    "--count", "-n", type=click.IntRange(1, 1000), default=10, metavar="N", help="How many.", show_default=True
)
@embedder_option
@json_option
def similar(item: str, count: int, name: str, as_json: bool) -> None:
    """The items that are most like ITEM, by their vectors."""
    with dataset() as opened:
        found = opened.item(item)
        context = TaskContext(opened, Task(name="", type=""))
        ((_, near),) = context.neighbours([found], count, name)
        if as_json:
            show_json([{"key": n.item, "similarity": round(n.similarity, 4)} for n in near])
            return
        for line in table([(f"{n.similarity:.4f}", n.item) for n in near]):
            show(line)
        if not near:
            say("it has no vector: `trainset embed` says why" if len(opened) > 1 else "there is no other item")
