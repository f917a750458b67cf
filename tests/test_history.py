"""Clones, branches and revisions: label files come together without conflict, and the past stays readable."""

import subprocess

import pytest

from trainset.core.committing import commit
from trainset.core.history import Repository
from trainset.core.records import check
from trainset.core.verify import Summary, verify
from trainset.errors import TrainsetError

from .kit import KINDS, add, decide, git, label_files, open_, propose, record_ids, recorder, states, task


@pytest.fixture
def origin(dataset):
    """A dataset with three items in its first commit."""
    add(dataset, "n/1", "n/2", "n/3")
    commit(dataset)
    return dataset


@pytest.fixture
def clone(origin, tmp_path):
    """A clone of it."""
    git(tmp_path, "clone", "-q", origin.root, "clone")
    with open_(tmp_path / "clone") as opened:
        yield opened


def sound(dataset):
    dataset.index.refresh()
    return [f.message for f in verify(dataset, Summary()) if not f.note] == []


def work(origin, clone):
    """Both decide, over several commits, partly on the same items."""
    for n, (dataset, who) in enumerate(((origin, "ana"), (clone, "ben"))):
        session = recorder(dataset, who)
        for label in "ab":
            decide(dataset, f"n/{n + 1}", label, who=who, session=session)
            decide(dataset, "n/3", "ab"[n], who=who, session=session)
            commit(dataset)
        session.close()
    git(clone.root, "fetch", "-q")


def merge(root):
    git(root, "merge", "-q", "--no-edit", "origin/main")


def rebase(root):
    git(root, "rebase", "-q", "origin/main")


def cherry_pick(root):
    git(root, "checkout", "-q", "-b", "mine", "origin/main")
    git(root, "cherry-pick", "HEAD..main")


def cherry_pick_the_last_alone(root):
    last = git(root, "rev-parse", "main")
    git(root, "reset", "-q", "--hard", "origin/main")
    git(root, "cherry-pick", last)


def squash(root):
    git(root, "checkout", "-q", "-b", "mine", "origin/main")
    git(root, "merge", "-q", "--squash", "main")
    git(root, "commit", "-qm", "everything")


@pytest.mark.parametrize("way", [merge, rebase, cherry_pick, squash])
def test_the_work_of_two_clones_comes_together_without_conflict(origin, clone, way):
    work(origin, clone)
    every = record_ids(origin.root) | record_ids(clone.root)
    way(clone.root)
    assert git(clone.root, "status", "--porcelain") == ""
    assert record_ids(clone.root) == every
    assert sound(clone)
    assert states(clone) == {"n/1": "reviewed", "n/2": "reviewed", "n/3": "disputed"}


def test_a_part_of_the_work_may_be_picked(origin, clone):
    work(origin, clone)
    cherry_pick_the_last_alone(clone.root)
    assert sound(clone)
    assert states(clone)["n/2"] == "reviewed"


def test_adjudication_after_a_merge_settles_it_in_every_clone(origin, clone):
    work(origin, clone)
    merge(clone.root)
    clone.index.refresh()
    decide(clone, "n/3", "c", who="cy")
    commit(clone)
    git(origin.root, "pull", "-q", str(clone.root), "main")
    origin.index.refresh()
    assert states(origin) == states(clone)
    assert states(origin)["n/3"] == "reviewed"
    assert [a.label for a in origin["n/3"].annotations()] == ["c"]


def test_both_sides_of_a_merge_make_the_same_states(origin, clone):
    work(origin, clone)
    merge(clone.root)
    git(origin.root, "pull", "-q", "--no-rebase", "--no-edit", str(clone.root), "main")
    for dataset in (origin, clone):
        dataset.index.refresh()
    assert {k: v for k, v in origin.index.dump().items() if k != "file"} == {
        k: v for k, v in clone.index.dump().items() if k != "file"
    }


# -- revisions -------------------------------------------------------------------------------------------------


