"""The demo of the vision plugin: frames of a conveyor belt, their truth, a small detector, and rules that fit it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from trainset_vision.annotations import Box
from trainset_vision.demo.frame import Truth, frame
from trainset_vision.demo.shapes import PARTS

ITEMS = 160
"""How many frames the demo draws."""

MODEL = Path(__file__).with_name("model.onnx")
"""The detector that `plugins/vision/training/belt_detector.py` trained."""

# Why these settings: `plugins/vision/training/belt_figures.py` on the seeds 0 to 23, 3840 frames with 14163 parts.
SCORE = 0.25
"""From here on a box is proposed. 99.5 % of the parts get their box, and 92.6 % of the frames need no correction. At 0.4
that is 94.2 %, but then a missed part is more often one that no low score warns of."""

SURE = 0.98
"""From here on a score is believed. It accepts 79 % of the frames, 0.7 % of which are wrong, and so leaves 93 % of all
wrong frames to a person. At 0.8 it would be 86 %, 1.6 % wrong; at 0.99 76 %, 0.5 % wrong."""

DOUBLED = 0.4
"""From this IoU on two boxes may be one part: screw and bent screw, mostly. Parts side by side overlap less."""


class Belt:
    """A `Demo`: small parts on a belt, some bent, some half hidden, seen by a camera that is not always steady."""

    tasks: Sequence[str] = (f"parts:box:{','.join(PARTS)}",)

    def __init__(self) -> None:
        self._truth: dict[str, list[Truth]] = {}
        self._model = MODEL

    def make(self, dest: Path, seed: int) -> None:
        """Draw `ITEMS` JPEG frames of 320x240 into `dest/media`, and copy the detector to `dest/model.onnx`.

        The same seed draws the same frames. Seeds count modulo 2^32: the detector was trained on seeds above.
        """
        media = dest / "media"
        media.mkdir(parents=True, exist_ok=True)
        self._truth = {}
        for number in range(ITEMS):
            image, truth = frame(np.random.default_rng([seed % 2**32, number]))
            name = f"belt-{number:04}.jpg"
            Image.fromarray(image).save(media / name, quality=90)
            self._truth[name] = truth
        self._model = dest / MODEL.name
        shutil.copyfile(MODEL, self._model)

    def truth(self, key: str) -> Sequence[Box]:
        """The boxes of the visible extent of every part in a frame of the last `make`; KeyError for other items."""
        parts = self._truth[key.rpartition("/")[2]]
        return tuple(Box(id=f"t{n}", label=part.label, box=part.box) for n, part in enumerate(parts, 1))

    def configure(self) -> Mapping[str, Any]:
        """The detector (the copy that `make` brought, once it did) and the rules that decide what a person sees.

        There is no `accept-empty`: where the only part was missed, there is no score that could warn. With the empty
        frames (7 %) and the audit, a person sees a quarter of all.
        """
        return {
            "model": {"path": str(self._model), "name": "belt", "score": SCORE},
            "rules": {
                "accept-above": {"score": SURE},
                "min-score": {"below": SURE},
                "overlapping-duplicates": {"above": DOUBLED},
                "random-audit": {"share": 0.05},
            },
        }
