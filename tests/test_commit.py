"""`commit`: what it takes, what it leaves, and what it refuses, in all the places that people keep datasets."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from trainset.core.committing import commit
from trainset.core.records import check
from trainset.core.verify import Summary, verify
from trainset.errors import TrainsetError

from .kit import add, decide, git, label_files, lay, open_, propose, recorder, states

HERE = Path(__file__).resolve().parent.parent


@pytest.fixture
def items(dataset):
    """A dataset with items, one decision, and nothing committed."""
    add(dataset, "n/1", "n/2", "n/3")
    decide(dataset, "n/1", "a")
    return dataset


def sound(dataset):
    return [f for f in verify(dataset, Summary()) if not f.note] == []


def in_head(root, *paths):
    return git(root, "ls-tree", "-r", "--name-only", "HEAD", *paths).splitlines()


def history(root):
    """The letters by which history changed label files."""
    rows = git(root, "log", "--all", "--no-renames", "--name-status", "--format=", "--", "labels").splitlines()
    return {row[0] for row in rows if row}


# -- what it does ----------------------------------------------------------------------------------------------


def test_the_first_commit_of_a_repository_holds_the_dataset_and_its_sealed_labels(root, items):
    done = commit(items)
    assert done.message.startswith("Label notes: 1 decision(s) by ana, 3 item record(s)")
    assert {"trainset.toml", ".gitattributes", ".gitignore", *label_files(root)} == set(in_head(root))
    assert all(check(data)[2] for data in label_files(root).values())
    assert list(items.places.live.glob("*.jsonl")) == []
    assert sound(items)


def test_nothing_to_commit_is_no_commit(root, items):
    first = commit(items)
    assert commit(items) is None
    assert git(root, "rev-parse", "HEAD") == first.id


def test_each_commit_only_adds_label_files(root, items):
    session = recorder(items)
    for n in range(4):
        decide(items, "n/2", "ab"[n % 2], session=session)
        commit(items)
    session.close()
    assert history(root) == {"A"}
    assert len(git(root, "rev-list", "HEAD").split()) == 4
    assert sound(items)


def test_what_else_is_staged_stays_staged_and_what_is_changed_stays_changed(root, items):
    (root / "mine.txt").write_text("first")
    git(root, "add", "mine.txt")
    (root / "mine.txt").write_text("second")
    (root / "loose.txt").write_text("x")
    commit(items)
    status = git(root, "status", "--porcelain").splitlines()
    assert sorted(row.split()[0] for row in status) == ["??", "AM"]
    assert "mine.txt" not in in_head(root)


def test_label_files_that_were_staged_already_are_committed(root, items):
    git(root, "add", "-A")
    commit(items)
    assert set(label_files(root)) <= set(in_head(root))
    assert git(root, "status", "--porcelain") == ""


def test_a_file_that_was_staged_and_then_taken_away_stops_nothing(root, items):
    git(root, "add", "-A")
    gone = next(iter(label_files(root)))
    (root / gone).unlink()
    commit(items)
    assert gone not in in_head(root)


def test_a_file_that_holds_nothing_acknowledged_is_left_out(root, items):
    torn = root / "labels" / "items" / "torn.jsonl"
    torn.write_bytes(b'{"trainset":1,"kind":"it')
    commit(items)
    assert "labels/items/torn.jsonl" not in in_head(root)
    assert torn.exists()


def test_an_unsound_file_is_refused_with_its_line_and_nothing_is_committed(root, items):
    path = next(p for p in label_files(root) if "decisions" in p)
    (root / path).write_bytes(label_files(root)[path].replace(b'"a"', b'"b"'))
    with pytest.raises(TrainsetError, match="line 2: the record was changed") as failed:
        commit(items)
    assert "undo the edit" in failed.value.hint
    assert items.repository.head() is None


def test_a_session_goes_on_in_a_new_file_after_somebody_elses_commit(root, items):
    session = recorder(items)
    decide(items, "n/2", "a", session=session)
    with open_(root) as other:
        commit(other)
    before = label_files(root)
    decide(items, "n/3", "b", session=session)
    session.close()
    after = label_files(root)
    assert {path: after[path] for path in before} == before
    (fresh,) = set(after) - set(before)
    assert check(after[fresh])[0].continues in {path.rpartition("/")[2].removesuffix(".jsonl") for path in before}


def test_a_committed_file_that_grew_goes_on_under_a_name_of_its_own(root, items):
    """A record is written in the moment between Git's reading of a file and its taking it into the index."""
    path = next(p for p in label_files(root) if "decisions" in p)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "plain")
    committed = label_files(root)[path]
    with (root / path).open("ab") as stream:
        stream.write(check(committed)[1].append(b'{"item":"n/2","verdict":"excluded"}')[0] + b"\n")
    items.index.refresh()
    commit(items)
    assert history(root) == {"A"}
    assert label_files(root)[path] == committed
    assert states(items)["n/2"] == "excluded"
    assert sound(items)


