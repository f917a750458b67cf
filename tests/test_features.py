"""Vectors of items: made once for the bytes they describe, kept in the cache, and nothing lost without it."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.embedding import all_items, open_embedding
from trainset.core.files import digest
from trainset.core.neighbours import QUERIES
from trainset.core.protocols import Limits
from trainset.core.registering import add
from trainset.errors import ConfigError, MediaError, ModelError

from .kit import NotesKit, lay


class Lengths:
    """Vectors of what a note says: numbers as they stand there. `asked` are the notes that were read."""

    def __init__(self, batch=2):
        self.limits = Limits(batch=batch, concurrency=2)
        self.asked = []

    def prepare(self, item, media):
        self.asked.append(item.key)
        text = media.load(item)
        if text.startswith("damaged"):
            raise MediaError(f"{item.key} is damaged")
        return text

    def infer(self, batch):
        if any(text.startswith("bug") for text in batch):
            raise ZeroDivisionError("oh")
        return [np.array(text.split(), np.float32) for text in batch]

    def providers(self):
        return ()


class Kit(NotesKit):
    def __init__(self, embedder, identity="one"):
        self.made, self.identity = embedder, identity

    def embedders(self):
        return ["numbers"]

    def embedder(self, config, place, providers, where):
        return digest(self.identity.encode()), lambda: self.made


@pytest.fixture
def notes(tmp_path):
    """A dataset of notes, by name, that can be opened again: `at(embedder)`."""
    root = lay(tmp_path / "notes")
    opened = []

    def write(name, text):
        path = root / "media" / f"{name}.txt"
        path.write_text(text)

    def at(embedder=None, identity="one"):
        dataset = Dataset(root, Kit(embedder or Lengths(), identity))
        opened.append(dataset)
        list(add(dataset, [root / "media"]))
        return dataset

    yield SimpleNamespace(root=root, write=write, at=at)
    for dataset in opened:
        dataset.close()


def features(dataset, *names):
    context = TaskContext(dataset, dataset.config.task("kinds"))
    return context.features([dataset.item(f"media/{n}.txt") for n in names])


def made(dataset, **more):
    return open_embedding(dataset).ensure(all_items(dataset), **more)


def test_vectors_are_those_of_the_items_in_the_order_asked(notes):
    for name, text in (("a", "1 2"), ("b", "3 4"), ("c", "5 6")):
        notes.write(name, text)
    assert features(notes.at(), "c", "a", "b").tolist() == [[5, 6], [1, 2], [3, 4]]


def test_vectors_are_made_once(notes):
    notes.write("a", "1 2")
    assert (made(notes.at()).made, made(notes.at()).known) == (1, 1)
    embedder = Lengths()
    features(notes.at(embedder), "a")
    assert not embedder.asked


def test_changed_media_get_a_new_vector(notes):
    notes.write("a", "1 2")
    assert features(notes.at(), "a").tolist() == [[1, 2]]
    notes.write("a", "7 8")
    os.utime(notes.root / "media" / "a.txt", ns=(1, 1))
    assert features(notes.at(), "a").tolist() == [[7, 8]]


def test_another_identity_has_vectors_of_its_own(notes):
    notes.write("a", "1 2")
    made(notes.at())
    assert made(notes.at(identity="two")).made == 1


def test_items_of_the_same_bytes_share_a_vector(notes):
    notes.write("a", "1 2")
    notes.write("b", "1 2")
    dataset = notes.at()
    made(dataset)
    assert len(open_embedding(dataset).space.vectors()) == 1
    assert features(dataset, "a", "b").tolist() == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("text", "why"),
    [("nan 1", "NaN or infinite"), ("inf 1", "NaN or infinite"), ("0 0", "all zeros"), ("1 2 3", "3 numbers"),
     ("damaged", "media/z.txt is damaged"), ("bug", "failed with ZeroDivisionError")],
)  # fmt: skip
def test_what_is_no_vector_fails_its_item_alone(notes, text, why):
    for n in range(3):
        notes.write(f"a{n}", f"1 {n}")
    dataset = notes.at()
    made(dataset)
    notes.write("z", text)
    dataset = notes.at()
    done = made(dataset)
    assert [key for key, _ in done.failures] == ["media/z.txt"] and why in done.failures[0][1]
    found = features(dataset, "a0", "z", "a2")
    assert np.isnan(found[1]).all() and found[[0, 2]].tolist() == [[1, 0], [1, 2]]


def test_what_failed_is_tried_again_when_asked_or_when_it_changed(notes):
    notes.write("a", "1 2")
    notes.write("z", "damaged")
    made(notes.at())
    embedder = Lengths()
    dataset = notes.at(embedder)
    assert made(dataset).failed == 1 and not embedder.asked
    assert made(dataset, again=True).failed == 1 and embedder.asked == ["media/z.txt"]
    notes.write("z", "3 4")
    assert made(notes.at()).made == 1


def test_it_gives_up_where_nothing_succeeds(notes):
    for n in range(60):
        notes.write(f"{n:02}", f"damaged {n}")
    with pytest.raises(ModelError, match="all of the first"):
        made(notes.at(), again=True)
    assert made(notes.at()).failed == 60


def test_an_interrupted_run_goes_on(notes):
    for n in range(80):
        notes.write(f"{n:02}", f"1 {n}")
    dataset = notes.at()

    def stop(p):
        if p.made >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(dataset, tick=stop)
    done = made(notes.at())
    assert done.known >= 16 and done.known + done.made == 80


def test_neighbours_are_the_same_when_they_were_kept(notes):
    for n in range(QUERIES + 8):
        notes.write(f"{n:04}", f"{np.cos(n)} {np.sin(n)}")
    first, again = (_neighbours(notes.at()) for _ in range(2))
    (kept,) = (notes.root / ".trainset" / "features").glob("*.near.npz")
    kept.unlink()
    assert first == again == _neighbours(notes.at())


def _neighbours(dataset):
    context = TaskContext(dataset, dataset.config.task("kinds"))
    return {item.key: [n.item for n in near] for item, near in context.neighbours(context.items, 3)}


def test_neighbours_among_some_items_are_of_these_alone(notes):
    for name, text in (("a", "1 0"), ("b", "1 0.1"), ("c", "1 0.2"), ("d", "0 1")):
        notes.write(name, text)
    dataset = notes.at()
    context = TaskContext(dataset, dataset.config.task("kinds"))
    a, b, c, d = context.items
    assert [[n.item for n in near] for _, near in context.neighbours([a, b], 2, among=[a, c, d])] == [
        [c.key, d.key], [c.key, a.key]
    ]  # fmt: skip


@pytest.mark.parametrize("lost", ["*.f32", "features.sqlite*", "*"])
def test_nothing_is_lost_where_the_cache_is_deleted(notes, lost):
    notes.write("a", "1 2")
    notes.write("b", "3 4")
    made(notes.at())
    for path in (notes.root / ".trainset" / "features").glob(lost):
        path.unlink()
    assert features(notes.at(), "a", "b").tolist() == [[1, 2], [3, 4]]


def test_a_file_cut_short_is_made_anew(notes):
    for n in range(4):
        notes.write(f"a{n}", f"1 {n}")
    made(notes.at())
    (path,) = (notes.root / ".trainset" / "features").glob("*.f32")
    os.truncate(path, 12)
    assert features(notes.at(), "a0", "a1", "a2", "a3").tolist() == [[1, 0], [1, 1], [1, 2], [1, 3]]


def test_a_damaged_database_is_made_anew(notes):
    notes.write("a", "1 2")
    dataset = notes.at()
    made(dataset)
    (notes.root / ".trainset" / "features" / "features.sqlite").write_bytes(b"no database " * 100)
    assert features(notes.at(), "a").tolist() == [[1, 2]]


def test_neighbours_are_the_likest_others_also_of_the_same_bytes(notes):
    for name, text in (("a", "1 0"), ("b", "1 0.1"), ("c", "0 1"), ("d", "1 0"), ("z", "damaged")):
        notes.write(name, text)
    dataset = notes.at()
    context = TaskContext(dataset, dataset.config.task("kinds"))
    found = {item.key[6]: [n.item[6] for n in near] for item, near in context.neighbours(context.items, 2)}
    assert found == {"a": ["d", "b"], "b": ["a", "d"], "c": ["b", "a"], "d": ["a", "b"], "z": []}


def test_digests_are_taken_again_only_where_files_changed(notes, monkeypatch):
    notes.write("a", "1 2")
    dataset = notes.at()
    item = dataset.item("media/a.txt")
    first = TaskContext(dataset, dataset.config.task("kinds")).digest(item)
    assert first == digest(b"1 2")
    monkeypatch.setattr(dataset.media, "digest", lambda item: pytest.fail("it was read"))
    assert TaskContext(dataset, dataset.config.task("kinds")).digest(item) == first


def test_an_embedder_that_there_is_not_is_named_with_those_there_are(notes):
    dataset = notes.at()
    with pytest.raises(ConfigError, match="no embedder 'dino'") as raised:
        open_embedding(dataset, "dino")
    assert "numbers" in raised.value.hint
