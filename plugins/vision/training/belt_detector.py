"""Train the detector of the vision demo, and export it as ONNX in the layout of an Ultralytics v8 detector.

    pip install -e . -e plugins/vision torch onnx
    python plugins/vision/training/belt_detector.py --out plugins/vision/trainset_vision/demo/model.onnx

It takes some ten minutes on two cores. PyTorch is needed here only: nothing that trainset ships imports it.

The network is anchor-free with one stride of 8, as FCOS (Tian et al. 2019) is: each cell scores every label and
regresses one box, and the cells nearest to a part's centre are the ones that learn it (centre sampling). Scores are
trained with plain cross-entropy instead of the usual focal loss, which would flatten them: in the demo a score must
mean something. All drawings come from seeds that the demo itself cannot draw.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional
from trainset_vision.demo.frame import HEIGHT, WIDTH, Truth, frame
from trainset_vision.demo.shapes import PARTS

SEED = 2**40
"""Drawing seeds from here on are for training and for measuring; the demo folds its own below 2**32."""

STRIDE = 8
LABELS = list(PARTS)


def block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Detector(nn.Module):
    """Images `(n, 3, HEIGHT, WIDTH)`, RGB in 0..1, to `(n, 4 + labels, cells)`: cx, cy, w, h in pixels, and logits."""

    centres: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            block(3, 16, 2), block(16, 32, 2), block(32, 32), block(32, 48, 2), block(48, 48), block(48, 48)
        )
        self.coarse = nn.Sequential(block(48, 64, 2), block(64, 64), block(64, 48, kernel=1))
        self.join = block(48, 48)
        self.head = nn.Conv2d(48, 4 + len(LABELS), 1)
        # At the start every cell says "nothing here": parts are rare among cells.
        nn.init.constant_(self.head.bias[4:], -math.log(99))
        y, x = torch.meshgrid(torch.arange(HEIGHT // STRIDE), torch.arange(WIDTH // STRIDE), indexing="ij")
        self.register_buffer("centres", (torch.stack([x, y]).flatten(1) + 0.5) * STRIDE, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Boxes and logits of every cell."""
        fine = self.fine(images)
        coarse = functional.interpolate(self.coarse(fine), scale_factor=2.0, mode="nearest")
        raw = self.head(self.join(fine + coarse)).flatten(2)
        centre = self.centres + raw[:, :2] * STRIDE
        size = torch.exp(raw[:, 2:4].clamp(max=3.0)) * (4 * STRIDE)
        return torch.cat([centre, size, raw[:, 4:]], dim=1)


class Exported(nn.Module):
    """The detector as it ships: scores in 0..1 in place of logits."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        """Boxes and scores of every cell."""
        output = self.detector(images)
        return torch.cat([output[:, :4], output[:, 4:].sigmoid()], dim=1)


def targets(truth: list[Truth], centres: Tensor) -> tuple[Tensor, Tensor]:
    """The box `(4, cells)` and the class `(cells,)` that each cell shall learn; -1 is nothing, -2 is not asked.

    The cells within one stride of a part's centre learn it, so does the nearest cell in any case; cells up to two
    strides away are not asked, as there either answer would do.
    """
    boxes, classes = torch.zeros(4, centres.shape[1]), torch.full((centres.shape[1],), -1)
    if not truth:
        return boxes, classes
    corners = torch.tensor([t.box for t in truth]).T
    middle = corners[:2] + corners[2:] / 2
    distance = (centres[:, None] - middle[:, :, None]).norm(dim=0) / STRIDE
    nearest, part = distance.min(dim=0)
    near = nearest <= 1
    best = distance.argmin(dim=1)
    near[best], part[best] = True, torch.arange(len(truth))
    classes[nearest <= 2] = -2
    classes[near] = torch.tensor([LABELS.index(t.label) for t in truth])[part[near]]
    boxes[:, near] = torch.cat([middle, corners[2:]])[:, part[near]]
    return boxes, classes


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """GIoU (Rezatofighi et al. 2019) of boxes `(4, n)` given as cx, cy, w, h."""
    low = [torch.stack([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2]) for box in (a, b)]
    inner = (torch.minimum(low[0][1], low[1][1]) - torch.maximum(low[0][0], low[1][0])).clamp(min=0).prod(dim=0)
    hull = (torch.maximum(low[0][1], low[1][1]) - torch.minimum(low[0][0], low[1][0])).prod(dim=0)
    union = a[2:].prod(dim=0) + b[2:].prod(dim=0) - inner
    return inner / union - (hull - union) / hull


def loss(output: Tensor, boxes: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of every score that is asked, and 1 - GIoU of every box that is learned, a learning cell."""
    asked, learned = classes != -2, classes >= 0
    count = max(int(learned.sum()), 1)
    wanted = functional.one_hot(classes.clamp(min=0), len(LABELS)) * learned[..., None]
    logits = output[:, 4:].permute(0, 2, 1)
    scores = functional.binary_cross_entropy_with_logits(logits[asked], wanted[asked].float(), reduction="sum")
    found = output[:, :4].permute(1, 0, 2)[:, learned]
    return (scores + 2 * (1 - generalised_iou(found, boxes.permute(1, 0, 2)[:, learned])).sum()) / count


