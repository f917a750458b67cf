"""`release` and `verify NAME`: what is sealed, what stands in the way, and that any change to it is found afterwards."""

import json
import random
import shutil
import subprocess

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainset.core import migrating, releasing
from trainset.core.committing import commit
from trainset.core.forgetting import forget
from trainset.core.manifest import decode, paths, seal
from trainset.core.model import Item, ItemRecord
from trainset.core.proving import proof_of, prove, releases
from trainset.core.releasing import RefusedError, reasons, release
from trainset.core.splits import split_of
from trainset.core.verify import Summary, verify
from trainset.errors import TrainsetError, UsageError
from trainset.workspace import Workspace

from .command import picture, trainset
from .kit import KINDS, add, decide, git, label_files, open_, propose, task


def write(root, *names):
    """Notes on disk."""
    for name in names:
        path = root / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the note {name}")


@pytest.fixture
def notes(root):
    """A dataset of five notes on disk, one in no state but `predicted`, the others decided, two by two people."""
    text = (root / "trainset.toml").read_text()
    (root / "trainset.toml").write_text(text + '\n[sources]\nmedia = "media"\n')
    write(root, *(f"{n}.txt" for n in range(5)))
    with open_(root) as dataset:
        add(dataset, *(f"media/{n}.txt" for n in range(5)))
        propose(dataset, {"media/4.txt": ("c", 0.5)})
        for n in range(4):
            decide(dataset, f"media/{n}.txt", "ab"[n % 2])
        yield dataset


@pytest.fixture
def released(notes):
    release(notes, "v1.0")
    return notes


def findings(dataset, name="v1.0"):
    return list(prove(dataset, proof_of(dataset, name)))


def problems(dataset, name="v1.0"):
    return [f for f in findings(dataset, name) if not f.note]


def manifest_of(dataset, name="v1.0"):
    return decode((dataset.root / paths(name)[0]).read_bytes())


def tags(root):
    return git(root, "tag").split()


# -- what is sealed --------------------------------------------------------------------------------------------


def test_a_release_is_an_annotated_tag_on_a_commit_of_its_own_files(notes):
    done = release(notes, "v1.0", message="for the paper")
    assert git(notes.root, "cat-file", "-t", "v1.0") == "tag"
    assert set(git(notes.root, "show", "--format=", "--name-only", "v1.0^{commit}").splitlines()) == set(paths("v1.0"))
    assert git(notes.root, "rev-parse", "v1.0^") == done.manifest.commit
    said = git(notes.root, "tag", "-l", "--format=%(contents)", "v1.0")
    assert said.startswith("for the paper") and done.manifest.digest in said
    assert problems(notes) == []


def test_the_manifest_names_every_record_file_and_counts_by_split_state_label_and_person(released):
    found = manifest_of(released)
    assert set(label_files(released.root)) | {"trainset.toml"} <= set(found.files)
    assert found.digest == seal(found.files, found.media)
    task = found.facts.tasks[KINDS]
    assert task.states == {"train": {"predicted": 1, "reviewed": 4}}
    assert task.labels == {"a": 2, "b": 2, "c": 0}
    assert (task.deciders["ana"].kind, task.deciders["ana"].items) == ("person", 4)
    assert [(m.name, m.runs) for m in task.models] == [("m", 1)]


def test_media_that_nobody_read_are_read_and_their_digests_recorded_as_the_items(notes):
    assert notes.item("media/4.txt").media is None
    done = release(notes, "v1.0")
    assert done.read == 1
    assert notes.item("media/4.txt").media == notes.media.digest(notes.item("media/4.txt"))
    lines = [json.loads(line) for line in (notes.root / paths("v1.0")[1]).read_text().splitlines()]
    assert [line["key"] for line in lines] == [f"media/{n}.txt" for n in range(5)]
    assert release(notes, "v1.1").read == 0


def test_two_clones_make_the_same_manifest_of_the_same_commit(released, tmp_path):
    git(tmp_path, "clone", "-q", released.root, "other")
    git(tmp_path / "other", "tag", "-d", "v1.0")
    git(tmp_path / "other", "reset", "-q", "--hard", "HEAD^")
    with open_(tmp_path / "other") as other:
        release(other, "v1.0")
    for path in paths("v1.0"):
        assert (tmp_path / "other" / path).read_bytes() == (released.root / path).read_bytes()


