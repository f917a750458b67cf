"""Which item a name in another tool's file means."""

import pytest

from trainset.core.lookup import Names

KEYS = ("media/0.jpg", "media/0/0.jpg", "media/cat/1.jpg", "media/dog/2.jpg", "more/dog/2.jpg")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("media/0.jpg", "media/0.jpg"),
        ("0.jpg", "media/0.jpg"),
        ("0/0.jpg", "media/0/0.jpg"),
        ("1.jpg", "media/cat/1.jpg"),
        ("1", "media/cat/1.jpg"),
        ("dog/1.jpg", None),
        ("dog/2.jpg", None),
        ("media/dog/2.jpg", "media/dog/2.jpg"),
        ("3.jpg", None),
    ],
)
def test_a_name_means_the_key_that_it_names_most_wholly_and_none_of_several(name, key):
    assert Names(KEYS).find(name) == key