def test_a_committed_file_that_was_changed_is_refused(root, items):
    commit(items)
    path = next(p for p in label_files(root) if "decisions" in p)
    (root / path).write_bytes(label_files(root)[path].replace(b'"a"', b'"b"'))
    with pytest.raises(TrainsetError, match="differs from its commit") as failed:
        commit(items)
    git(root, *failed.value.hint.split("`")[1].split()[1:])
    assert sound(items)


def test_a_committed_file_that_was_removed_is_refused_with_the_remedy(root, items):
    commit(items)
    path = next(iter(label_files(root)))
    (root / path).unlink()
    with pytest.raises(TrainsetError, match="never deleted") as failed:
        commit(items)
    git(root, *failed.value.hint.split("`")[1].split()[1:])
    assert commit(items) is None


def test_predictions_are_committed_but_for_those_that_are_still_being_written(root, items):
    propose(items, {"n/1": ("a", 0.9)})
    (path,) = (root / "predictions").rglob("*.jsonl")
    with path.open("rb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)
        assert commit(items).growing == [path.relative_to(root).as_posix()]
    assert len(in_head(root, "predictions/")) == 0
    assert commit(items).growing == []
    assert len(in_head(root, "predictions/")) == 1


def test_predictions_stay_here_where_the_dataset_says_so(root, items):
    toml = root / "trainset.toml"
    toml.write_text(toml.read_text() + '\n[git]\npredictions = "local"\n')
    items.reload()
    propose(items, {"n/1": ("a", 0.9)})
    commit(items)
    assert in_head(root, "predictions/") == []


def test_a_hook_that_refuses_is_heard_and_the_next_commit_takes_everything(root, items):
    hook = root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho the house is closed >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(TrainsetError, match="the house is closed"):
        commit(items)
    assert list(items.places.live.glob("*.jsonl"))
    hook.unlink()
    commit(items)
    assert set(label_files(root)) <= set(in_head(root))
    assert sound(items)


def test_two_commits_at_once_both_end_well_or_say_why(root, items):
    code = f"""
import sys
from tests.kit import open_
from trainset.core.committing import commit
from trainset.errors import TrainsetError
try:
    with open_({str(root)!r}) as opened:
        commit(opened)
except TrainsetError as error:
    print(error.message); sys.exit(3)
"""
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=HERE, stdout=subprocess.PIPE) for _ in range(3)]
    assert {process.wait() for process in running} <= {0, 3}
    for process in running:
        process.stdout.close()
    commit(items)
    assert sound(items)
    assert history(root) == {"A"}


# -- when it cannot --------------------------------------------------------------------------------------------


def test_a_merge_under_way_is_named_with_what_ends_it(root, items):
    commit(items)
    for branch, text in (("one", "yes"), ("two", "no")):
        git(root, "checkout", "-q", "-b", branch, "main")
        (root / "guidelines").mkdir(exist_ok=True)
        (root / "guidelines" / "kinds.md").write_text(text)
        commit(items)
    git(root, "merge", "one", check=False)
    with pytest.raises(TrainsetError, match="a merge is under way") as failed:
        commit(items)
    assert "git merge --abort" in failed.value.hint