def test_the_card_says_what_is_not_covered_and_shows_text_from_data_as_it_stands(notes):
    text = (notes.root / "trainset.toml").read_text()
    (notes.root / "trainset.toml").write_text(text.replace('name = "notes"', 'name = "<b>|notes"'))
    notes.reload()
    release(notes, "v1.0")
    card = (notes.root / paths("v1.0")[2]).read_text()
    assert "Not covered: 1 predicted" in card
    assert card.startswith("# \\<b\\>\\|notes v1.0\n")
    assert "| ana | person | 4 |" in card


def test_the_card_tells_how_far_people_agree_who_answered_by_themselves(notes):
    commit(notes)
    git(notes.root, "switch", "-q", "-c", "bens")
    git(notes.root, "rm", "-q", "-r", "labels/decisions")
    notes.index.refresh()
    for n in range(4):
        decide(notes, f"media/{n}.txt", "a", who="ben")
    git(notes.root, "add", "labels")
    git(notes.root, "checkout", "-q", "main", "--", "labels/decisions")
    git(notes.root, "commit", "-q", "-m", "both")
    notes.index.refresh()
    found = release(notes, "v1.0", allowed=["disputed"]).manifest.agreement[KINDS]["class"]
    assert found["items"] == 4 and found["agreement"]["value"] == 0.5
    assert "| class | 4 | agreement | 0.500 |" in (notes.root / paths("v1.0")[2]).read_text()


# -- what stands in the way -------------------------------------------------------------------------------------


def test_every_reason_is_said_at_once_and_nothing_is_left_behind(notes):
    decide(notes, "media/0.txt", verdict="flagged")
    add(notes, "media/absent.txt")
    head = git(notes.root, "rev-parse", "--verify", "-q", "HEAD", check=False)
    with pytest.raises(RefusedError) as refused:
        release(notes, "v1.0")
    told = "\n".join(refused.value.reasons)
    assert "1 item(s) are flagged" in told and "media/absent.txt" in told
    assert tags(notes.root) == [] and not (notes.root / "releases").exists()
    assert git(notes.root, "rev-parse", "--verify", "-q", "HEAD", check=False) == head


def test_disputed_items_may_be_allowed(notes):
    with open_(notes.root) as other:
        decide(other, "media/0.txt", "a", who="ana")
    commit(notes)
    row = notes.row("media/0.txt", notes.config.task(KINDS))
    assert row.state == "reviewed"
    git(notes.root, "switch", "-q", "-c", "side")
    decide(notes, "media/1.txt", "c", who="ben")
    commit(notes)
    git(notes.root, "switch", "-q", "main")
    notes.index.refresh()
    decide(notes, "media/1.txt", "a", who="cy")
    commit(notes)
    git(notes.root, "merge", "-q", "--no-edit", "side")
    notes.index.refresh()
    assert any("disputed" in reason for reason in reasons(notes))
    done = release(notes, "v1.0", allowed=["disputed"])
    assert done.manifest.allowed == ("disputed",)
    assert problems(notes) == []


def test_a_damaged_record_stands_in_the_way(notes):
    commit(notes)
    path = next(notes.root / p for p in label_files(notes.root) if "decisions" in p)
    path.write_bytes(path.read_bytes().replace(b'"label":"a"', b'"label":"b"'))
    notes.index.refresh()
    with pytest.raises(RefusedError) as refused:
        release(notes, "v1.0")
    assert any(path.name in reason for reason in refused.value.reasons)


def test_an_answer_with_a_label_that_the_task_has_no_more_stands_in_the_way(notes):
    text = (notes.root / "trainset.toml").read_text()
    (notes.root / "trainset.toml").write_text(text.replace("b = { index = 1 }, ", ""))
    notes.reload()
    assert any("media/1.txt: 'b' is not a label" in reason for reason in reasons(notes))


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "..", "x..y", "x.lock", "ü", "a~1"])
def test_what_cannot_name_a_tag_and_a_file_is_refused(notes, name):
    with pytest.raises(UsageError, match="cannot name a release"):
        release(notes, name)


