"""The waveform under review, 512 x 64 in scene coordinates whatever its duration."""

import numpy as np
from msgspec.structs import replace

from trainset.plugins import Editor, EditorView, Key, Picture, Point, Rect, Scene, Shape, class_editor
from trainset_audio.segments import Segment

WIDTH, HEIGHT = 512, 64


class Waveform(EditorView):
    keys = (Key("w", "split", "split the segment"), Key("h", "move", "earlier", -0.05), Key("l", "move", "later", 0.05))

    def open(self, item, versions, context):
        self.end, self.picture = item.meta["duration"], draw(context.media.load(item), WIDTH)
        self.classes = context.task.on is not None
        self.editor = class_editor(item, versions, context) if self.classes else Editor(item, context.task, versions)

    def scene(self, viewport):
        place, shapes, editor = Rect(0, 0, WIDTH, HEIGHT), [], self.editor
        for a, line in editor.placed() if self.classes else zip(editor.objects, editor.lines(), strict=True):
            if isinstance(a, Segment):
                start, end = (t / self.end * WIDTH for t in a.segment)
                corners = (Point(start, 1), Point(end, HEIGHT - 1))
                shapes.append(Shape("box", corners, line.text, line.color, line.selected, line.weak, of=a.id))
        return Scene(place, [Picture(self.picture, place)], shapes=shapes)

    def do(self, command, at=None, argument=None):
        chosen = self.editor.chosen()
        if command not in ("move", "split") or not isinstance(chosen, Segment):
            return super().do(command, at, argument)
        start, end = chosen.segment
        if command == "move":
            by = min(max(argument, -start), self.end - end)
            return self.editor.edit("moved", segment=(round(start + by, 3), round(end + by, 3)))
        first = replace(chosen, score=None, segment=(start, round((start + end) / 2, 3)))
        second = replace(first, id=self.editor.new_id(), segment=(first.segment[1], end))
        parts = [p for a in self.editor.objects for p in ([first, second] if a is chosen else [a])]
        return self.editor.change("split", tuple(parts), first.id)

    def thumbnail(self, item, focus, size, context):
        start, end = focus.segment if isinstance(focus, Segment) else (0, item.meta["duration"])
        part = context.media.load(item)[int(start * item.meta["rate"]) : int(end * item.meta["rate"])]
        return Scene(place := Rect(0, 0, size.columns, size.rows * 2), [Picture(draw(part, size.columns), place)])


def draw(samples, width):
    """Peaks as `(HEIGHT, width, 3)` uint8."""
    peaks = np.array([np.abs(part).max(initial=0) for part in np.array_split(samples, width)])
    lit = np.abs(np.arange(HEIGHT) - HEIGHT / 2 + 0.5)[:, None] <= peaks * HEIGHT / 2
    return np.where(lit[..., None], np.uint8(200), np.uint8(24)).repeat(3, axis=2)