def flipped(truth: list[Truth], horizontally: bool, vertically: bool) -> list[Truth]:
    """The parts of a mirrored drawing."""
    return [
        Truth(t.label, (WIDTH - x - w if horizontally else x, HEIGHT - y - h if vertically else y, w, h))
        for t in truth
        for x, y, w, h in [t.box]
    ]


def train(drawings: int, epochs: int, batch: int = 16) -> Detector:
    """A detector trained on so many drawings, each seen once an epoch in one of its four mirrorings."""
    torch.manual_seed(0)
    rng = np.random.default_rng(SEED)
    drawn = [frame(np.random.default_rng([SEED, n])) for n in range(drawings)]
    detector = Detector()
    average = torch.optim.swa_utils.AveragedModel(
        detector, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    optimiser = torch.optim.AdamW(detector.parameters(), weight_decay=1e-3)
    steps = epochs * (drawings // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps, pct_start=0.15)
    for epoch in range(epochs):
        total = 0.0
        for chosen in rng.permutation(drawings)[: drawings // batch * batch].reshape(-1, batch):
            images, boxes, classes = [], [], []
            for index in chosen:
                image, truth = drawn[index]
                across, down = (bool(f) for f in rng.integers(0, 2, 2))
                images.append(torch.from_numpy(np.ascontiguousarray(image[:: 1 - 2 * down, :: 1 - 2 * across])))
                box, kind = targets(flipped(truth, across, down), detector.centres)
                boxes.append(box)
                classes.append(kind)
            output = detector(torch.stack(images).permute(0, 3, 1, 2) / 255)
            error = loss(output, torch.stack(boxes), torch.stack(classes))
            optimiser.zero_grad()
            error.backward()
            optimiser.step()
            schedule.step()
            average.update_parameters(detector)
            total += error.item()
        print(f"epoch {epoch + 1}/{epochs}: loss {total / (drawings // batch):.3f}", flush=True)
    trained: Detector = average.module
    return trained.eval()


def export(detector: Detector, out: Path) -> None:
    """Write the ONNX file, with the metadata by which adapters know such a detector."""
    torch.onnx.export(
        Exported(detector).eval(),
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(out),
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(out)
    onnx.helper.set_model_props(
        model,
        {
            "description": "Detects small parts on the drawn conveyor belt of trainset's vision demo, and nothing else",
            "author": "The trainset project; trained on drawings by plugins/vision/training/belt_detector.py",
            "license": "Apache-2.0",
            "task": "detect",
            "names": str(dict(enumerate(LABELS))),
            "imgsz": str([HEIGHT, WIDTH]),
            "stride": "16",
            "batch": "1",
            "channels": "3",
        },
    )
    onnx.checker.check_model(model)
    onnx.save(model, out)


def main() -> None:
    """Train and export."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("model.onnx"))
    parser.add_argument("--drawings", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    export(train(arguments.drawings, arguments.epochs), arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
