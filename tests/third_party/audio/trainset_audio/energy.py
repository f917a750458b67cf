"""A pre-labeller without a model: what is louder than the recording's background."""

import numpy as np
from msgspec import Struct

from trainset.plugins import Limits
from trainset_audio.segments import Segment


class EnergySettings(Struct):
    """`above` is how many times the background's loudness counts as sound; gaps under `gap` seconds are bridged."""

    above: float = 4.0
    gap: float = 0.1


class Energy:
    """Loudness is the root mean square over 20 ms, the background its lowest tenth; the score is the peak's distance."""

    limits = Limits(batch=1, concurrency=2)

    def __init__(self, settings, task):
        self.settings, self.label = settings, task.active[0].id if task.active else None

    def prepare(self, item, context):
        samples, size = context.media.load(item), max(1, item.meta["rate"] // 50)
        padded = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
        return np.sqrt((padded**2).mean(1)), size / item.meta["rate"]

    def infer(self, batch):
        return [self._stretches(*prepared) for prepared in batch]

    def decode(self, output, item):
        end = item.meta["duration"]
        return [Segment(label=self.label, score=s, segment=(round(a, 3), round(min(b, end), 3))) for a, b, s in output]

    def providers(self):
        return ()

    def _stretches(self, loudness, step):
        bound, found = self.settings.above * float(np.quantile(loudness, 0.1)) + 1e-3, []
        for start, end in np.flatnonzero(np.diff(np.pad(loudness > bound, 1).astype(int))).reshape(-1, 2):
            close = found and (start - found[-1][1]) * step < self.settings.gap
            found.append((found.pop()[0] if close else start, end))
        return [(a * step, b * step, round(1 - bound / float(loudness[a:b].max()), 3)) for a, b in found]
