"""Two clones and a bare remote: what each decides reaches the other, and whatever stops a sync leaves nothing half done."""

import shutil

import pytest

from trainset.core import syncing
from trainset.core.committing import commit
from trainset.core.history import Repository
from trainset.core.syncing import sync
from trainset.errors import TrainsetError

from .kit import KINDS, TOML, add, decide, git, lay, open_, propose, states

KEYS = [f"media/{n}.txt" for n in range(6)]


@pytest.fixture
def clones(tmp_path):
    """Ana's clone, which has been pushed, and Ben's, of one bare remote."""
    hub = tmp_path / "hub.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", hub)
    ana = lay(tmp_path / "ana")
    with open_(ana) as opened:
        add(opened, *KEYS)
        commit(opened)
        git(ana, "remote", "add", "origin", hub)
        assert sync(opened).pushed == 1
    git(tmp_path, "clone", "-q", hub, tmp_path / "ben")
    return ana, tmp_path / "ben"


def synced(root):
    with open_(root) as opened:
        return sync(opened)


def say(root, key, label, who):
    with open_(root) as opened:
        decide(opened, key, label, who=who)


def clean(root):
    """Whether nothing is under way, and nothing is left that Git would tell of."""
    return Repository(root).under_way() is None and git(root, "status", "--porcelain") == ""


def test_what_one_decides_reaches_the_other(clones):
    ana, ben = clones
    say(ana, KEYS[0], "a", "ana")
    done = synced(ana)
    assert (done.pushed, done.came.people.total(), done.stopped) == (1, 0, None)
    done = synced(ben)
    assert done.came.people == {"ana": 1}
    assert (done.committed, done.pushed) == (None, 0)
    with open_(ben) as opened:
        assert states(opened)[KEYS[0]] == "reviewed"
    assert synced(ben).summary == ["everything is in step"]


def test_a_dispute_that_arises_and_one_that_is_settled_are_told(clones):
    ana, ben = clones
    say(ana, KEYS[0], "a", "ana")
    say(ben, KEYS[0], "b", "ben")
    synced(ana)
    done = synced(ben)
    assert done.disputes == {KINDS: (1, 0)}
    assert any("1 item(s) came into dispute" in line for line in done.summary)
    synced(ana)
    say(ana, KEYS[0], "b", "ana")
    synced(ana)
    assert synced(ben).disputes == {KINDS: (0, 1)}


def test_new_items_and_runs_are_counted(clones):
    ana, ben = clones
    with open_(ana) as opened:
        add(opened, "media/new.txt")
        propose(opened, {KEYS[1]: ("a", 0.5)})
    synced(ana)
    done = synced(ben)
    assert (done.items, done.came.runs) == (1, 1)
    assert "1 item(s) pre-labelled" in done.summary[0]
    assert "1 new item(s)" in done.summary[0]


def test_without_a_remote_it_commits_and_says_so(root):
    with open_(root) as opened:
        add(opened, *KEYS)
        done = sync(opened)
    assert (done.pushed, done.stopped) == (None, None)
    assert done.summary[0].startswith("committed ")
    assert clean(root)


def test_offline_it_commits_and_says_what_was_done(clones, tmp_path):
    ana, _ = clones
    (tmp_path / "hub.git").rename(tmp_path / "away")
    say(ana, KEYS[0], "a", "ana")
    done = synced(ana)
    assert done.committed is not None
    assert "origin could not be reached" in done.stopped.message
    assert "stays here" in done.stopped.hint
    (tmp_path / "away").rename(tmp_path / "hub.git")
    assert synced(ana).pushed == 1


def overtaken(monkeypatch, times, push):
    """Somebody else pushes before each of the first so many pushes of this process."""
    real, left = Repository.push, [times]

    def late(self, remote, branch):
        if left[0]:
            left[0] -= 1
            push(times - left[0])
        return real(self, remote, branch)

    monkeypatch.setattr(Repository, "push", late)


def others_push(root, n):
    (root / f"note{n}").write_text("x")
    git(root, "pull", "-q", "--no-rebase")
    git(root, "add", "-A")
    git(root, "commit", "-qm", f"note {n}")
    git(root, "push", "-q")


def test_a_push_that_others_overtake_is_tried_again(clones, monkeypatch):
    ana, ben = clones
    say(ana, KEYS[0], "a", "ana")
    overtaken(monkeypatch, 2, lambda n: others_push(ben, n))
    done = synced(ana)
    assert done.stopped is None
    assert done.pushed == 3  # the decision, and a merge for each time
    assert (ana / "note2").exists()


def test_who_is_overtaken_for_ever_stops_and_is_told(clones, monkeypatch):
    ana, ben = clones
    say(ana, KEYS[0], "a", "ana")
    overtaken(monkeypatch, 99, lambda n: others_push(ben, n))
    done = synced(ana)
    assert f"{syncing.TRIES} times" in done.stopped.message
    assert clean(ana)