def test_a_git_without_a_name_is_told_how_to_get_one(root, items, monkeypatch, tmp_path):
    for name in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{name}_{what}")
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.delenv("EMAIL", raising=False)
    git(root, "config", "user.useConfigOnly", "true")
    with pytest.raises(TrainsetError, match="does not know who you are") as failed:
        commit(items)
    assert "git config --global user.name" in failed.value.hint
    assert all(not check(data)[2] for data in label_files(root).values())  # nothing was sealed


def test_a_detached_head_takes_a_commit(root, items):
    commit(items)
    git(root, "checkout", "-q", "--detach")
    decide(items, "n/2", "b")
    done = commit(items)
    assert git(root, "rev-parse", "HEAD") == done.id
    assert sound(items)


# -- where datasets lie ----------------------------------------------------------------------------------------


def test_a_bare_repository_is_no_place_for_a_dataset(tmp_path):
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    (tmp_path / "bare.git" / "trainset.toml").write_text('[dataset]\nname = "x"\nmodality = "notes"\n')
    with pytest.raises(TrainsetError, match="bare repository"):
        open_(tmp_path / "bare.git")


def test_a_folder_outside_git_is_told_to_init(tmp_path):
    (tmp_path / "trainset.toml").write_text('[dataset]\nname = "x"\nmodality = "notes"\n')
    with pytest.raises(TrainsetError, match="not in a Git repository"):
        open_(tmp_path)


def test_a_machine_without_git_is_told_to_install_it(root):
    code = f"from tests.kit import open_\ntry: open_({str(root)!r})\nexcept Exception as e: print(type(e).__name__, e)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, env={"PATH": "/nowhere"}, capture_output=True, text=True
    )
    assert done.stdout.startswith("TrainsetError Git is not installed"), done.stderr


@pytest.fixture(params=["data/set", "päth with spaces", "quo\"te'd", "[brackets]*", "a$HOME b", "новый"])
def inside(request, tmp_path):
    """A dataset in a folder of a larger repository, whose settings would ignore or filter its label files."""
    top = tmp_path / "house"
    top.mkdir()
    git(top, "init", "-q", "-b", "main")
    (top / ".gitignore").write_text("*.jsonl\nlabels/\npredictions/\n*.toml.bak\n")
    (top / ".gitattributes").write_text("*.jsonl filter=lfs diff=lfs merge=lfs -text\n")
    (top / "README").write_text("hello")
    git(top, "add", ".gitignore", ".gitattributes", "README")
    git(top, "commit", "-qm", "house")
    with open_(lay(top / request.param, repository=top)) as opened:
        add(opened, "n/1", "n/ü 2")
        decide(opened, "n/1", "a")
        yield opened


def test_a_dataset_in_a_larger_repository_is_committed_whole_and_alone(inside, tmp_path):
    top = tmp_path / "house"
    (top / "README").write_text("changed")
    git(top, "add", "README")
    done = commit(inside)
    assert set(label_files(inside.root)) <= set(in_head(inside.root, "labels/") or _quoted(inside.root))
    assert git(top, "status", "--porcelain").splitlines() == ["M  README"]
    assert git(top, "rev-parse", "HEAD") == done.id
    assert sound(inside)
    decide(inside, "n/ü 2", "b")
    commit(inside)
    assert sound(inside)
    with open_(inside.root, rev="HEAD~1") as before:
        assert states(before) == {"n/1": "reviewed", "n/ü 2": "unlabelled"}


def _quoted(root):
    return git(root, "ls-tree", "-r", "-z", "--name-only", "HEAD", "labels/").split("\0")


def test_attributes_that_do_not_hold_are_refused_with_the_remedy(root, items):
    (root / ".gitattributes").write_text("*.jsonl filter=lfs\n")
    with pytest.raises(TrainsetError, match="filter or merge driver 'lfs'") as failed:
        commit(items)
    assert "trainset init" in failed.value.hint


def test_label_files_that_git_would_ignore_are_refused_with_the_rule(root, items):
    (root / ".gitignore").write_text("labels/\n")
    with pytest.raises(TrainsetError, match=r"Git would ignore the label files: \.gitignore:1:labels/"):
        commit(items)


