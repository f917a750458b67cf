"""Classes by keywords."""

import pytest
from trainset_nlp.prelabel.keywords import Keywords, KeywordsSettings

from trainset.core.model import Item, Label, Task
from trainset.errors import ConfigError
from trainset.plugins.registry import convert
from trainset.testing import MemoryContext

ITEM = Item(key="media/a.csv#1")


def task(*labels, many=False):
    return Task(name="t", type="classify", labels=tuple(Label(id=x, index=i) for i, x in enumerate(labels)), many=many)


def said(text, question, **settings):
    labeller = Keywords(KeywordsSettings(**settings), question)
    prepared = labeller.prepare(ITEM, MemoryContext(question, loaded={ITEM.key: text}))
    (output,) = labeller.infer([prepared])
    return [(a.label, a.score) for a in labeller.decode(output, ITEM)]


def test_a_label_is_known_by_the_words_of_its_name():
    assert said("When does my CARD arrive?", task("card_arrival", "exchange_rate")) == [("card_arrival", 0.5)]


def test_words_of_your_own_take_the_place_of_the_name():
    words = {"spam": ["win", "free money"], "ham": ["meeting"]}
    question = task("spam", "ham")
    assert said("Free   money! You win!", question, words=words)[0] == ("spam", 0.6667)
    assert said("money for free", question, words=words) == []
    assert said("spam", question, words=words) == []


def test_a_word_that_many_labels_share_weighs_little():
    assert said("card lost", task("card_arrival", "card_lost")) == [("card_lost", 0.625)]


def test_no_word_means_no_proposal_and_a_low_score_can_be_left_out():
    assert said("hello", task("a_label", "b_label")) == []
    assert said("card", task("card", "rate"), least=0.6) == []


def test_with_many_every_class_with_a_word_is_proposed():
    assert [x for x, _ in said("red and blue", task("red", "blue", "green", many=True))] == ["blue", "red"]


def test_keywords_of_an_unknown_label_are_an_error_that_lists_the_labels():
    with pytest.raises(ConfigError, match="'spma', which is no label") as caught:
        Keywords(KeywordsSettings(words={"spma": ["x"]}), task("spam"))
    assert "spam" in caught.value.hint


@pytest.mark.parametrize("least", [-0.1, 1.5])
def test_the_least_score_has_a_range(least):
    with pytest.raises(ConfigError, match="least"):
        convert("trainset_nlp.prelabel.keywords:KeywordsSettings", {"least": least}, "model 'm'")