def test_a_revision_is_what_it_was(origin):
    told = {}
    propose(origin, {"n/1": ("a", 0.4), "n/2": ("b", 0.7)})
    for label, key in (("a", "n/1"), ("b", "n/2"), ("c", "n/1")):
        decide(origin, key, label)
        done = commit(origin)
        told[done.id] = (origin.index.dump(), [a.label for a in origin["n/1"].annotations()])
    decide(origin, "n/3", "a")
    for revision, (dump, labels) in told.items():
        with open_(origin.root, rev=revision) as then:
            assert then.index.dump() == dump
            assert [a.label for a in then["n/1"].annotations()] == labels
            assert then["n/2"].proposal()[0].label == "b"


def test_a_revision_has_the_settings_of_its_time(origin):
    first = origin.repository.head()
    toml = origin.root / "trainset.toml"
    toml.write_text(toml.read_text().replace("c = { index = 2 }", "c = { index = 2 }, d = { index = 3 }"))
    origin.reload()
    commit(origin)
    with open_(origin.root, rev=first) as then:
        assert [label.id for label in task(then).labels] == ["a", "b", "c"]


def test_a_revision_cannot_be_written(origin):
    with open_(origin.root, rev="HEAD") as then, pytest.raises(TrainsetError, match="at a revision cannot be written"):
        decide(then, "n/1", "a")


@pytest.mark.parametrize("name", ["nope", "HEAD~99", "--all", "", "HEAD:labels"])
def test_a_revision_that_is_none_is_named(origin, name):
    with pytest.raises(TrainsetError, match="no revision"):
        Repository(origin.root).resolve(name)


def test_a_revision_from_before_the_dataset_is_named(root):
    git(root, "commit", "-q", "--allow-empty", "-m", "before")
    with pytest.raises(TrainsetError, match="there was no trainset"):
        open_(root, rev="HEAD")


@pytest.mark.parametrize("name", ["v1.0", "häutchen", "a/b"])
def test_a_tag_or_branch_names_a_revision(origin, name):
    git(origin.root, "tag", name)
    decide(origin, "n/1", "a")
    commit(origin)
    with open_(origin.root, rev=name) as then:
        assert states(then)["n/1"] == "unlabelled"


def test_a_revision_needs_no_files_of_the_tree(origin):
    decide(origin, "n/1", "a")
    commit(origin)
    for path in label_files(origin.root):
        (origin.root / path).unlink()
    with open_(origin.root, rev="HEAD") as then:
        assert states(then)["n/1"] == "reviewed"


# -- clones that lack something --------------------------------------------------------------------------------


def test_a_shallow_clone_works_and_verify_says_what_it_cannot_see(origin, tmp_path):
    for label in "ab":
        decide(origin, "n/1", label)
        commit(origin)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{origin.root}", "shallow")
    with open_(tmp_path / "shallow") as shallow:
        assert states(shallow) == states(origin)
        decide(shallow, "n/2", "c")
        commit(shallow)
        found = list(verify(shallow, Summary()))
        assert [f.message for f in found if not f.note] == []
        assert any("shallow" in f.message for f in found)
        with pytest.raises(TrainsetError, match="no revision"):
            open_(shallow.root, rev=origin.repository._git("rev-parse", "HEAD~1"))


def test_a_sparse_checkout_works_and_verify_says_what_it_did_not_look_at(origin, tmp_path):
    decide(origin, "n/1", "a")
    propose(origin, {"n/2": ("b", 0.9)})
    commit(origin)
    git(tmp_path, "clone", "-q", "--no-checkout", origin.root, "sparse")
    sparse = tmp_path / "sparse"
    git(sparse, "sparse-checkout", "set", "--no-cone", "/*", "!/predictions/")
    git(sparse, "checkout", "-q", "main")
    with open_(sparse) as opened:
        assert states(opened) == states(origin)
        decide(opened, "n/3", "c")
        commit(opened)
        found = list(verify(opened, Summary()))
        assert [f.message for f in found if not f.note] == []
        assert any("not checked out" in f.message for f in found)
        assert git(sparse, "ls-tree", "-r", "--name-only", "HEAD", "predictions/")
        with open_(sparse, rev="HEAD") as then:
            assert then["n/2"].proposal()[0].label == "b"


