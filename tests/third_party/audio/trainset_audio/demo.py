"""Tones in noise, at known times."""

import wave

import numpy as np

from trainset_audio.segments import Segment

RATE, SECONDS = 8000, 5


class Tones:
    tasks = ("sounds:segment:tone",)

    def make(self, dest, seed):
        random, time, self._truth = np.random.default_rng(seed), np.arange(SECONDS * RATE) / RATE, {}
        (dest / "media").mkdir(parents=True, exist_ok=True)
        for number in range(12):
            tones = random.uniform(0.3, 0.8 if number % 4 else 1.2, 6).cumsum().round(2).reshape(3, 2)
            name, tones = f"tone-{number:02}.wav", tones[tones[:, 1] < SECONDS]
            sounding = ((time[:, None] >= tones[:, 0]) & (time[:, None] < tones[:, 1])).any(axis=1)
            samples = random.normal(0, 0.01, len(time)) + 0.5 * sounding * np.sin(2000 * time)
            with wave.open(str(dest / "media" / name), "wb") as wav:
                wav.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
                wav.writeframes((samples * 32767).astype("<i2").tobytes())
            numbered = enumerate(tones.tolist(), 1)
            self._truth[name] = [Segment(id=f"t{n}", label="tone", segment=tuple(tone)) for n, tone in numbered]

    def truth(self, key):
        return self._truth[key.rpartition("/")[2]]

    def configure(self):
        rules = {"accept-above": {"score": 0.5}, "unusual-length": {"times": 1.7}}
        return {"prelabeler": "energy", "rules": rules}