def test_two_datasets_of_one_repository_keep_their_sessions_apart(tmp_path):
    top = tmp_path / "house"
    top.mkdir()
    git(top, "init", "-q")
    with open_(lay(top / "one", repository=top)) as one, open_(lay(top / "two", repository=top)) as two:
        add(one, "n/1")
        add(two, "n/1")
        decide(one, "n/1", "a")
        with open_(two.root) as again:
            assert again.recovered == []
            assert states(again) == {"n/1": "unlabelled"}
        commit(two)
        assert git(top, "log", "--format=%s", "--", "one") == ""
        assert list(one.places.live.glob("*.jsonl"))


def test_a_worktree_has_its_own_label_files_and_sessions(root, items, tmp_path):
    commit(items)
    git(root, "worktree", "add", "-q", "-b", "side", tmp_path / "side")
    decide(items, "n/2", "b")
    with open_(tmp_path / "side") as side:
        assert side.recovered == []
        assert states(side) == {"n/1": "reviewed", "n/2": "unlabelled", "n/3": "unlabelled"}
        session = recorder(side, "ben")
        decide(side, "n/3", "c", who="ben", session=session)
        commit(side)
        decide(side, "n/3", "b", who="ben", session=session)
        session.close()
        assert sound(side)
        commit(side)
    assert open_(root).recovered == []
    commit(items)
    git(root, "merge", "-q", "--no-edit", "side")
    items.index.refresh()
    assert set(states(items).values()) == {"reviewed"}
    assert sound(items)
    assert history(root) == {"A"}


def test_a_hook_may_ask_trainset_about_the_dataset(root, items, tmp_path):
    """Git tells hooks of its repository and index by variables that would lead elsewhere."""
    code = "from tests.kit import *; d = open_({!r}); print(states(d), d.repository.holds(d.root / 'trainset.toml'), d.repository.changed(['labels']))"
    hook = root / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    out = tmp_path / "said"
    hook.write_text(f'#!/bin/sh\ncd {HERE}\n{sys.executable} -c "{code.format(str(root))}" > {out} 2>&1\n')
    hook.chmod(0o755)
    commit(items)
    assert out.read_text().strip() == "{'n/1': 'reviewed', 'n/2': 'unlabelled', 'n/3': 'unlabelled'} True []"


@pytest.mark.parametrize(
    "misleading",
    [
        {"GIT_DIR": "/nowhere/.git"},
        {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index"},
        {"GIT_INDEX_FILE": "/nowhere/index"},
        {"GIT_WORK_TREE": "/nowhere"},
        {"GIT_PREFIX": "sub/"},
        {"GIT_LITERAL_PATHSPECS": "1"},
    ],
)
def test_variables_that_lead_git_elsewhere_are_not_followed(root, items, misleading, monkeypatch):
    items.close()
    for name, value in misleading.items():
        monkeypatch.setenv(name, value)
    with open_(root) as opened:
        decide(opened, "n/2", "b")
        commit(opened)
        assert sound(opened)
        assert set(label_files(root)) <= set(opened.repository.tree("HEAD", "labels"))


@pytest.mark.parametrize(
    "setting",
    [
        ("color.ui", "always"),
        ("core.quotePath", "true"),
        ("status.showUntrackedFiles", "no"),
        ("status.relativePaths", "false"),
        ("log.showSignature", "true"),
        ("log.date", "relative"),
        ("diff.noprefix", "true"),
        ("diff.renames", "copies"),
        ("core.autocrlf", "true"),
        ("core.fsmonitor", "false"),
        ("commit.verbose", "true"),
        ("core.logAllRefUpdates", "false"),
        ("core.ignoreCase", "true"),
    ],
)
def test_no_setting_of_the_user_changes_what_is_committed_or_proved(root, items, setting):
    git(root, "config", *setting)
    session = recorder(items)
    decide(items, "n/2", "b", session=session)
    commit(items)
    decide(items, "n/3", "c", session=session)
    session.close()
    commit(items)
    assert items.repository.log("labels")[0].message.startswith("Label notes")
    assert sound(items)
    assert history(root) == {"A"}


def test_a_repository_that_git_refuses_is_an_error_in_gits_words(root, items, monkeypatch):
    items.close()
    (root / ".git" / "config").write_text("[core\n")
    with pytest.raises(TrainsetError, match="bad config"):
        open_(root)