def test_a_name_is_used_once_also_where_the_tag_was_not_fetched(released):
    with pytest.raises(UsageError, match=r"there is a tag v1\.0"):
        release(released, "v1.0")
    git(released.root, "tag", "-d", "v1.0")
    with pytest.raises(UsageError, match=r"no tag v1\.0") as error:
        release(released, "v1.0")
    assert "git fetch --tags" in error.value.hint


@pytest.mark.parametrize("where", ["commit", "tag", "card"])
def test_a_release_that_fails_half_way_leaves_no_tag_no_files_and_no_commit(notes, where, monkeypatch):
    commit(notes)
    release(notes, "v0.9")
    head, kept = git(notes.root, "rev-parse", "HEAD"), sorted((notes.root / "releases").iterdir())
    if where == "commit":
        hook = notes.root / ".git" / "hooks" / "commit-msg"
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    elif where == "tag":
        git(notes.root, "config", "tag.gpgSign", "true")
        git(notes.root, "config", "gpg.format", "ssh")
        git(notes.root, "config", "user.signingKey", notes.root / "no-such-key")
    else:
        monkeypatch.setattr(releasing, "card", lambda manifest: 1 / 0)
    with pytest.raises((TrainsetError, ZeroDivisionError)):
        release(notes, "v1.0")
    assert git(notes.root, "rev-parse", "HEAD") == head
    assert tags(notes.root) == ["v0.9"] and sorted((notes.root / "releases").iterdir()) == kept
    assert git(notes.root, "status", "--porcelain", "releases") == ""


def test_what_is_decided_while_it_is_released_is_no_part_of_it(notes, monkeypatch):
    ask = releasing.commit

    def and_go_on(dataset, *more):
        done = ask(dataset, *more)
        decide(notes, "media/4.txt", "c")
        return done

    monkeypatch.setattr(releasing, "commit", and_go_on)
    done = release(notes, "v1.0")
    assert done.manifest.facts.tasks[KINDS].states["train"] == {"predicted": 1, "reviewed": 4}
    assert problems(notes) == []


# -- what is found afterwards -----------------------------------------------------------------------------------


def flip(path, rng):
    data = bytearray(path.read_bytes())
    place = rng.randrange(len(data))
    data[place] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("seed", range(30))
def test_any_flipped_bit_of_a_record_a_medium_or_the_release_itself_is_found_and_the_file_named(released, seed):
    rng = random.Random(seed)
    files = [p for p in manifest_of(released).files if p.startswith(("labels/", "predictions/"))]
    path = rng.choice([*files, *paths("v1.0"), *(f"media/{n}.txt" for n in range(5))])
    flip(released.root / path, rng)
    assert [f.file.removeprefix(f"{released.root}/") for f in problems(released)] == [path]


@pytest.mark.parametrize("seed", range(20))
def test_the_whole_dataset_is_proved_to_have_no_flipped_bit_without_naming_a_release(released, seed):
    rng = random.Random(seed)
    files = [p for p in manifest_of(released).files if p.startswith(("labels/", "predictions/"))]
    path = rng.choice([*files, *paths("v1.0"), *(f"media/{n}.txt" for n in range(5))])
    flip(released.root / path, rng)
    released.index.refresh()
    summary = Summary()
    found = [*verify(released, summary, media=True), *releases(released, summary)]
    assert path in {f.file.removeprefix(f"{released.root}/") for f in found if not f.note}
    assert summary.problems > 0


@pytest.mark.parametrize("keep", [0, 10, -1, -60])
def test_a_cut_tail_is_found(released, keep):
    path = next(p for p in manifest_of(released).files if "decisions" in p)
    (released.root / path).write_bytes((released.root / path).read_bytes()[:keep])
    assert [f.file for f in problems(released)] == [path]


def test_a_line_after_the_end_is_found(released):
    path = next(p for p in manifest_of(released).files if "decisions" in p)
    with (released.root / path).open("ab") as stream:
        stream.write(b"{}\n")
    assert [f.file for f in problems(released)] == [path]


