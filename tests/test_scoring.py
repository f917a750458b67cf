"""How runs are scored against what people decided."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainset.core.model import Class
from trainset.core.picked_desk import PickedDesk
from trainset.core.queue import Entry
from trainset.core.scoring import FEWEST, Judged, Scoring
from trainset.workspace import Workspace

from .command import trainset
from .test_commands import correct, picture


def item(key, truth, *said):
    """Objects are (label, place); two are as alike as their places are near, proposals have a score too."""
    truth = [Class(id=f"t{i}", label=label) for i, (label, _) in enumerate(truth)], [p for _, p in truth]
    parts = [
        ([Class(id=f"p{i}", label=x, score=s) for i, (x, _, s) in enumerate(run)], [p for _, p, _ in run])
        for run in said
    ]
    tables = [
        np.array([[max(0.0, 1 - abs(a - b)) for b in truth[1]] for a in places]).reshape(len(places), len(truth[1]))
        for _, places in parts
    ]
    return Judged(key, truth[0], [run for run, _ in parts], tables)


def scored(*items, runs=1, above=0.5):
    scoring = Scoring(runs, above)
    for each in items:
        scoring.add(each)
    return scoring, scoring.result()


def test_precision_recall_and_average_precision_count_hits_of_one_label():
    scoring, result = scored(item("a", [("cat", 0), ("cat", 5)], [("cat", 0.1, 0.9), ("cat", 9, 0.8), ("dog", 5, 0.7)]))
    whole, *labels = result.scores[0]
    by_label = {s.label: s for s in labels}
    assert (by_label["cat"].precision.value, by_label["cat"].recall.value) == (0.5, 0.5)
    assert by_label["cat"].ap.value == pytest.approx(51 / 101)
    assert (whole.objects, whole.proposed, whole.precision.value) == (2, 3, pytest.approx(1 / 3))
    assert scoring.confusion()[0] == {("cat", "cat"): 1, ("cat", "dog"): 1, (None, "cat"): 1}


def test_one_object_is_hit_once_by_the_proposal_of_the_highest_score():
    _, result = scored(item("a", [("cat", 0)], [("cat", 0, 0.4), ("cat", 0.2, 0.9)]))
    assert (result.scores[0][0].precision.value, result.scores[0][0].recall.value) == (0.5, 1.0)
    assert result.scores[0][0].ap.value == 1.0


def test_a_label_on_too_few_items_has_no_interval():
    _, few = scored(*(item(str(i), [("cat", 0)], [("cat", 0, 0.9)]) for i in range(FEWEST - 1)))
    _, enough = scored(*(item(str(i), [("cat", 0)], [("cat", i % 2, 0.9)]) for i in range(40)))
    assert math.isnan(few.scores[0][1].recall.low)
    assert enough.scores[0][1].recall.low < 0.5 < enough.scores[0][1].recall.high


def test_two_runs_are_compared_on_the_same_draws():
    items = [item(str(i), [("cat", 0)], [("cat", 0, 0.9)] if i % 2 else [], [("cat", 0, 0.9)]) for i in range(40)]
    scoring, result = scored(*items, runs=2)
    gain = result.gain["cat"]
    assert gain.value == pytest.approx(result.scores[1][1].ap.value - result.scores[0][1].ap.value)
    assert 0 < gain.low <= gain.value <= gain.high
    first = scoring.differences()[0]
    assert (first.f1, first.reason) == ((0.0, 1.0), "A finds 0 of 1; B finds 1 of 1")
    assert len(scoring.differences()) == 20


def test_nothing_to_count_is_no_number():
    _, result = scored(item("a", [], []), item("b", [], []))
    whole = result.scores[0][0]
    assert math.isnan(whole.precision.value) and math.isnan(whole.recall.value) and math.isnan(whole.ap.value)


@settings(max_examples=20)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(5, 30), st.integers(0, 2)), max_size=6),
        min_size=1,
        max_size=6,
    ),
    st.randoms(),
)
def test_average_precision_is_that_of_pycocotools(images, random):
    from pycocotools import coco
    from pycocotools import cocoeval as evaluation

    boxes, results, judged = [], [], []
    for number, objects in enumerate(images):
        truth = [([x, y, s, s], c) for x, y, s, c in objects]
        said = [
            ([b[0] + random.randint(-4, 4), b[1], b[2], b[3]], random.choice((c, c, 2)), random.random())
            for b, c in truth
            for _ in range(random.randint(0, 2))
        ]
        boxes += [
            {
                "id": len(boxes) + i + 1,
                "image_id": number,
                "category_id": c,
                "bbox": b,
                "area": b[2] * b[3],
                "iscrowd": 0,
            }
            for i, (b, c) in enumerate(truth)
        ]
        results += [{"image_id": number, "category_id": c, "bbox": b, "score": s} for b, c, s in said]
        from pycocotools import mask

        table = np.array(mask.iou([b for b, _, _ in said], [b for b, _ in truth], [0] * len(truth))).reshape(
            len(said), len(truth)
        )
        judged.append(
            Judged(
                str(number),
                [Class(id=str(i), label=str(c)) for i, (_, c) in enumerate(truth)],
                [[Class(id=str(i), label=str(c), score=s) for i, (_, c, s) in enumerate(said)]],
                [table],
            )
        )
    if not boxes or not results:
        return
    reference = coco.COCO()
    reference.dataset = {
        "images": [{"id": n} for n in range(len(images))],
        "annotations": boxes,
        "categories": [{"id": c} for c in range(3)],
    }
    reference.createIndex()
    run = evaluation.COCOeval(reference, reference.loadRes(results), "bbox")
    run.params.iouThrs = np.array([0.5])
    run.evaluate()
    run.accumulate()
    expected = run.eval["precision"][0, :, :, 0, 2].mean(axis=0)
    _, result = scored(*judged)
    for score in result.scores[0][1:]:
        if score.objects:
            assert score.ap.value == pytest.approx(expected[int(score.label)], abs=1e-6)


@pytest.fixture(scope="module")
def outlined(tmp_path_factory):
    """Six drawn pictures, all decided; two runs of `outline`, the second of which finds nothing."""
    root = tmp_path_factory.mktemp("scored") / "parts"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:screw", cwd=root.parent)
    for n in range(6):
        picture(root / "media" / f"p{n}.png", (8 + 4 * n, 10, 14, 12))
    trainset("add", root / "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    (root / "trainset.toml").open("a").write(
        '[models.good]\ntask = "parts"\nprelabeler = "outline"\n[models.blind]\ntask = "parts"\nprelabeler = "outline"\n'
        "[models.blind.settings]\nmin-area = 0.9\n"
    )
    for model in ("good", "blind"):
        trainset("prelabel", "--model", model, cwd=root)
    for n in range(6):
        correct(root, f"media/p{n}.png", {"type": "box", "label": "screw", "box": [8 + 4 * n, 10, 14, 12]})
    return root


def test_two_runs_are_scored_by_their_models_names(outlined):
    told = trainset("score", "good", "blind", "--json", "--split", "all", cwd=outlined).json()
    good, blind = (run["scores"][0] for run in told["runs"])
    assert (told["items"], told["objects"], told["missing"]) == (6, 6, 0)
    assert (good["recall"]["value"], good["ap"]["value"], blind["recall"]["value"]) == (1.0, 1.0, 0.0)
    assert told["gain"][0]["value"] == -1.0
    assert len(told["differences"]) == 6


def test_scores_are_a_table_for_people(outlined):
    ran = trainset("score", "good", "--split", "all", cwd=outlined)
    assert "6 items of all splits that people reviewed, 6 objects" in ran.out
    assert "1.000" in ran.out


def test_a_run_that_does_not_exist_is_an_error_that_lists_those_that_do(outlined):
    ran = trainset("score", "nobody", cwd=outlined, code=2)
    assert "has no run 'nobody'" in ran.err and "(good)" in ran.err


def test_a_split_that_nobody_reviewed_is_an_error(outlined):
    assert "nobody has reviewed items" in trainset("score", "good", "--split", "bogus", cwd=outlined, code=2).err


def test_items_on_which_two_runs_differ_are_reviewed_in_that_order(outlined, monkeypatch):
    seen = []

    def look(desk, make_view, context, **options):
        for entry in desk.queue():
            item = desk.item(entry.key)
            seen.append((entry.key, entry.priority, desk.versions(item), desk.why(item)))
        return 0

    monkeypatch.setattr("trainset.tui.run_review", look)
    differences = trainset("score", "good", "blind", "--split", "all", "--json", cwd=outlined).json()["differences"]
    trainset("score", "good", "blind", "--split", "all", "--review", "--reviewer", "ana", cwd=outlined)
    assert [key for key, *_ in seen] == [d["key"] for d in differences]
    _, priority, versions, why = seen[0]
    assert priority == 1.0 and len(versions["decided"]) == 1
    assert why[0].startswith("good ") and "finds 1 of 1; blind " in why[0] and why[0].endswith("finds 0 of 1")


def test_runs_that_do_equally_well_leave_nothing_to_review(outlined):
    ran = trainset("score", "good", "good", "--split", "all", "--review", "--reviewer", "ana", cwd=outlined)
    assert "equally well on each of 6 items" in ran.err


def test_a_review_of_differences_needs_two_runs(outlined):
    assert "RUN_A RUN_B --review" in trainset("score", "good", "--review", cwd=outlined, code=2).err


def test_what_was_picked_and_is_decided_blind_tells_nothing_of_it(outlined):
    with Workspace().open(outlined) as opened:
        task = opened.config.task("parts")
        desk = PickedDesk(
            opened, task, "bob", [Entry("media/p0.png", 1.0, "A finds it")], splits=("train", "val", "test")
        )
        item = desk.item("media/p0.png")
        assert desk.versions(item) == {"new": ()} and "A finds it" not in desk.why(item)
        desk.close()
