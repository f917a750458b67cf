"""Portions of items through a shared model: what is held at once, and failures that stay with their item."""

import pytest

from trainset.core.workers import Failed, outputs


@pytest.mark.parametrize(("batch", "held", "together"), [(1, 1, 1), (1, 3, 3), (2, 4, 4), (2, 5, 4), (4, 1, 4)])
def test_so_many_items_are_prepared_before_the_first_batch_is_inferred(batch, held, together):
    calls = []

    def prepare(item):
        calls.append("prepare")
        return item

    def infer(some):
        calls.append(len(some))
        return some

    assert list(outputs(range(8), batch, prepare, infer, held)) == [(n, n) for n in range(8)]
    assert calls[: together + 1] == ["prepare"] * together + [batch]


def test_an_item_that_fails_in_a_batch_fails_alone_whatever_is_held():
    def infer(some):
        if 3 in some:
            raise ValueError("three")
        return some

    found = dict(outputs(range(8), 2, lambda item: item, infer, 4))
    assert [item for item, output in found.items() if isinstance(output, Failed)] == [3]
    assert [output for item, output in found.items() if item != 3] == [0, 1, 2, 4, 5, 6, 7]