@pytest.mark.parametrize("committed", [False, True])
def test_deleted_files_are_found(released, committed):
    path = next(p for p in manifest_of(released).files if "decisions" in p)
    (released.root / path).unlink()
    (released.root / paths("v1.0")[2]).unlink()
    if committed:
        git(released.root, "commit", "-q", "-a", "-m", "tidy")
    assert {f.file for f in problems(released)} == {path, paths("v1.0")[2]}


def rewrite(root, path, data):
    """Make the release anew with another content of a file in its history, under the same tag."""
    message = git(root, "tag", "-l", "--format=%(contents)", "v1.0")
    git(root, "reset", "-q", "--soft", "HEAD^^" if git(root, "rev-list", "--count", "HEAD") != "2" else "HEAD^")
    (root / path).write_bytes(data)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--amend", "-m", "label")
    git(root, "tag", "-f", "-a", "-m", message, "v1.0")


def test_a_label_file_that_was_changed_in_history_under_a_moved_tag_is_found(released):
    path = next(p for p in manifest_of(released).files if "decisions" in p)
    data = (released.root / path).read_bytes()
    rewrite(released.root, path, data.replace(b'"label":"a"', b'"label":"b"'))
    assert path in {f.file for f in problems(released)}
    assert any("holds other bytes" in f.message for f in problems(released))


def test_a_manifest_that_says_other_than_the_records_do_is_found(released):
    listed = released.root / paths("v1.0")[0]
    found = manifest_of(released)
    made_up = msgspec.structs.replace(found.facts, items=6)
    listed.write_bytes(releasing.encode(msgspec.structs.replace(found, facts=made_up)))
    git(released.root, "commit", "-q", "--amend", "-a", "--no-edit")
    git(released.root, "tag", "-f", "-a", "-m", "v1.0", "v1.0")
    assert [(f.file, f.message) for f in problems(released)] == [
        (paths("v1.0")[0], "facts.items is not what the records say")
    ]


def test_a_lightweight_tag_is_found(released):
    git(released.root, "tag", "-f", "v1.0", "v1.0^{commit}")
    assert [f.message for f in problems(released)] == [
        "the tag is not annotated: nothing says who released it, and when"
    ]


def test_what_came_after_a_release_takes_nothing_from_it(released):
    decide(released, "media/4.txt", "c")
    write(released.root, "new.txt")
    add(released, "media/new.txt")
    text = (released.root / "trainset.toml").read_text()
    (released.root / "trainset.toml").write_text(text + "\n[reviewers.dee]\n")
    release(released, "v1.1")
    assert problems(released) == [] and problems(released, "v1.1") == []
    assert [f.file for f in findings(released) if f.note] == ["trainset.toml"]


def test_what_was_forgotten_since_is_a_note_and_nothing_else(released):
    forget(released, ["media/0.txt"])
    commit(released)
    found = findings(released)
    assert {f.message for f in found if not f.note} == set()
    assert any("forgotten since" in f.message for f in found)


def test_a_clone_without_cache_and_media_proves_the_records_and_says_what_it_lacks(released, tmp_path):
    git(tmp_path, "clone", "-q", released.root, "other")
    with open_(tmp_path / "other") as other:
        proof = proof_of(other, "v1.0")
        found = list(prove(other, proof))
    assert [f.message for f in found] == ["5 media are not on this machine: their bytes cannot be compared"]
    assert (proof.sealed, proof.here, proof.media, proof.absent) == (len(manifest_of(released).files),) * 2 + (0, 5)


def test_a_clone_without_the_tag_says_that_it_is_not_here(released, tmp_path):
    git(tmp_path, "clone", "-q", "--no-tags", released.root, "other")
    with open_(tmp_path / "other") as other:
        with pytest.raises(UsageError, match="there is no tag"):
            proof_of(other, "v1.0")
        assert [(f.note, f.file) for f in releases(other, Summary())] == [(True, paths("v1.0")[0])]