def test_a_partial_clone_fetches_what_a_revision_needs_or_says_what_it_lacks(origin, tmp_path):
    git(origin.root, "config", "uploadpack.allowFilter", "true")
    first = origin.repository.head()
    decide(origin, "n/1", "a")
    commit(origin)
    done = subprocess.run(
        ["git", "clone", "-q", "--filter=blob:none", f"file://{origin.root}", str(tmp_path / "partial")],
        capture_output=True,
    )
    assert done.returncode == 0
    with open_(tmp_path / "partial", rev=first) as then:
        assert states(then)["n/1"] == "unlabelled"
    git(tmp_path / "partial", "remote", "set-url", "origin", "file:///nowhere")
    with open_(tmp_path / "partial") as opened:
        assert states(opened)["n/1"] == "reviewed"


# -- what the rest asks of Git ---------------------------------------------------------------------------------


def test_the_fingerprint_changes_with_head_and_index_and_with_nothing_else(origin):
    repository = origin.repository
    seen = [repository.fingerprint()]
    (origin.root / "note").write_text("x")
    assert repository.fingerprint() == seen[0]
    for command in (
        ("add", "note"),
        ("commit", "-qm", "note"),
        ("checkout", "-q", "-b", "side"),
        ("reset", "-q", "HEAD~1"),
    ):
        git(origin.root, *command)
        assert repository.fingerprint() not in seen
        seen.append(repository.fingerprint())


def test_holds_tells_what_the_index_or_head_has(origin):
    repository, new = origin.repository, origin.root / "labels" / "[x]*.jsonl"
    assert repository.holds(origin.root / "trainset.toml")
    new.write_text("x")
    assert not repository.holds(new)
    git(origin.root, "add", "--", f":(literal){new.relative_to(origin.root)}")
    assert repository.holds(new)
    git(origin.root, "rm", "-q", "--cached", "trainset.toml")
    assert repository.holds(origin.root / "trainset.toml")  # HEAD has it still


def test_the_log_names_commits_with_their_whole_message(origin):
    decide(origin, "n/1", "a")
    commit(origin, "First line\n\nand a body with ünïcode\x1f and marks")
    (newest, *_) = origin.repository.log("labels")
    assert newest.author == "Ana Ruiz"
    assert newest.message.strip() == "First line\n\nand a body with ünïcode\x1f and marks"
    assert len(origin.repository.log("labels", limit=1)) == 1
    assert origin.repository.log("nothing") == []


def test_unpushed_counts_against_the_upstream_branch(origin, clone):
    assert origin.repository.unpushed() is None
    assert clone.repository.unpushed() == 0
    decide(clone, "n/1", "a")
    commit(clone)
    assert clone.repository.unpushed() == 1


def test_a_missing_object_is_an_error_that_names_it(origin):
    with pytest.raises(TrainsetError, match="lacks the object"):
        next(origin.repository.blobs(["0" * 39 + "1"]))


def test_a_closed_dataset_leaves_no_process_and_no_descriptor(origin):
    import os

    def children():
        return set(subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True).stdout.split())

    before = len(os.listdir("/proc/self/fd"))
    with open_(origin.root, rev="HEAD") as then:
        states(then)
    assert len(os.listdir("/proc/self/fd")) == before


def test_records_carry_the_file_that_they_continue(origin):
    session = recorder(origin)
    for label in "abc":
        decide(origin, "n/1", label, session=session)
        commit(origin)
    session.close()
    headers = {
        path.rpartition("/")[2][:-6]: check(data)[0] for path, data in label_files(origin.root).items() if KINDS in path
    }
    chain = [h.continues for h in headers.values()]
    assert chain.count(None) == 1
    assert set(chain) - {None} < set(headers)
