"""Files of other tools with anything in any place: readers name what is wrong, and raise no error of their own."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trainset_vision.formats.cvat import CvatImporter
from trainset_vision.formats.datumaro import DatumaroImporter
from trainset_vision.formats.hf_imagefolder import HfImagefolderImporter
from trainset_vision.formats.label_studio import LabelStudioImporter
from trainset_vision.formats.labelme import LabelmeImporter

from trainset.errors import TrainsetError

from . import shapes_kit as kit
from . import test_formats_datumaro as datumaro
from . import test_formats_label_studio as studio
from . import test_formats_labelme as labelme
from .test_formats_cvat import META

MASK = kit.disc(60, 40, 20, 20, 5)
PLACE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 30}
JSON = {
    "labelme": (
        LabelmeImporter,
        "a.json",
        {
            "version": "5.4.1", "flags": {"cat": True}, "imagePath": "x/a.jpg", "imageHeight": 40, "imageWidth": 60,
            "shapes": [
                labelme.shape("rectangle", [[1, 1], [9, 9]], label="nose", description="x", score=0.5, flags={"a": True}),
                labelme.shape("polygon", [[1, 1], [9, 1], [9, 9]], group_id=1),
                labelme.shape("circle", [[20, 20], [23, 24]]),
                labelme.shape("mask", [[1, 1], [2, 2]], mask=labelme.png(kit.np.ones((2, 2), "uint8"))),
                labelme.shape("point", [[3, 4]], label="nose", group_id=4),
            ],
        },
    ),
    "label-studio": (
        LabelStudioImporter,
        "tasks.json",
        [
            studio.task(
                studio.annotation(
                    studio.box(), studio.box(id="o"),
                    studio.result("keypointlabels", {"x": 1, "y": 2, "width": 1}, label="nose", id="k", parentID="o"),
                    studio.result("polygonlabels", {"points": [[1, 1], [2, 1], [2, 2]], "closed": True}, id="p"),
                    studio.result("brushlabels", {"format": "rle", "rle": [1, 2, 3]}, id="b"),
                    studio.result("vectorlabels", {"vertices": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "closed": False}, id="v"),
                    {"id": "c", "from_name": "parts", "type": "choices", "value": {"choices": ["screw"], "taxonomy": [["a"]]}},
                    by={"id": 3, "email": "a@b.example"}, updated_at="2024",
                ),
                predictions=[{"result": [studio.box(score=0.5)]}],
                file_upload="ab12cd34-a.jpg",
            ),
            {"image": "b.jpg", "label": [PLACE | {"rectanglelabels": ["screw"]}], "choice": {"choices": ["a"]}, "annotator": 1},
        ],
    ),
    "datumaro": (
        DatumaroImporter,
        "train.json",
        {
            "categories": {
                "label": {"labels": [{"name": "b", "parent": ""}, {"name": "nose", "parent": "b"}]},
                "points": {"items": [{"label_id": 0, "labels": ["nose", "7"], "joints": [[1, 2]]}]},
            },
            "items": [
                {
                    "id": "a", "attr": {"frame": 1}, "image": {"path": "a.jpg", "size": [40, 60]},
                    "annotations": [
                        datumaro.annotation("bbox", 1, bbox=[1, 1, 5, 5], attributes={"rotation": 30, "score": 0.5, "track_id": 3}),
                        datumaro.annotation("polygon", 1, points=[1, 1, 5, 1, 5, 5]),
                        datumaro.annotation("polygon", 1, points=[1, 1, 5, 1, 5, 5]),
                        datumaro.annotation("points", 2, points=[1, 1, 5, 1], visibility=[1, 2]),
                        datumaro.annotation("skeleton", elements=[datumaro.annotation("points", points=[1, 1], visibility=[2], label=1)]),
                        datumaro.annotation("mask", rle={"counts": MASK.counts, "size": [40, 60]}),
                        datumaro.annotation("ellipse", points=[1, 1, 5, 5]),
                        datumaro.annotation("label"),
                        {"type": "caption", "caption": "two"},
                    ],
                }
            ],
        },
    ),
    "hf-imagefolder": (
        HfImagefolderImporter,
        "metadata.jsonl",
        {
            "file_name": "a.jpg", "label": "b", "text": "x", "score": 0.5,
            "objects": {"bbox": [[1, 1, 5, 5]], "categories": [0], "scores": [0.5]},
        },
    ),
}  # fmt: skip

JUNK = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        3,
        1.5,
        -0.0,
        1e308,
        10**18,
        10**400,
        "",
        "a",
        "../../x",
        "\0",
        "1e999",
        [],
        [[]],
        [None],
        [{}],
        {},
        {"a": []},
        [1, 2],
    ]
)


def places(node, path=()):
    """Every place in a JSON value, by the keys that lead there."""
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


def changed(node, path, value):
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = changed(node[path[0]], path[1:], value)
    return copy


def survives(importer, src, type):
    importer.sniff(src)
    for act in (importer.classes, lambda src: list(importer.read(src, kit.context(type)))):
        try:
            act(src)
        except TrainsetError:
            continue


@pytest.mark.parametrize("name", JSON)
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data(), junk=JUNK, type=st.sampled_from(kit.TASKS))
def test_json_with_anything_in_any_place(name, data, junk, type, tmp_path_factory):
    importer, file, content = JSON[name]
    path = data.draw(st.sampled_from(list(places(content))))
    src = tmp_path_factory.getbasetemp() / name / file
    src.parent.mkdir(exist_ok=True)
    src.write_text(json.dumps(changed(content, path, junk)))
    survives(importer(), src, type)


CVAT = f"""<annotations><version>1.1</version>{META}
<image id="0" name="a.jpg" subset="Train" width="60" height="40">
<box label="car" occluded="1" xtl="1" ytl="2" xbr="5" ybr="6" rotation="30" z_order="2" group_id="3" score="0.5">
<attribute name="doors">4</attribute></box>
<polygon label="car" points="1,1;2,1;2,2"/><points label="car" points="1,1;2,1"/>
<ellipse label="car" cx="20" cy="20" rx="5" ry="3" rotation="10"/>
<skeleton label="s1"><points label="nose" outside="0" occluded="1" points="1,2"/></skeleton>
<mask label="car" rle="1, 3" left="1" top="1" width="2" height="2"/><tag label="car"/>
</image></annotations>"""


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data(), type=st.sampled_from(kit.TASKS))
def test_cvat_with_anything_in_any_attribute(data, type, tmp_path_factory):
    words = ["", "nan", "-1", "1e308", "1e999", "9" * 5000, "a", "1,2", "1,2;", ";", "../..", "&#9;", "٣", "0x1", "1_0"]
    at = data.draw(st.sampled_from([match.span(1) for match in re.finditer(r'="([^"]*)"', CVAT)]))
    src = tmp_path_factory.getbasetemp() / "annotations.xml"
    src.write_text(CVAT[: at[0]] + data.draw(st.sampled_from(words)) + CVAT[at[1] :], encoding="utf-8")
    survives(CvatImporter(), src, type)
    CvatImporter().options(src, kit.task("keypoints"))
