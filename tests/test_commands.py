"""Every command, as a user types it, on a small data set of drawn pictures."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import tomlkit

import trainset as api
from trainset.core.config import editing

from .command import correct, picture, states, trainset

NUT = {"label": "nut", "box": [1, 2, 3, 4]}


def git(*args, cwd):
    return subprocess.run(["git", "-C", str(cwd), *args], capture_output=True, text=True, check=True).stdout.strip()


# -- init, task, reviewer ----------------------------------------------------------------------------------------


def test_init_makes_a_git_repository_with_attributes_and_ignores(tmp_path):
    trainset("init", "a", "--modality", "vision", cwd=tmp_path)
    root = tmp_path / "a"
    assert git("rev-parse", "--is-inside-work-tree", cwd=root) == "true"
    assert "labels/** -text !filter !merge diff=trainset linguist-generated" in (root / ".gitattributes").read_text()
    assert "/.trainset/" in (root / ".gitignore").read_text()


def test_init_again_adds_only_what_is_missing(parts):
    before = (parts / "trainset.toml").read_text()
    (parts / ".gitattributes").unlink()
    said = trainset("init", cwd=parts)
    assert "completed" in said.out and ".gitattributes" in said.err
    assert (parts / "trainset.toml").read_text() == before


def test_init_takes_labels_from_a_text_file(tmp_path):
    (tmp_path / "labels.txt").write_text("screw\nnut\n")
    trainset("init", "a", "--modality", "vision", "--task", "p:box", "--labels", tmp_path / "labels.txt", cwd=tmp_path)
    assert [x.id for x in api.open(tmp_path / "a").config.task("p").active] == ["screw", "nut"]


def test_an_unknown_modality_or_task_type_names_what_there_is(tmp_path):
    assert "installed:" in trainset("init", "a", "--modality", "smells", cwd=tmp_path, code=2).err
    assert "box" in trainset("init", "b", "--modality", "vision", "--task", "p:ball:x", cwd=tmp_path, code=2).err
    assert not (tmp_path / "b" / "trainset.toml").exists()


def test_a_new_label_renumbers_nothing_and_a_retired_index_stays_reserved(parts):
    text = (parts / "trainset.toml").read_text()
    (parts / "trainset.toml").write_text(text.replace("nut = {index = 1}", "nut = {index = 1, retired = true}"))
    trainset("task", "add-label", "parts", "washer", cwd=parts)
    assert {x.id: x.index for x in api.open(parts).config.task("parts").labels} == {"screw": 0, "nut": 1, "washer": 2}


def test_generic_accounts_cannot_review(parts):
    assert "nobody in particular" in trainset("reviewer", "add", "root", cwd=parts, code=2).err


# -- add ---------------------------------------------------------------------------------------------------------


def test_adding_again_adds_nothing_and_a_changed_file_is_recorded(parts):
    assert trainset("add", "media", "--json", cwd=parts).json()["known"] == 6
    picture(parts / "media" / "p0.png", (30, 30, 9, 9), (5, 5, 9, 9), size=(80, 60))
    assert trainset("add", "media", "--json", cwd=parts).json()["changed"] == 1


def test_files_that_are_no_images_are_skipped_and_named(parts):
    (parts / "media" / "broken.png").write_bytes((parts / "media" / "p0.png").read_bytes()[:60])
    (parts / "media" / "zero.jpg").touch()
    told = trainset("add", "media", "--json", cwd=parts).json()
    assert {s["path"].rpartition("/")[2] for s in told["skipped"]} == {"broken.png", "zero.jpg"}


def test_media_outside_become_a_source_of_this_machine(parts, tmp_path):
    picture(tmp_path / "elsewhere" / "x.png", (3, 3, 9, 9))
    trainset("add", tmp_path / "elsewhere", cwd=parts)
    assert "elsewhere/x.png" in states(parts)
    assert str(tmp_path) not in (parts / "trainset.toml").read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('sources = "here"', "sources: expected a table, got text"),
        ("[sources]\nmedia = 3", "[sources] media: expected text, got a whole number"),
        ("sources = ", "local.toml"),
    ],
)
def test_a_broken_local_file_is_named(parts, tmp_path, text, says):
    folder = parts / ".git" / "trainset"
    folder.mkdir(exist_ok=True)
    (folder / "local.toml").write_text(text)
    picture(tmp_path / "elsewhere" / "x.png", (3, 3, 9, 9))
    told = trainset("add", tmp_path / "elsewhere", cwd=parts, code=1).err
    assert says in told and "local.toml" in told
    assert says in trainset("prelabel", cwd=parts, code=1).err
    assert (folder / "local.toml").read_text() == text


# -- prelabel, route, decide, reopen -----------------------------------------------------------------------------


def test_without_a_model_outline_proposes_and_a_person_is_asked(parts):
    said = trainset("prelabel", cwd=parts)
    assert "outline" in said.err
    assert set(states(parts).values()) == {"predicted"}
    found = trainset("show", "media/p0.png", "--json", cwd=parts).json()["tasks"]["parts"]["proposal"]
    assert found[0]["label"] == "screw" and found[0]["box"] == pytest.approx([8, 10, 14, 12], abs=2)


def test_dry_run_foresees_and_writes_nothing(parts):
    assert "6 items" in trainset("prelabel", "--dry-run", cwd=parts).out
    assert not (parts / "labels" / "runs").exists()


def test_limit_then_resume_does_each_item_once(parts):
    trainset("prelabel", "--limit", "2", cwd=parts)
    trainset("prelabel", cwd=parts)
    told = trainset("status", "--json", cwd=parts).json()["tasks"]["parts"]
    assert [r["items"] for r in told["runs"]] == [6]


def rules(root, text):
    with editing(root) as document:
        document["tasks"]["parts"]["rules"] = tomlkit.parse(text)


def test_rules_accept_and_what_they_no_longer_accept_is_withdrawn(parts):
    rules(parts, 'sure = { rule = "accept-above", score = 0.1 }\n')
    trainset("prelabel", cwd=parts)
    accepted = [k for k, s in states(parts).items() if s == "auto-accepted"]
    assert accepted and "media/empty.png" not in accepted
    row = next(r for r in trainset("items", "--json", cwd=parts).lines() if r["key"] == accepted[0])
    assert row["decided_by"] == ["rule.sure"]
    rules(parts, 'sure = { rule = "accept-above", score = 1.0 }\n')
    assert "withdraw" in trainset("route", "--dry-run", cwd=parts).out
    assert "--yes" in trainset("route", cwd=parts, code=2).err
    trainset("route", "--yes", cwd=parts)
    assert "auto-accepted" not in states(parts).values()


def test_no_rule_accepts_an_item_of_the_test_split(parts):
    text = (parts / "trainset.toml").read_text()
    (parts / "trainset.toml").write_text(
        text.replace("train = 0.8", "train = 0.0").replace("val = 0.1", "val = 0.0").replace("test = 0.1", "test = 1.0")
    )
    for n in range(3):
        picture(parts / "media" / f"t{n}.png", (8 + 4 * n, 10, 14, 12))
    trainset("add", "media", cwd=parts)
    rules(parts, 'sure = { rule = "accept-above", score = 0.0 }\naccept-empty = {}\n')
    trainset("prelabel", cwd=parts)
    held = {r["key"]: r for r in trainset("items", "--json", "--where", "split = test", cwd=parts).lines()}
    assert {"media/t0.png", "media/t1.png", "media/t2.png"} <= held.keys()
    assert {r["state"] for r in held.values()} == {"predicted"}


def test_a_random_audit_is_recorded_and_keeps_a_person_in_it(parts):
    rules(parts, 'sure = { rule = "accept-above", score = 0.0 }\nrandom-audit = { share = 1.0, seed = 3 }\n')
    trainset("prelabel", cwd=parts)
    assert "auto-accepted" not in states(parts).values()
    lots = list((parts / "labels" / "lots" / "parts").glob("*.jsonl"))
    header = json.loads(lots[0].read_text().splitlines()[0])
    assert header["lot"]["seed"] == 3 and header["lot"]["probability"] == 1.0


def test_single_objects_are_accepted_by_rule_and_the_item_waits_for_complete(parts):
    rules(parts, 'sure = { rule = "accept-above", score = 0.0, on = "objects" }\n')
    trainset("prelabel", cwd=parts)
    partial = [k for k, s in states(parts).items() if s == "partial"]
    assert partial
    trainset("decide", partial[0], "--verdict", "complete", cwd=parts)
    row = next(r for r in trainset("items", "--json", cwd=parts).lines() if r["key"] == partial[0])
    assert row["state"] == "reviewed" and row["decided_by"] == ["ana", "rule.sure"]


def test_decide_accepts_corrects_flags_excludes_and_undoes(parts):
    trainset("prelabel", cwd=parts)
    trainset("decide", "media/p0.png", "--verdict", "accepted", cwd=parts)
    correct(parts, "media/p1.png", NUT)
    correct(parts, "media/p2.png")
    trainset("decide", "media/p3.png", "--verdict", "flagged", "--note", "what is this", cwd=parts)
    trainset("decide", "media/p4.png", "--verdict", "excluded", cwd=parts)
    assert states(parts) == {
        "media/p0.png": "reviewed", "media/p1.png": "reviewed", "media/p2.png": "reviewed", "media/p3.png": "flagged",
        "media/p4.png": "excluded", "media/empty.png": "predicted",
    }  # fmt: skip
    with api.open(parts) as data:
        assert [(a.label, a.box) for a in data["media/p1.png"].annotations()] == [("nut", (1.0, 2.0, 3.0, 4.0))]
        assert data["media/p2.png"].annotations() == ()
    trainset("decide", "media/p4.png", "--verdict", "withdrawn", cwd=parts)
    assert states(parts)["media/p4.png"] == "predicted"


def test_decide_reads_lines_and_prints_one_for_each_durable_decision(parts):
    trainset("prelabel", cwd=parts)
    lines = [
        {"item": "media/p0.png", "verdict": "accepted"},
        {"item": "media/p1.png", "verdict": "corrected", "annotations": [], "note": "none"},
    ]
    said = trainset("decide", "--from", "-", cwd=parts, stdin="\n".join(map(json.dumps, lines)))
    assert [x["item"] for x in said.lines()] == ["media/p0.png", "media/p1.png"]


def test_decide_names_a_line_that_is_nested_too_deeply(parts, tmp_path):
    file = tmp_path / "said.jsonl"
    file.write_text('{"item": "media/p0.png", "verdict": "corrected", "annotations": ' + "[" * 100_000)
    assert "line 1" in trainset("decide", "--from", file, cwd=parts, code=2).err


@pytest.mark.parametrize(
    ("annotations", "word"),
    [
        ('[{"label": "bolt", "box": [1, 2, 3, 4]}]', "not a label"),
        ('[{"label": "nut", "box": [1, 2, 0, 4]}]', "no area"),
        ('[{"label": "nut", "box": [1, 2, 3]}]', "length 4"),
        ('{"label": "nut"}', "list"),
        ("[", "--annotations"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(parts, annotations, word):
    said = trainset("decide", "media/p0.png", "--verdict", "corrected", "--annotations", annotations, cwd=parts, code=2)
    assert word in said.err


def test_reopen_takes_anything_back_with_its_reason_and_no_rule_accepts_it_again(parts):
    rules(parts, 'sure = { rule = "accept-above", score = 0.0 }\n')
    trainset("prelabel", cwd=parts)
    accepted = next(k for k, s in states(parts).items() if s == "auto-accepted")
    trainset("reopen", accepted, "--reason", "too blurred", cwd=parts)
    trainset("route", "--yes", cwd=parts)
    row = next(r for r in trainset("items", "--json", cwd=parts).lines() if r["key"] == accepted)
    assert row["state"] == "predicted" and "reopened: too blurred" in row["reasons"]


def test_where_selects_and_bulk_changes_ask(parts):
    trainset("prelabel", cwd=parts)
    assert "--yes" in trainset("decide", "--where", "state = predicted", "--verdict", "excluded", cwd=parts, code=2).err
    trainset("decide", "--where", "key = media/p*", "--verdict", "excluded", "--yes", cwd=parts)
    assert list(states(parts, "--where", "not state = excluded")) == ["media/empty.png"]
    assert "no field" in trainset("items", "--where", "colour = red", cwd=parts, code=2).err


# -- history, export, verify -------------------------------------------------------------------------------------


def test_commit_says_what_was_decided_and_status_what_is_not_committed(parts):
    trainset("prelabel", cwd=parts)
    trainset("decide", "media/p0.png", "--verdict", "accepted", cwd=parts)
    assert trainset("status", "--json", cwd=parts).json()["git"]["uncommitted"] == 1
    said = trainset("commit", cwd=parts)
    assert "1 decision(s) by ana" in said.out
    assert trainset("status", "--json", cwd=parts).json()["git"]["uncommitted"] == 0
    assert git("status", "--porcelain", cwd=parts) == ""
    assert "nothing to commit" in trainset("commit", cwd=parts).out
    assert "1 decision(s) by ana" in trainset("log", cwd=parts).out
    assert "accepted" in trainset("log", "media/p0.png", cwd=parts).out
    assert "0 problems" in trainset("verify", "--media", cwd=parts).out


def test_export_at_a_revision_is_what_it_was_then(parts, tmp_path):
    correct(parts, "media/p0.png", NUT)
    trainset("commit", cwd=parts)
    then = git("rev-parse", "HEAD", cwd=parts)
    correct(parts, "media/p0.png")
    trainset("commit", cwd=parts)
    trainset("export", "jsonl", tmp_path / "then.jsonl", "--at", then, cwd=parts)
    trainset("export", "jsonl", tmp_path / "now.jsonl", cwd=parts)
    assert [len(json.loads((tmp_path / f).read_text())["annotations"]) for f in ("then.jsonl", "now.jsonl")] == [1, 0]
    with api.open(parts, rev=then) as data:
        assert len(data["media/p0.png"].annotations()) == 1


def test_strict_refuses_what_the_format_cannot_hold_and_leaves_nothing(parts, tmp_path):
    correct(parts, "media/p0.png", {**NUT, "attributes": {"bent": True}})
    assert "attributes" in trainset("export", "yolo", tmp_path / "out", "--strict", cwd=parts, code=1).err
    assert not (tmp_path / "out").exists()
    assert "attributes" in trainset("export", "yolo", tmp_path / "out", cwd=parts).err
    assert "exists" in trainset("export", "yolo", tmp_path / "out", cwd=parts, code=2).err


def test_reviewed_empty_and_auto_accepted_travel_in_the_sidecar(parts, tmp_path):
    rules(parts, 'sure = { rule = "accept-above", score = 0.0 }\n')
    trainset("prelabel", cwd=parts)
    correct(parts, "media/empty.png")
    before = {k: s for k, s in states(parts).items() if s in ("reviewed", "auto-accepted")}
    assert set(before.values()) == {"reviewed", "auto-accepted"}
    for name in ("coco", "voc", "yolo"):
        trainset("export", name, tmp_path / name, "--media", "copy", cwd=parts)
        again = tmp_path / f"again-{name}"
        trainset("init", again, "--modality", "vision", "--task", "parts:box:screw,nut", cwd=tmp_path)
        trainset("import", name, tmp_path / name, cwd=again)
        assert {f"media/{k.rpartition('/')[2]}": s for k, s in states(again).items()} == before


def test_a_sidecar_that_cannot_be_read_says_nothing(parts, tmp_path):
    correct(parts, "media/p0.png", NUT)
    trainset("export", "coco", tmp_path / "out", cwd=parts)
    (tmp_path / "out" / "trainset.json").write_text('{"more": ' + "[" * 100_000)
    again = tmp_path / "again"
    trainset("init", again, "--modality", "vision", "--task", "parts:box:screw,nut", cwd=tmp_path)
    trainset("import", "coco", tmp_path / "out", cwd=again)
    assert states(again) == {"media/p0.png": "reviewed"}


def test_predictions_are_imported_as_a_run_and_only_once(parts, tmp_path):
    trainset("prelabel", cwd=parts)
    trainset("export", "jsonl", tmp_path / "said.jsonl", "--include", "predicted", cwd=parts)
    again = tmp_path / "again"
    trainset("init", again, "--modality", "vision", "--task", "parts:box:screw,nut", cwd=tmp_path)
    trainset("import", "jsonl", tmp_path / "said.jsonl", "--as", "predictions", cwd=again)
    trainset("import", "jsonl", tmp_path / "said.jsonl", "--as", "predictions", cwd=again)
    told = trainset("status", "--json", cwd=again).json()["tasks"]["parts"]
    assert told["states"] == {"predicted": 6} and len(told["runs"]) == 1


def test_import_refuses_unknown_labels_until_they_are_to_be_added(parts, tmp_path):
    (tmp_path / "x.jsonl").write_text(json.dumps({"key": "media/p0.png", "task": "parts", "state": "reviewed",
                                                  "annotations": [{"type": "box", "id": "a1", "label": "bolt", "box": [1, 2, 3, 4]}]}) + "\n")  # fmt: skip
    assert "bolt" in trainset("import", "jsonl", tmp_path / "x.jsonl", cwd=parts, code=2).err
    assert "bolt" in trainset("import", "jsonl", tmp_path / "x.jsonl", "--dry-run", cwd=parts).err
    trainset("import", "jsonl", tmp_path / "x.jsonl", "--add-labels", cwd=parts)
    assert states(parts)["media/p0.png"] == "reviewed"


def test_classes_go_through_csv_and_folders(tmp_path):
    root = tmp_path / "kinds"
    trainset("init", root, "--modality", "vision", "--task", "kind:classify:cat,dog", cwd=tmp_path)
    for n in range(4):
        picture(root / "media" / f"{n}.png", (5 * n, 3, 9, 9))
    trainset("add", "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    for n in range(4):
        correct(root, f"media/{n}.png", {"label": ("cat", "dog")[n % 2]})
    for name, dest in (("csv", "out.csv"), ("folder", "out")):
        trainset("export", name, tmp_path / dest, "--media", "none" if name == "csv" else "copy", cwd=root)
        again = tmp_path / f"again-{name}"
        trainset("init", again, "--modality", "vision", "--task", "kind:classify:cat,dog", cwd=tmp_path)
        shutil.copytree(root / "media", again / "media", dirs_exist_ok=True)
        trainset("add", "media", cwd=again)
        trainset("import", name, tmp_path / dest, cwd=again)
        with api.open(again) as data:
            assert [[a.label for a in i.annotations()] for i in data] == [["cat"], ["dog"], ["cat"], ["dog"]]


# -- the Python API ----------------------------------------------------------------------------------------------


def test_the_api_reads_items_states_splits_and_pixels(parts):
    correct(parts, "media/p0.png", NUT)
    with api.open(parts) as data:
        assert len(data) == 6 and data.states()["media/p0.png"] == "reviewed"
        assert sum(data.splits().values()) == 6
        item = next(data.items("state = reviewed"))
        assert item.image().shape == (48, 64, 3) and item.meta["width"] == 64
        assert item.annotations()[0].label == "nut"


# -- errors ------------------------------------------------------------------------------------------------------


def test_errors_are_a_line_and_a_hint(tmp_path, parts):
    said = trainset("status", cwd=tmp_path, code=1)
    assert said.err.startswith("error: there is no dataset") and "hint: " in said.err
    assert "did you mean media/p0.png" in trainset("show", "p0.png", cwd=parts, code=2).err
    (parts / "trainset.toml").write_text((parts / "trainset.toml").read_text() + "\n[tasks.parts.lables]\n")
    assert "lables" in trainset("status", cwd=parts, code=1).err


def test_names_with_controls_reach_the_terminal_only_as_visible_text(parts):
    picture(parts / "media" / "evil\x1b]52;c;aGk=\x07\u202e.png", (3, 3, 9, 9))
    trainset("add", "media", cwd=parts)
    for command in (("items",), ("status",), ("items", "--json")):
        said = trainset(*command, cwd=parts)
        assert not set("\x1b\x07\u202e") & set(said.out + said.err)


# -- what hostile or careless input must not do --------------------------------------------------------------------


def test_no_imported_name_leads_out_of_the_label_files(parts, tmp_path):
    line = {
        "key": "media/p0.png",
        "task": "parts",
        "state": "reviewed",
        "annotations": [],
        "decided_by": ["rule.../../../../../evil"],
    }
    (tmp_path / "x.jsonl").write_text(json.dumps(line) + "\n")
    trainset("import", "jsonl", tmp_path / "x.jsonl", cwd=parts)
    assert not any(p.name == "evil" for p in tmp_path.rglob("*") if "labels" not in p.parts)
    assert states(parts)["media/p0.png"] == "reviewed"
    trainset("status", cwd=parts)


def test_a_review_overrules_nobody_whose_decision_it_did_not_show(parts):
    from trainset.core.desk import ReviewDesk

    trainset("reviewer", "add", "bo", cwd=parts)
    with api.open(parts) as data:
        desk = ReviewDesk(data, data.config.task(None), "ana")
        item = desk.item("media/p0.png")
        desk.versions(item)
        trainset("decide", "media/p0.png", "--verdict", "excluded", "--reviewer", "bo", cwd=parts)
        data.index.refresh()
        desk.record(item, "corrected", ())
        desk.close()
    assert states(parts)["media/p0.png"] == "disputed"


def test_states_travel_also_where_the_other_data_set_has_other_folders(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for root, folder in ((one, "media/sub"), (two, "media")):
        trainset("init", root, "--modality", "vision", "--task", "parts:box:screw,nut", cwd=tmp_path)
        for n in range(3):
            picture(root / folder / f"p{n}.png", (8, 8, 9, 9))
        trainset("add", "media", cwd=root)
        trainset("reviewer", "add", "ana", cwd=root)
    trainset("decide", "media/sub/p0.png", "--verdict", "excluded", cwd=one)
    trainset("decide", "media/sub/p1.png", "--verdict", "corrected", "--annotations", "[]", cwd=one)
    trainset("export", "voc", tmp_path / "out", "--include", "reviewed,excluded,unlabelled", cwd=one)
    trainset("import", "voc", tmp_path / "out", cwd=two)
    assert states(two) == {"media/p0.png": "excluded", "media/p1.png": "reviewed", "media/p2.png": "unlabelled"}


def test_an_item_has_one_class_where_the_task_does_not_say_many(tmp_path):
    root = tmp_path / "kinds"
    trainset("init", root, "--modality", "vision", "--task", "kind:classify:cat,dog", cwd=tmp_path)
    picture(root / "media" / "a.png", (3, 3, 9, 9))
    trainset("add", "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    both = '[{"label": "cat"}, {"label": "dog"}]'
    assert (
        "one class"
        in trainset("decide", "media/a.png", "--verdict", "corrected", "--annotations", both, cwd=root, code=2).err
    )


@pytest.mark.parametrize(
    ("annotation", "word"),
    [
        ({"type": "zz.q"}, "takes annotations of type"),
        ({"score": 7}, "between 0 and 1"),
        ({"atributes": {}}, "no field 'atributes'"),
    ],
)
def test_what_is_mistyped_in_an_annotation_is_refused(parts, annotation, word):
    answer = json.dumps([{"label": "nut", "box": [1, 2, 3, 4], **annotation}])
    assert (
        word
        in trainset("decide", "media/p0.png", "--verdict", "corrected", "--annotations", answer, cwd=parts, code=2).err
    )


def test_links_that_lead_to_themselves_stop_nothing(parts):
    (parts / "media" / "loop.png").symlink_to("loop.png")
    (parts / "media" / "round").symlink_to(".")
    told = trainset("add", "media", "--json", cwd=parts).json()
    assert told["known"] == 6 and "loop.png" in told["skipped"][0]["path"]


def test_a_model_with_names_is_mapped_by_index_through_a_table(tmp_path):
    from trainset_vision.demo import belt

    root = tmp_path / "parts"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:one,two", cwd=tmp_path)
    model = next(Path(belt.__file__).parent.glob("*.onnx"))
    trainset("model", "add", model, "--name", "belt", "--classes", "by-index", cwd=root)
    table = tomlkit.parse((root / "trainset.toml").read_text())["models"]["belt"]["classes"]
    assert list(table.values()) == ["one", "two"]
