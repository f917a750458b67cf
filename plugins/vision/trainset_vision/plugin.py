"""What this distribution registers."""

from __future__ import annotations

from collections.abc import Iterator

from trainset.plugins import (
    AnnotationSpec,
    DemoSpec,
    FormatSpec,
    ModalitySpec,
    PrelabelerSpec,
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
        summary="Images: JPEG, PNG, WebP, BMP, GIF and 8-bit TIFF",
        suffixes=(".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    )


@hookimpl
def trainset_annotations() -> Iterator[AnnotationSpec]:
    """Boxes; the class of a whole image is the core's."""
    yield AnnotationSpec(
        tag="box",
        struct="trainset_vision.annotations:Box",
        ops="trainset_vision.annotations:BoxOps",
        summary="Axis-parallel boxes [x, y, width, height] in upright pixels",
        modality="vision",
        tasks=("box",),
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
    for name, struct, produces, summary in (
        ("yolo", "Yolo", "box", "Ultralytics YOLO detectors exported to ONNX"),
        ("yolox", "Yolox", "box", "YOLOX detectors exported to ONNX"),
        ("classify", "Classify", "class", "Image classifiers in ONNX"),
    ):
        yield PrelabelerSpec(
            name=name,
            modality="vision",
            produces=(produces,),
            factory=f"trainset_vision.prelabel.{name}:{struct}",
            settings=f"trainset_vision.prelabel.{name}:{struct}Settings",
            recognise=f"trainset_vision.prelabel.{name}:recognise",
            summary=summary,
        )


@hookimpl
def trainset_formats() -> Iterator[FormatSpec]:
    """Readers and writers of other tools' labels."""
    for name, stem, carries, summary in (
        ("coco", "Coco", "box", "COCO detection JSON"),
        ("yolo", "Yolo", "box", "YOLO text files with data.yaml"),
        ("voc", "Voc", "box", "Pascal VOC XML"),
        ("csv", "Csv", "class", "A CSV table of file names and classes"),
        ("folder", "Folder", "class", "One folder per class"),
    ):
        yield FormatSpec(
            name=name,
            summary=summary,
            importer=f"trainset_vision.formats.{name}:{stem}Importer",
            exporter=f"trainset_vision.formats.{name}:{stem}Exporter",
            modality="vision",
            carries=(carries,),
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
