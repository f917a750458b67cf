"""What this distribution registers."""

from trainset import plugins
from trainset.plugins import hookimpl


@hookimpl
def trainset_modalities():
    yield plugins.ModalitySpec(
        name="audio", factory="trainset_audio.wav:Audio", loads_as="audio", summary="WAV recordings", suffixes=(".wav",)
    )


@hookimpl
def trainset_annotations():
    yield plugins.AnnotationSpec(
        tag="audio.segment", struct="trainset_audio.segments:Segment", ops="trainset_audio.segments:SegmentOps",
        summary="stretches of time [start, end] in seconds", modality="audio", tasks=("segment",),
    )  # fmt: skip


@hookimpl
def trainset_prelabelers():
    yield plugins.PrelabelerSpec(
        name="energy", modality="audio", produces=("audio.segment",), factory="trainset_audio.energy:Energy",
        settings="trainset_audio.energy:EnergySettings", summary="stretches that are louder than the rest",
    )  # fmt: skip


@hookimpl
def trainset_rules():
    yield plugins.RuleSpec(
        name="unusual-length", modality="audio", factory="trainset_audio.segments:UnusualLength", whole_task=True,
        settings="trainset_audio.segments:UnusualLengthSettings", summary="segments of a length unusual for their label",
    )  # fmt: skip


@hookimpl
def trainset_formats():
    yield plugins.FormatSpec(
        name="audacity", modality="audio", exporter="trainset_audio.audacity:AudacityExporter",
        carries=("audio.segment",), summary="Audacity label tracks: a text file for each WAV",
    )  # fmt: skip


@hookimpl
def trainset_views():
    yield plugins.ViewSpec(
        name="waveform", modality="audio", tasks=("segment", "classify"), factory="trainset_audio.view:Waveform",
        summary="waves",
    )  # fmt: skip


@hookimpl
def trainset_demos():
    yield plugins.DemoSpec(
        name="tones", modality="audio", factory="trainset_audio.demo:Tones", summary="tones in noise"
    )
