"""Audacity label tracks: `start<TAB>end<TAB>label`, a .txt beside each WAV."""

from pathlib import PurePosixPath

from trainset.plugins import Loss


class AudacityExporter:
    def __init__(self):
        self.losses = {"rest": "scores, attributes, tracks, notes and other types are left out"}

    def write(self, rows, dest, context):
        titles = {label.id: label.title for label in context.task.labels}
        for row in rows:
            track = dest / PurePosixPath(row.name).with_suffix(".txt")
            track.parent.mkdir(parents=True, exist_ok=True)
            segments = sorted((a for a in row.annotations if hasattr(a, "segment")), key=lambda a: a.segment)
            lines = [f"{a.segment[0]:.6f}\t{a.segment[1]:.6f}\t{titles.get(a.label, a.label)}\n" for a in segments]
            track.write_text("".join(lines), encoding="utf-8")
            context.place(row.item, dest / row.name)
            lost = len(segments) < len(row.annotations) or row.note or row.attributes
            if lost or any(a.score is not None or a.attributes or a.track for a in segments):
                yield Loss("rest", row.item.key)