def test_settings_that_conflict_leave_the_merge_undone_and_the_labels_committed(clones):
    ana, ben = clones
    for root, name in ((ana, "anas"), (ben, "bens")):
        (root / "trainset.toml").write_text(TOML.replace('name = "notes"', f'name = "{name}"'))
    say(ben, KEYS[1], "b", "ben")
    synced(ana)
    done = synced(ben)
    assert "trainset.toml" in done.stopped.message
    assert "git merge origin/main" in done.stopped.hint
    assert done.committed is not None
    assert clean(ben)
    assert 'name = "bens"' in (ben / "trainset.toml").read_text()
    git(ben, "merge", "-q", "-X", "ours", "origin/main")
    assert synced(ben).pushed
    assert synced(ana).came.people == {"ben": 1}


def test_settings_that_merge_into_what_cannot_be_read_are_not_taken_in(clones):
    ana, ben = clones
    for root, name, at in ((ana, "new", "[tasks"), (ben, "other", "[reviewers.ana]")):
        text = (root / "trainset.toml").read_text()
        task = f"[tasks.kinds.labels.{name}]\nindex = 7\n\n"
        base = text.replace("labels = { a = { index = 0 }, b = { index = 1 }, c = { index = 2 } }", "")
        (root / "trainset.toml").write_text(base.replace(at, task + at, 1) if root == ben else base + "\n" + task)
    synced(ana)
    done = synced(ben)
    assert done.stopped is not None
    assert clean(ben)


def test_a_change_of_files_that_are_not_the_datasets_is_left_alone(clones):
    ana, ben = clones
    (ana / "README").write_text("ana's")
    git(ana, "add", "README")
    git(ana, "commit", "-qm", "readme")
    synced(ana)
    (ben / "README").write_text("ben's, not committed")
    say(ben, KEYS[1], "b", "ben")
    done = synced(ben)
    assert "README" in done.stopped.message
    assert (ben / "README").read_text() == "ben's, not committed"
    assert Repository(ben).under_way() is None


def test_a_detached_head_is_refused_before_anything_is_done(clones):
    ana, _ = clones
    git(ana, "checkout", "-q", "--detach")
    with open_(ana) as opened, pytest.raises(TrainsetError, match="no branch"):
        sync(opened)


def test_a_session_that_is_open_goes_on_through_a_sync(clones):
    ana, ben = clones
    say(ben, KEYS[2], "c", "ben")
    synced(ben)
    from .kit import recorder

    with open_(ana) as opened:
        writing = recorder(opened)
        decide(opened, KEYS[0], "a", session=writing)
        assert sync(opened).came.people == {"ben": 1}
        decide(opened, KEYS[1], "a", session=writing)
        writing.close()
        assert sync(opened).pushed == 1
    assert synced(ben).came.people == {"ana": 2}


def test_a_first_push_into_an_empty_remote_follows_its_branch(tmp_path, root):
    hub = tmp_path / "hub.git"
    git(tmp_path, "init", "-q", "--bare", hub)
    git(root, "remote", "add", "elsewhere", hub)
    with open_(root) as opened:
        add(opened, *KEYS)
        assert sync(opened).pushed == 1
        assert opened.repository.upstream("main") == ("elsewhere", "main")
        assert opened.repository.ahead() == 0
        shutil.rmtree(hub)
        decide(opened, KEYS[0], "a")
        assert sync(opened).stopped is not None
        assert opened.repository.ahead() == 1


def test_a_tag_of_the_branch_s_name_sends_nothing_elsewhere(clones):
    ana, ben = clones
    git(ana, "tag", "main", "HEAD")
    say(ana, KEYS[0], "a", "ana")
    synced(ana)
    assert git(ana, "ls-remote", "--heads", "origin").count("refs/heads/") == 1
    assert synced(ben).came.people == {"ana": 1}


def test_a_git_that_only_goes_forward_still_merges_labels(clones):
    ana, ben = clones
    git(ben, "config", "merge.ff", "only")
    say(ana, KEYS[0], "a", "ana")
    synced(ana)
    say(ben, KEYS[1], "b", "ben")
    assert synced(ben).stopped is None


def test_clones_of_one_branch_meet_on_another(clones, tmp_path):
    hub = f"file://{tmp_path / 'hub.git'}"
    both = [tmp_path / "first", tmp_path / "second"]
    for n, root in enumerate(both):
        git(tmp_path, "clone", "-q", "--depth=1", hub, root)
        git(root, "switch", "-qc", "week")
        say(root, KEYS[n], "a", "ana")
        assert synced(root).stopped is None
    for root in both:
        synced(root)
        with open_(root) as opened:
            assert [states(opened)[key] for key in KEYS[:2]] == ["reviewed", "reviewed"]
