"""Masks by a bound."""

import numpy as np
import pytest
from trainset_medical.prelabel.threshold import Threshold, ThresholdSettings, otsu
from trainset_medical.volume import Volume

from trainset.core.model import Task
from trainset.errors import ConfigError, MediaError
from trainset.plugins.registry import convert
from trainset.testing import MemoryContext

from .volumes import OBLIQUE, TASK, ball, bright, item

SHAPE = (20, 18, 16)


def said(data, **settings):
    labeller = Threshold(ThresholdSettings(**settings), TASK)
    context = MemoryContext(TASK, loaded={item().key: Volume(data, OBLIQUE)})
    (output,) = labeller.infer([labeller.prepare(item(), context)])
    return labeller.decode(output, item())


def test_what_is_bright_is_found_without_a_bound_given():
    (mask,) = said(bright(SHAPE, (9, 9, 8), 4))
    assert (mask.voxels == ball(SHAPE, (9, 9, 8), 4)).all()
    assert mask.label == "cord"
    assert mask.score > 0.95


def test_the_largest_parts_are_kept_and_specks_are_not():
    data = bright(SHAPE, (5, 5, 5), 4)
    data[ball(SHAPE, (15, 14, 12), 2)] = 500
    data[19, 0, 0] = 500
    sizes = [int(m.voxels.sum()) for m in said(data, parts=5, label="lesion")]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 2


def test_a_bound_of_your_own_and_the_dark_side():
    data = -bright(SHAPE, (9, 9, 8), 4)
    (mask,) = said(data, value=-300, dark=True)
    assert (mask.voxels == ball(SHAPE, (9, 9, 8), 4)).all()


def test_an_even_volume_has_nothing_in_it():
    assert said(np.full(SHAPE, 7, np.int16)) == []


def test_voxels_that_are_no_numbers_are_left_out():
    data = bright(SHAPE, (9, 9, 8), 4).astype(np.float32)
    data[0] = np.nan
    assert len(said(data)) == 1
    with pytest.raises(MediaError, match="no voxel with a finite value"):
        said(np.full(SHAPE, np.nan, np.float32))


def test_the_bound_lies_between_two_heaps():
    data = np.concatenate([np.full(500, 10.0), np.full(500, 90.0)]).astype(np.float32)
    assert 10 < otsu(data) < 90


@pytest.mark.parametrize("task", [TASK, Task(name="t", type="volume-mask")])
def test_a_label_that_the_task_lacks_is_an_error(task):
    with pytest.raises(ConfigError, match="no label"):
        Threshold(ThresholdSettings(label="liver" if task is TASK else None), task)


@pytest.mark.parametrize("setting", ["parts", "least"])
def test_counts_have_a_range(setting):
    with pytest.raises(ConfigError, match=setting):
        convert("trainset_medical.prelabel.threshold:ThresholdSettings", {setting: 0}, "model 'm'")
