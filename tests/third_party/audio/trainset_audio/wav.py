"""WAV files of 8 to 32 bits as items. Coordinates are seconds."""

import wave

import numpy as np

from trainset.errors import MediaError
from trainset.plugins import ItemDraft, Problem, Rect, Skipped, walk


class Audio:
    def scan(self, path, settings):
        for file in walk(path):
            if file.suffix.lower() != ".wav":
                yield from [Skipped(file, "not a .wav file")] if file == path else []
                continue
            try:
                with wave.open(str(file), "rb") as wav:
                    rate, count = wav.getframerate(), wav.getnframes()
                yield ItemDraft(parts={"": file}, meta={"duration": count / rate, "rate": rate})
            except (wave.Error, EOFError, OSError, ZeroDivisionError) as error:
                yield Skipped(file, f"not a WAV file of PCM samples: {error}")

    def load(self, parts, item):
        """`(n,)` float32 in -1..1: the mean of the channels."""
        try:
            with wave.open(str(parts[""]), "rb") as wav:
                width, channels, data = wav.getsampwidth(), wav.getnchannels(), wav.readframes(wav.getnframes())
        except (wave.Error, EOFError) as error:
            raise MediaError(f"{parts['']} cannot be read: {error}", hint="convert it to PCM") from error
        raw = np.frombuffer(data[: len(data) // (width * channels) * width * channels], np.uint8).reshape(-1, width)
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 4 - width :] = raw ^ 0x80 if width == 1 else raw  # bytes are unsigned, wider samples are not
        return (wide.view("<i4")[:, 0] / 2**31).astype(np.float32).reshape(-1, channels).mean(1)

    def frame(self, item):
        return Rect(0, 0, item.meta["duration"], 1) if "duration" in item.meta else None

    def check(self, item, annotations):
        for a in annotations:
            start, end = getattr(a, "segment", (0, 1e-9))
            if not 0 <= start < end <= item.meta.get("duration", end) + 1e-3:
                yield Problem(a.id, f"the segment {start:g} to {end:g} s does not lie in the recording")