def test_a_tag_that_is_no_release_is_refused(released):
    git(released.root, "tag", "-a", "-m", "x", "x")
    with pytest.raises(UsageError, match="no release lies under tag 'x'"):
        proof_of(released, "x")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize("setting", ["tag.gpgSign", "commit.gpgSign"])
def test_a_tag_is_signed_where_git_is_set_to_sign(notes, tmp_path, setting):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    (tmp_path / "allowed").write_text(f"ana@example.org {key.with_suffix('.pub').read_text()}")
    for name, value in {"gpg.format": "ssh", "user.signingKey": key, setting: "true"}.items():
        git(notes.root, "config", name, value)
    assert release(notes, "v1.0").tag.verified is False
    git(notes.root, "config", "gpg.ssh.allowedSignersFile", tmp_path / "allowed")
    assert proof_of(notes, "v1.0").tag.verified is True


# -- splits -----------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=20, unique=True), st.randoms())
def test_the_split_of_a_group_depends_on_its_name_alone(groups, rng):
    shares = {"train": 0.8, "val": 0.1, "test": 0.1}
    before = {group: split_of(group, shares) for group in groups}
    rng.shuffle(groups)
    assert {group: split_of(group, shares) for group in groups} == before


def test_new_frames_go_where_their_sequence_is_whatever_the_shares_are_now(tmp_path):
    root = tmp_path / "frames"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:screw", cwd=tmp_path)
    text = (root / "trainset.toml").read_text()
    (root / "trainset.toml").write_text(text + '\n[media]\ngroup-by = "folder"\n')
    for n in range(8):
        picture(root / "media" / f"s{n}" / "0.png")
    trainset("add", root / "media", cwd=root)
    before = splits(root)
    text = (root / "trainset.toml").read_text()
    (root / "trainset.toml").write_text(text.replace("train = 0.8", "train = 0.0").replace("val = 0.1", "val = 0.9"))
    for n in range(12):
        picture(root / "media" / f"s{n}" / "1.png")
    trainset("add", root / "media", cwd=root)
    after = splits(root)
    assert before.items() <= after.items()
    for n in range(12):
        own = {split for key, split in after.items() if f"/s{n}/" in key}
        assert len(own) == 1 and (n < 8 or "train" not in own)


def splits(root):
    with Workspace().open(root) as opened:
        return {one.key: one.split for one in opened}


def test_a_group_that_straddles_splits_is_told(notes):
    for n, split in enumerate(("train", "test")):
        write(notes.root, f"g{n}.txt")
        item = Item(key=f"media/g{n}.txt", group="patient", split=split)
        writer = notes.writer(notes.header("items"))
        writer.append([msgspec.json.encode(ItemRecord(change="added", item=item))])
        writer.close()
    notes.index.refresh()
    assert release(notes, "v1.0").manifest.facts.straddling == 1
    assert "**1 group has items in several splits" in (notes.root / paths("v1.0")[2]).read_text()


def test_a_commit_never_takes_in_a_release_that_was_changed(released):
    (released.root / paths("v1.0")[0]).write_text("{}")
    decide(released, "media/4.txt", "c")
    commit(released)
    assert git(released.root, "show", f"HEAD:{paths('v1.0')[0]}") == git(
        released.root, "show", f"v1.0:{paths('v1.0')[0]}"
    )


@pytest.mark.parametrize("name", ["main", "HEAD", "side"])
def test_a_release_is_called_like_no_branch(notes, name):
    commit(notes)
    git(notes.root, "branch", "-f", "side") if name == "side" else None
    with pytest.raises(UsageError, match="cannot name a release"):
        release(notes, name)


def test_answers_to_another_question_are_no_release(notes):
    decide(notes, "media/1.txt", "a")
    migrating.split(notes, task(notes), "a", ["x", "y"])
    with pytest.raises(RefusedError) as refused:
        release(notes, "v1.0")
    assert any("item(s) are stale" in reason for reason in refused.value.reasons)


def test_a_release_needs_a_branch_to_lie_on(notes):
    commit(notes)
    git(notes.root, "checkout", "-q", "--detach")
    with pytest.raises(RefusedError) as refused:
        release(notes, "v1.0")
    assert any("HEAD is detached" in reason for reason in refused.value.reasons)
