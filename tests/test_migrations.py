"""What labels that were given earlier mean today: laws over any migrations, and what a dataset makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core import migrating
from trainset.core.committing import commit
from trainset.core.fold import Vote, fold
from trainset.core.migrations import Migrations
from trainset.core.model import Attribute, Class, Migration
from trainset.core.verify import Summary, verify
from trainset.errors import UsageError

from .command import states as stand
from .command import trainset
from .kit import add, answer, decide, git, open_, propose, recorder, states, task


def history(**records):
    return Migrations({rid: Migration(**fields) for rid, fields in records.items()})


def reads(migrations, label, *known):
    since = migrations.since(known)
    return since.label(label) if since else label


def why(migrations, label, *known):
    since = migrations.since(known)
    return since.look([label]) if since else None


RENAMED = {"labels": ("a",), "into": ("b",)}


# -- one after the other ---------------------------------------------------------------------------------------


def test_a_renamed_label_is_read_under_its_new_name():
    assert reads(history(m1=RENAMED), "a") == "b"


def test_who_knew_of_the_change_meant_what_they_wrote():
    assert reads(history(m1=RENAMED), "a", "m1") == "a"


def test_changes_that_follow_each_other_are_read_in_turn():
    chain = history(m1=RENAMED, m2={"labels": ("b",), "into": ("c",), "on": ("m1",)})
    assert (reads(chain, "a"), reads(chain, "b", "m1"), chain.heads) == ("c", "c", ("m2",))


def test_labels_that_swap_their_names_stay_apart():
    swap = history(
        m1={"labels": ("a",), "into": ("t",)},
        m2={"labels": ("b",), "into": ("a",), "on": ("m1",)},
        m3={"labels": ("t",), "into": ("b",), "on": ("m1", "m2")},
    )
    assert (reads(swap, "a"), reads(swap, "b"), swap.contradictions()) == ("b", "a", ())


def test_what_was_split_or_retired_is_looked_at_again_under_the_name_that_it_had_last():
    split = history(m1=RENAMED, m2={"labels": ("b",), "into": ("c", "d"), "on": ("m1",)})
    assert (reads(split, "a"), why(split, "a")) == ("b", "label 'b' was split into c, d")
    assert why(history(m1={"labels": ("a",)}), "a") == "label 'a' was retired"


def test_a_retired_label_may_come_back():
    back = history(m1={"labels": ("a",)}, m2={"labels": ("a",), "into": ("a",), "on": ("m1",)})
    assert why(back, "a") is None


def test_an_attribute_that_was_added_has_its_value_where_it_was_not_asked_for():
    added = history(m1={"attribute": "bent", "value": False, "labels": ("a",)}).since(())
    (of_a,) = added.annotations([Class(id="1", label="a")])
    (of_b,) = added.annotations([Class(id="1", label="b")])
    (own,) = added.annotations([Class(id="1", label="a", attributes={"bent": True})])
    assert (of_a.attributes, of_b.attributes, own.attributes) == ({"bent": False}, {}, {"bent": True})


def test_a_required_attribute_without_a_value_is_asked_for():
    required = history(m1=RENAMED, m2={"attribute": "bent", "required": True, "labels": ("b",), "on": ("m1",)})
    assert why(required, "a") == "attribute 'bent' was added"
    assert why(required, "c") is None


# -- beside each other -----------------------------------------------------------------------------------------


def test_two_clones_that_say_the_same_agree():
    twice = history(m1=RENAMED, m2=RENAMED)
    assert (reads(twice, "a"), twice.contradictions(), twice.heads) == ("b", (), ("m1", "m2"))


def test_what_one_clone_made_of_a_label_goes_on_to_what_the_other_made_of_that():
    both = history(m1=RENAMED, m2={"labels": ("b",), "into": ("c",)})
    assert (reads(both, "a"), reads(both, "b", "m1")) == ("c", "c")


@pytest.mark.parametrize(
    "other",
    [{"labels": ("a",), "into": ("c",)}, {"labels": ("a",)}, {"labels": ("a",), "into": ("b", "c")}, {"labels": ("b",), "into": ("a",)}],
)  # fmt: skip
def test_two_that_contradict_each_other_change_nothing_until_a_third_settles_it(other):
    torn = {"m1": RENAMED, "m2": other}
    assert reads(history(**torn), "a") == "a"
    assert why(history(**torn), "a").startswith("migrations contradict each other: label 'a' was ")
    assert history(**torn).contradictions()
    settled = history(**torn, m3={"labels": ("a",), "into": ("b",), "on": ("m1", "m2")})
    assert (reads(settled, "a"), settled.contradictions()) == ("b", ())


def test_attributes_that_two_clones_gave_different_values_contradict():
    torn = history(m1={"attribute": "bent", "value": False}, m2={"attribute": "bent", "value": True})
    assert torn.contradictions() == ("migrations contradict each other: attribute 'bent' was False and True",)
    assert torn.since(()).annotations([Class(id="1", label="a")])[0].attributes == {}


@st.composite
def histories(draw):
    """Migrations as clones could have made them: each names some earlier ones with all that these followed."""
    records = {}
    for n in range(draw(st.integers(0, 7))):
        seen = draw(st.sets(st.sampled_from(sorted(records)))) if records else set()
        on = set(seen).union(*(records[s].on for s in seen))
        labels = draw(st.sets(st.sampled_from("abcd"), min_size=1, max_size=2))
        into = draw(st.lists(st.sampled_from("abcd"), max_size=2, unique=True))
        name = f"{draw(st.integers(0, 99)):02}.{n}"
        records[name] = Migration(labels=tuple(sorted(labels)), into=tuple(into), on=tuple(sorted(on)))
    return records


@given(histories(), st.randoms(), st.data())
def test_no_order_of_the_records_matters(records, chance, data):
    names = list(records)
    chance.shuffle(names)
    known = data.draw(st.sets(st.sampled_from(names))) if names else set()
    one, other = Migrations(records), Migrations({name: records[name] for name in names})
    for label in "abcd":
        assert reads(one, label, *known) == reads(other, label, *known)
        assert why(one, label, *known) == why(other, label, *known)
    assert (one.heads, one.contradictions()) == (other.heads, other.contradictions())


@given(histories())
def test_a_record_that_knows_the_heads_is_read_as_it_stands(records):
    found = Migrations(records)
    assert found.since(found.heads) is None


@given(histories(), st.sampled_from("abcd"), st.sampled_from("abcd"))
def test_a_last_word_on_a_label_settles_whatever_was_said_of_it(records, label, into):
    last = Migration(labels=(label,), into=(into,), on=tuple(records))
    found = Migrations({**records, "zz": last})
    assert (reads(found, label), why(found, label)) == (into, None)


# -- where an item stands --------------------------------------------------------------------------------------


def test_an_answer_to_another_question_waits_and_one_given_since_stands():
    old = Vote("1", "ana", "corrected", look="label 'a' was split into b, c")
    new = Vote("2", "ben", "corrected")
    found = fold([old], lambda a, b: True)
    assert (found.state, found.reasons) == ("stale", ("stale: label 'a' was split into b, c",))
    assert fold([old, new], lambda a, b: False).answer == ("2",)


def test_decisions_and_proposals_are_read_under_todays_names(dataset):
    add(dataset, "n/1", "n/2")
    decide(dataset, "n/1", "a")
    propose(dataset, {"n/2": ("a", 0.9)})
    migrating.rename(dataset, task(dataset), "a", "z")
    question = task(dataset)
    assert [x.label for x in dataset.answer(question, dataset.row("n/1", question))] == ["z"]
    assert [x.label for x in dataset.proposal(question, dataset.row("n/2", question))] == ["z"]
    assert [row.item.key for row in dataset.rows(question, "label = z")] == ["n/1", "n/2"]
    assert (question.label("a"), question.label("z").index) == (question.label("z"), 0)


def test_a_proposal_that_is_accepted_is_recorded_under_todays_names(dataset):
    add(dataset, "n/1")
    propose(dataset, {"n/1": ("a", 0.9)})
    migrating.merge(dataset, task(dataset), ["a"], "b")
    decide(dataset, "n/1", verdict="accepted")
    row = dataset.row("n/1", task(dataset))
    decision, header = dataset.decision(row.answer[0])
    assert (b'"label":"b"' in bytes(decision.annotations), header.migrations) == (
        True,
        dataset.changes(task(dataset)).heads,
    )


def test_people_who_said_the_same_under_two_names_agree(dataset):
    add(dataset, "n/1")
    ana, ben = recorder(dataset), recorder(dataset, "ben")
    row = dataset.row("n/1", task(dataset))
    ana.decide(row, "corrected", answer("a"))
    ben.decide(row, "corrected", answer("b"))
    assert states(dataset) == {"n/1": "disputed"}
    migrating.merge(dataset, task(dataset), ["a"], "b")
    assert states(dataset) == {"n/1": "reviewed"}


def test_what_was_split_waits_until_a_person_says_which(dataset):
    add(dataset, "n/1", "n/2")
    decide(dataset, "n/1", "a")
    decide(dataset, "n/2", "b")
    done = migrating.split(dataset, task(dataset), "a", ["x", "y"])
    assert (done.again, states(dataset)) == (1, {"n/1": "stale", "n/2": "reviewed"})
    with pytest.raises(UsageError, match="'a' was split into x, y"):
        decide(dataset, "n/1", verdict="accepted")
    decide(dataset, "n/1", "y")
    assert states(dataset) == {"n/1": "reviewed", "n/2": "reviewed"}


def test_a_revision_is_read_as_it_was(dataset):
    add(dataset, "n/1")
    decide(dataset, "n/1", "a")
    before = commit(dataset).id
    migrating.rename(dataset, task(dataset), "a", "z")
    after = commit(dataset).id
    for revision, label in ((before, "a"), (after, "z")):
        with open_(dataset.root, revision) as then:
            assert [x.label for x in then.answer(task(then), then.row("n/1", task(then)))] == [label]


def test_a_contradiction_of_two_clones_is_named_and_settled(dataset, tmp_path):
    add(dataset, "n/1")
    decide(dataset, "n/1", "a")
    commit(dataset)
    git(tmp_path, "clone", "-q", dataset.root, "other")
    with open_(tmp_path / "other") as other:
        migrating.merge(other, task(other), ["a"], "c")
        commit(other)
    migrating.merge(dataset, task(dataset), ["a"], "b")
    commit(dataset)
    git(dataset.root, "pull", "-q", "--no-rebase", "--no-edit", tmp_path / "other", "main")
    dataset.reload()
    assert dataset.row("n/1", task(dataset)).reasons == (
        "stale: migrations contradict each other: label 'a' was made 'b' and made 'c'",
    )
    assert [f.message for f in verify(dataset, Summary()) if not f.note]
    migrating.merge(dataset, task(dataset), ["a"], "c")
    assert not [f.message for f in verify(dataset, Summary()) if not f.note]
    assert [x.label for x in dataset.answer(task(dataset), dataset.row("n/1", task(dataset)))] == ["c"]


def test_an_attribute_is_asked_for_from_now_on(dataset):
    add(dataset, "n/1")
    decide(dataset, "n/1", "a")
    migrating.add_attribute(dataset, task(dataset), Attribute(name="sure", type="flag"), value=True)
    question = task(dataset)
    assert dataset.answer(question, dataset.row("n/1", question))[0].attributes == {"sure": True}
    assert [row.item.key for row in dataset.rows(question, "attribute.sure = true")] == ["n/1"]


def test_the_commands_change_the_settings_wherever_a_label_is_named(parts):
    toml = parts / "trainset.toml"
    toml.write_text(
        toml.read_text() + '\n[tasks.parts.attributes]\nbent = {type = "flag", labels = ["screw"]}  # seen\n'
    )
    trainset("decide", "media/p0.png", "--verdict", "corrected", "--annotations",
             '[{"label": "screw", "box": [8, 10, 14, 12]}]', cwd=parts)  # fmt: skip
    assert "screw is bolt now" in trainset("task", "rename-label", "parts", "screw", "bolt", cwd=parts).out
    assert 'labels = ["bolt"]}  # seen' in toml.read_text()
    told = trainset("task", "split-label", "parts", "bolt", "--into", "hex,wing", cwd=parts).out
    assert told.endswith("; 1 item wait for another look\n") or told.endswith("1 item waits for another look\n")
    assert stand(parts)["media/p0.png"] == "stale"
    trainset("task", "retire-label", "parts", "nut", cwd=parts)
    trainset("task", "add-attribute", "parts", "shade:choice:light,dark", "--value", "light", cwd=parts)
    trainset("task", "add-attribute", "parts", "shade:hue", cwd=parts, code=2)
    trainset("task", "rename-label", "parts", "cog", "gear", cwd=parts, code=2)
    assert trainset("verify", cwd=parts)


def test_saying_a_rename_again_settles_what_two_clones_called_differently(dataset, tmp_path):
    """Also of objects that were given the losing name meanwhile."""
    add(dataset, "n/1", "n/2")
    decide(dataset, "n/1", "a")
    commit(dataset)
    git(tmp_path, "clone", "-q", dataset.root, "other")
    with open_(tmp_path / "other") as other:
        migrating.rename(other, task(other), "a", "pin")
        decide(other, "n/2", "pin", who="ben")
        commit(other)
    migrating.rename(dataset, task(dataset), "a", "hex")
    commit(dataset)
    git(dataset.root, "fetch", "-q", tmp_path / "other", "main")
    git(dataset.root, "merge", "-q", "--no-commit", "FETCH_HEAD", check=False)
    git(dataset.root, "checkout", "--ours", "trainset.toml")
    git(dataset.root, "add", "-A")
    git(dataset.root, "commit", "-qm", "merged")
    dataset.reload()
    assert dataset.changes(task(dataset)).contradictions()
    migrating.rename(dataset, task(dataset), "a", "hex")
    assert dataset.changes(task(dataset)).contradictions() == ()
    question = task(dataset)
    for key in ("n/1", "n/2"):
        assert [x.label for x in dataset.answer(question, dataset.row(key, question))] == ["hex"]
