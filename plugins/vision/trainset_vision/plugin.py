"""What this distribution registers."""

from __future__ import annotations

from collections.abc import Iterator

from trainset.plugins import (
    AnnotationSpec,
    DemoSpec,
    EmbedderSpec,
    FormatSpec,
    ModalitySpec,
    PrelabelerSpec,
    RankerSpec,
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
        produces=("box", "polygon", "mask", "rotated-box"),
        factory="trainset_vision.prelabel.outline:Outline",
        settings="trainset_vision.prelabel.outline:OutlineSettings",
        summary="Objects that stand out of their background, without a model",
        files=("reference",),
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

    yield PrelabelerSpec(
        name="sam",
        modality="vision",
        produces=(*regions, "box"),
        factory="trainset_vision.prelabel.promptable:Sam",
        settings="trainset_vision.prelabel.promptable:SamSettings",
        recognise="trainset_vision.prelabel.promptable:recognise",
        summary="Promptable segmentation in ONNX, of an encoder and a decoder: Segment Anything and its kin",
    )


@hookimpl
def trainset_embedders() -> Iterator[EmbedderSpec]:
    """Image encoders in ONNX, and what needs no model."""
    yield EmbedderSpec(
        name="appearance",
        modality="vision",
        factory="trainset_vision.embed_appearance:Appearance",
        settings="trainset_vision.embed_appearance:AppearanceSettings",
        summary="Brightness, colour and edges of pictures, without a model",
    )
    yield EmbedderSpec(
        name="onnx",
        modality="vision",
        factory="trainset_vision.embed_onnx:OnnxEmbedder",
        settings="trainset_vision.embed_onnx:OnnxSettings",
        recognise="trainset_vision.embed_onnx:recognise",
        summary="Image encoders in ONNX: DINO, CLIP and others with one vector, tokens or a map of features",
    )


@hookimpl
def trainset_rules() -> Iterator[RuleSpec]:
    """What is suspicious in the shapes of objects, and in how images are like each other."""
    for name, place, struct, summary in (
        ("polygon-self-intersects", "outlines", "PolygonSelfIntersects", "Outlines that cross themselves"),
        ("aspect-out-of-range", "outlines", "AspectOutOfRange", "Objects much wider than high, or the other way round"),
        ("keypoint-outside-box", "outlines", "KeypointOutsideBox", "Keypoints outside the box of their object"),
        ("tiny-part", "parts", "TinyPart", "Specks beside an object"),
        ("mask-box-mismatch", "parts", "MaskBoxMismatch", "Regions with parts far away from the largest"),
        ("duplicate-image", "duplicates", "DuplicateImage", "Images that are there twice, byte by byte"),
        ("near-duplicate", "duplicates", "NearDuplicate", "Images that are almost the same, by their vectors"),
        ("outlier", "outlier", "Outlier", "Images unlike all others, by their vectors"),
    ):
        yield RuleSpec(
            name=name,
            factory=f"trainset_vision.rules.{place}:{struct}",
            whole_task=place in ("duplicates", "outlier"),
            settings=f"trainset_vision.rules.{place}:{struct}Settings",
            summary=summary,
            modality="vision",
        )


@hookimpl
def trainset_rankers() -> Iterator[RankerSpec]:
    """An order by what images are like."""
    yield RankerSpec(
        name="diverse",
        factory="trainset_vision.diverse:Diverse",
        summary="what differs most from all that was decided, and from what comes before it",
        modality="vision",
    )


@hookimpl
def trainset_formats() -> Iterator[FormatSpec]:
    """Readers and writers of other tools' labels."""
    shapes = ("polygon", "mask", "rotated-box")
    every = ("box", *shapes, "polyline", "keypoints", "class")
    for name, stem, carries, summary in (
        ("coco", "Coco", ("box", "polygon", "mask", "keypoints"), "COCO JSON: objects, keypoints, captions, results"),
        ("yolo", "Yolo", ("box", *shapes, "keypoints"), "YOLO text files with data.yaml: detect, segment, OBB, pose"),
        ("voc", "Voc", ("box", *shapes), "Pascal VOC XML, with masks of objects and classes"),
        ("dota", "Dota", ("rotated-box", "box"), "DOTA text files: four corners and a category"),
        ("mask-png", "MaskPng", ("mask", "polygon"), "Masks as PNG: numbers, palettes or colours, with a legend"),
        (
            "open-images",
            "OpenImages",
            ("box", "mask", "polygon", "class"),
            "Open Images CSV: boxes, masks, classes of images",
        ),
        ("csv", "Csv", ("class",), "A CSV table of file names and classes"),
        ("folder", "Folder", ("class",), "One folder per class"),
        ("cvat", "Cvat", every, "CVAT XML (CVAT for images 1.1)"),
        ("labelme", "Labelme", every, "LabelMe JSON, a file an image"),
        ("label-studio", "LabelStudio", every, "Label Studio JSON, and JSON_MIN on import"),
        ("datumaro", "Datumaro", every, "Datumaro JSON"),
        ("hf-imagefolder", "HfImagefolder", ("box", "class"), "A Hugging Face image folder with metadata.jsonl"),
    ):
        yield FormatSpec(
            name=name,
            summary=summary,
            importer=f"trainset_vision.formats.{name.replace('-', '_')}:{stem}Importer",
            exporter=f"trainset_vision.formats.{name.replace('-', '_')}:{stem}Exporter",
            modality="vision",
            carries=carries,
        )


@hookimpl
def trainset_views() -> Iterator[ViewSpec]:
    """The image with what is labelled on it, or with its class."""
    yield ViewSpec(
        name="image",
        modality="vision",
        tasks=("box", "rotated-box", "polygon", "polyline", "mask", "keypoints", "classify"),
        factory="trainset_vision.view:ImageView",
        summary="An image: objects of any type drawn, mended and labelled, or one class for the whole",
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
