"""What this distribution registers."""

from __future__ import annotations

from collections.abc import Iterator

from trainset.plugins import (
    AnnotationSpec,
    DemoSpec,
    FormatSpec,
    ModalitySpec,
    PrelabelerSpec,
    RuleSpec,
    ViewSpec,
    hookimpl,
)


@hookimpl
def trainset_modalities() -> Iterator[ModalitySpec]:
    """Images."""
    yield ModalitySpec(
        name="vision",
        factory="trainset_vision.modality:Vision",
        settings="trainset_vision.modality:VisionSettings",
        loads_as="image",
        summary="Images: JPEG, PNG, WebP, BMP, GIF and TIFF, of 8 bits or more",
        suffixes=(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    )


@hookimpl
def trainset_annotations() -> Iterator[AnnotationSpec]:
    """Everything with a place; the class of a whole image is the core's."""
    for tag, name, tasks, options, summary in (
        ("box", "Box", ("box",), None, "Axis-parallel boxes [x, y, width, height] in upright pixels"),
        (
            "rotated-box",
            "RotatedBox",
            ("rotated-box",),
            None,
            "Boxes [cx, cy, width, height, degrees], turned clockwise",
        ),
        ("polygon", "Polygon", ("polygon", "mask"), None, "Regions of rings [x1, y1, x2, y2, …]: parts and holes"),
        ("mask", "Mask", ("mask", "polygon"), None, "Regions of pixels, run-length encoded as COCO does"),
        ("polyline", "Polyline", ("polyline",), None, "Open lines [x1, y1, x2, y2, …]"),
        ("keypoints", "Keypoints", ("keypoints",), "Skeleton", "Points [x, y, visibility] in the order of a skeleton"),
    ):
        yield AnnotationSpec(
            tag=tag,
            struct=f"trainset_vision.annotations:{name}",
            ops=f"trainset_vision.annotations:{name}Ops",
            summary=summary,
            modality="vision",
            tasks=tasks,
            options=options and f"trainset_vision.annotations:{options}",
        )


@hookimpl
def trainset_prelabelers() -> Iterator[PrelabelerSpec]:
    """Detectors and classifiers in ONNX, and outlines that need no model."""
    yield PrelabelerSpec(
        name="outline",
        modality="vision",
        produces=("box",),
        factory="trainset_vision.prelabel.outline:Outline",
        settings="trainset_vision.prelabel.outline:OutlineSettings",
        summary="Objects that stand out of an even background, without a model",
    )
    regions = ("mask", "polygon")
    for name, struct, produces, summary in (
        ("yolo", "Yolo", ("box", *regions, "keypoints", "rotated-box"), "Ultralytics YOLO models exported to ONNX"),
        ("yolox", "Yolox", ("box",), "YOLOX detectors exported to ONNX"),
        ("nanodet", "Nanodet", ("box",), "NanoDet, NanoDet-Plus and PicoDet detectors exported to ONNX"),
        ("detr", "Detr", ("box",), "DETR, RT-DETR, D-FINE and other detectors with queries exported to ONNX"),
        ("ingraph", "Ingraph", ("box", *regions), "ONNX detectors that return boxes, labels and scores themselves"),
        ("faces", "Faces", ("box", "keypoints"), "YuNet face detectors in ONNX"),
        ("semantic", "Semantic", regions, "Semantic segmentation in ONNX"),
        ("classify", "Classify", ("class",), "Image classifiers in ONNX"),
    ):
        yield PrelabelerSpec(
            name=name,
            modality="vision",
            produces=produces,
            factory=f"trainset_vision.prelabel.{name}:{struct}",
            settings=f"trainset_vision.prelabel.{name}:{struct}Settings",
            recognise=f"trainset_vision.prelabel.{name}:recognise",
            summary=summary,
        )


@hookimpl
def trainset_rules() -> Iterator[RuleSpec]:
    """What is suspicious in the shapes of objects."""
    for name, place, struct, summary in (
        ("polygon-self-intersects", "outlines", "PolygonSelfIntersects", "Outlines that cross themselves"),
        ("aspect-out-of-range", "outlines", "AspectOutOfRange", "Objects much wider than high, or the other way round"),
        ("keypoint-outside-box", "outlines", "KeypointOutsideBox", "Keypoints outside the box of their object"),
        ("tiny-part", "parts", "TinyPart", "Specks beside an object"),
        ("mask-box-mismatch", "parts", "MaskBoxMismatch", "Regions with parts far away from the largest"),
    ):
        yield RuleSpec(
            name=name,
            factory=f"trainset_vision.rules.{place}:{struct}",
            settings=f"trainset_vision.rules.{place}:{struct}Settings",
            summary=summary,
            modality="vision",
        )


@hookimpl
def trainset_formats() -> Iterator[FormatSpec]:
    """Readers and writers of other tools' labels."""
    for name, stem, carries, summary in (
        ("coco", "Coco", ("box", "polygon", "mask", "keypoints"), "COCO JSON: objects, keypoints, captions, results"),
        ("yolo", "Yolo", ("box",), "YOLO text files with data.yaml"),
        ("voc", "Voc", ("box",), "Pascal VOC XML"),
        ("csv", "Csv", ("class",), "A CSV table of file names and classes"),
        ("folder", "Folder", ("class",), "One folder per class"),
    ):
        yield FormatSpec(
            name=name,
            summary=summary,
            importer=f"trainset_vision.formats.{name}:{stem}Importer",
            exporter=f"trainset_vision.formats.{name}:{stem}Exporter",
            modality="vision",
            carries=carries,
        )


@hookimpl
def trainset_views() -> Iterator[ViewSpec]:
    """The image with its boxes, or with its class."""
    yield ViewSpec(
        name="image",
        modality="vision",
        tasks=("box", "classify"),
        factory="trainset_vision.view:ImageView",
        summary="An image: boxes drawn, moved and labelled, or one class for the whole",
    )


@hookimpl
def trainset_demos() -> Iterator[DemoSpec]:
    """Drawn parts on a belt."""
    yield DemoSpec(
        name="belt",
        modality="vision",
        factory="trainset_vision.demo:Belt",
        summary="Machine parts on a conveyor belt, drawn with known boxes",
    )
