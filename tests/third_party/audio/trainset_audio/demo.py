"""Beeps in noise, at known times."""

import wave

import numpy as np

from trainset_audio.segments import Segment

RATE = 8000


class Tones:
    tasks = ("sounds:segment:tone",)

    def make(self, dest, seed):
        random, self._truth = np.random.default_rng(seed), {}
        (dest / "media").mkdir(parents=True, exist_ok=True)
        for number in range(12):
            samples, name, at = random.normal(0, 0.01, 4 * RATE), f"tone-{number:02}.wav", 0.2
            self._truth[name] = []
            while (end := round(at + random.uniform(0.3, 0.9 if number % 4 else 1.8), 2)) < 3.8:
                inside = np.arange(int(at * RATE), int(end * RATE))
                samples[inside] += 0.5 * np.sin(inside * random.uniform(0.2, 0.8))
                self._truth[name].append((at, end))
                at = round(end + random.uniform(0.3, 0.8), 2)
            with wave.open(str(dest / "media" / name), "wb") as wav:
                wav.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
                wav.writeframes((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())

    def truth(self, key):
        found = self._truth[key.rpartition("/")[2]]
        return tuple(Segment(id=f"t{n}", label="tone", segment=s) for n, s in enumerate(found, 1))

    def configure(self):
        return {
            "prelabeler": "energy",
            "rules": {"accept-above": {"score": 0.5}, "unusual-length": {"times": 1.7}},
        }
