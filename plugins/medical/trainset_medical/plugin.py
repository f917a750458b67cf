"""What this distribution registers."""

from __future__ import annotations

from collections.abc import Iterator

from trainset.plugins import AnnotationSpec, FormatSpec, ModalitySpec, PrelabelerSpec, ViewSpec, hookimpl


@hookimpl
def trainset_modalities() -> Iterator[ModalitySpec]:
    """Volumes."""
    yield ModalitySpec(
        name="medical",
        factory="trainset_medical.modality:Volumes",
        loads_as="volume",
        summary="Medical volumes: NIfTI files of three dimensions",
        suffixes=(".nii", ".nii.gz"),
    )


@hookimpl
def trainset_annotations() -> Iterator[AnnotationSpec]:
    """Masks of voxels."""
    yield AnnotationSpec(
        tag="volume-mask",
        struct="trainset_medical.annotations:VolumeMask",
        ops="trainset_medical.annotations:VolumeMaskOps",
        summary="Masks of voxels of the stored array, run-length encoded",
        modality="medical",
        tasks=("volume-mask",),
    )


@hookimpl
def trainset_prelabelers() -> Iterator[PrelabelerSpec]:
    """What is brighter or darker than a bound: no model is needed."""
    yield PrelabelerSpec(
        name="threshold",
        modality="medical",
        produces=("volume-mask",),
        factory="trainset_medical.prelabel.threshold:Threshold",
        settings="trainset_medical.prelabel.threshold:ThresholdSettings",
        summary="The largest connected parts above or below a value, given or found by Otsu's method",
    )


@hookimpl
def trainset_formats() -> Iterator[FormatSpec]:
    """Label maps."""
    yield FormatSpec(
        name="nifti",
        summary="NIfTI label maps, one a volume, with a table of labels",
        importer="trainset_medical.formats.nifti:NiftiImporter",
        exporter="trainset_medical.formats.nifti:NiftiExporter",
        modality="medical",
        carries=("volume-mask",),
    )


@hookimpl
def trainset_views() -> Iterator[ViewSpec]:
    """Slices."""
    yield ViewSpec(
        name="slices",
        modality="medical",
        tasks=("volume-mask",),
        factory="trainset_medical.view:SliceView",
        summary="Axial, coronal and sagittal slices with masks",
    )
