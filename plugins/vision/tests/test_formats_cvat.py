"""CVAT's XML as CVAT writes it, in the variants of its documentation."""

import pytest
from trainset_vision.annotations import Box, Polyline, RotatedBox, rle
from trainset_vision.formats.cvat import CvatImporter

from trainset.core.model import Item
from trainset.plugins import Imported

from . import shapes_kit as kit

META = """
  <meta>
    <task>
      <id>4</id><name>parts</name><size>2</size><mode>annotation</mode><overlap>0</overlap><bugtracker></bugtracker>
      <labels>
        <label><name>car</name><color>#fa3253</color><type>any</type><attributes>
          <attribute><name>parked</name><mutable>False</mutable><input_type>checkbox</input_type>
            <default_value>false</default_value><values>false</values></attribute>
          <attribute><name>doors</name><mutable>False</mutable><input_type>number</input_type>
            <default_value>4</default_value><values>0
9
1</values></attribute>
          <attribute><name>make</name><mutable>False</mutable><input_type>select</input_type>
            <default_value>a</default_value><values>a
true</values></attribute>
        </attributes></label>
        <label><name>s1</name><type>skeleton</type><attributes></attributes>
          <svg>&lt;line x1="1" y1="1" x2="2" y2="2" data-type="edge" data-node-from="2" data-node-to="3"&gt;&lt;/line&gt;&lt;circle r="1.5" cx="1" cy="1" data-type="element node" data-element-id="1" data-node-id="1" data-label-name="nose"&gt;&lt;/circle&gt;&lt;circle r="1.5" cx="2" cy="2" data-node-id="2" data-label-name="left eye"&gt;&lt;/circle&gt;&lt;circle r="1.5" cx="2" cy="2" data-node-id="3" data-label-name="7"&gt;&lt;/circle&gt;</svg>
        </label>
        <label><name>nose</name><type>points</type><attributes></attributes><parent>s1</parent></label>
        <label><name>left eye</name><type>points</type><attributes></attributes><parent>s1</parent></label>
        <label><name>7</name><type>points</type><attributes></attributes><parent>s1</parent></label>
      </labels>
      <segments><segment><id>4</id><start>0</start><stop>26</stop><url>http://localhost:8080/?id=4</url></segment></segments>
      <owner><username>admin</username><email></email></owner>
    </task>
    <dumped>2018-09-25 11:38:28.799808+03:00</dumped>
  </meta>"""


def written(folder, images, meta=META, name="annotations.xml", mark=""):
    path = folder / name
    text = f'{mark}<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>{meta}\n{images}\n</annotations>'
    path.write_text(text, encoding="utf-8")
    return path


def read(src, type, items=()):
    found = list(CvatImporter().read(src, kit.context(type, items)))
    return [f for f in found if isinstance(f, Imported)], [f.message for f in found if not isinstance(f, Imported)]


def test_boxes_with_attributes_and_an_image_without_objects(tmp_path):
    src = written(
        tmp_path,
        """
  <image id="0" name="a/filename000.jpg" width="1600" height="1200">
    <box label="car" source="manual" occluded="1" xtl="797.33" ytl="870.92" xbr="965.52" ybr="928.94" z_order="4" group_id="3">
      <attribute name="parked">true</attribute>
      <attribute name="doors">5</attribute>
      <attribute name="make">true</attribute>
    </box>
  </image>
  <image id="1" name="b.jpg" width="10" height="10">
  </image>""",
    )
    (full, empty), problems = read(src, "box")
    assert full.name == "a/filename000.jpg"
    assert full.meta == {"width": 1600, "height": 1200}
    assert full.annotations == [
        Box(
            label="car",
            box=(797.33, 870.92, 965.52 - 797.33, 928.94 - 870.92),
            attributes={
                "occluded": True, "z_order": 4.0, "group_id": 3.0, "parked": True, "doors": 5.0, "make": "true",
            },
        )
    ]  # fmt: skip
    assert empty.annotations == []
    assert not problems


def test_a_box_is_turned_clockwise_about_its_middle(tmp_path):
    box = '<box label="car" occluded="0" xtl="10" ytl="20" xbr="30" ybr="30" rotation="90.00" z_order="0"></box>'
    src = written(tmp_path, f'<image id="0" name="a.jpg" width="60" height="40">{box}</image>')
    assert read(src, "rotated-box")[0][0].annotations == [
        RotatedBox(label="car", rotated_box=(20.0, 25.0, 20.0, 10.0, 90.0))
    ]


def test_the_mask_of_the_documentation(tmp_path):
    runs = "3, 5, 7, 7, 5, 9, 3, 11, 2, 11, 2, 12, 1, 12, 1, 26, 1, 12, 1, 12, 2, 11, 3, 9, 5, 7, 7, 5, 3"
    mask = f'<mask label="car" source="manual" occluded="0" rle="{runs}" left="707" top="888" width="13" height="15" z_order="0"></mask>'
    src = written(tmp_path, f'<image id="0" name="a.jpg" width="1600" height="1200">{mask}</image>')
    items, problems = read(src, "mask")
    found = items[0].annotations[0].mask
    pixels = rle.decode(found.counts, found.size)
    assert not problems
    assert pixels.shape == (1200, 1600)
    assert pixels.sum() == 5 + 7 + 9 + 11 + 11 + 12 + 12 + 26 + 12 + 12 + 11 + 9 + 7 + 5
    assert pixels[888, 710:715].all()
    assert pixels[888].sum() == 5
    assert pixels[902, 712:717].all()
    assert pixels[902].sum() == 5


def test_lines_points_skeletons_and_tags(tmp_path):
    images = """
  <image id="0" name="a.jpg" width="1600" height="1200">
    <polyline label="car" points="462.10,0.00;126.80,1200.00" occluded="0">
    </polyline>
    <points label="car" points="574.90,939.48;1170.16,907.90;1130.69,445.26" occluded="0" z_order="5"></points>
    <tag label="car" source="manual"><attribute name="parked">false</attribute></tag>
    <skeleton label="s1" source="manual" z_order="0">
      <points label="7" occluded="0" source="manual" outside="0" points="125.87,62.85"></points>
      <points label="nose" occluded="1" source="manual" outside="0" points="54.47,94.81"></points>
      <points label="left eye" occluded="0" source="manual" outside="1" points="68.02,162.34"></points>
    </skeleton>
  </image>"""
    src = written(tmp_path, images)
    assert read(src, "polyline")[0][0].annotations == [Polyline(label="car", polyline=(462.1, 0, 126.8, 1200))]
    assert [a.keypoints for a in read(src, "keypoints")[0][0].annotations] == [
        ((574.9, 939.48, 2), (1170.16, 907.9, 2), (1130.69, 445.26, 2)),
        ((54.47, 94.81, 1), (68.02, 162.34, 0), (125.87, 62.85, 2)),
    ]
    assert [(a.label, a.attributes) for a in read(src, "classify")[0][0].annotations] == [("car", {"parked": False})]


def test_labels_are_those_declared_and_used_without_the_points_of_skeletons(tmp_path):
    images = '<image id="0" name="a.jpg"><box label="van" xtl="1" ytl="1" xbr="2" ybr="2"/></image>'
    src = written(tmp_path, images)
    assert CvatImporter().classes(src) == [(None, "car"), (None, "s1"), (None, "van")]
    assert CvatImporter().options(src, kit.task("keypoints")) == {
        "points": ["nose", "left eye", "7"],
        "edges": [["left eye", "7"]],
    }


def test_a_project_with_subsets_and_its_images(tmp_path):
    meta = "<meta><project><id>1</id><labels><label><name>car</name></label></labels></project></meta>"
    images = "".join(
        f'<image id="{n}" name="{n}.jpg" subset="{subset}" task_id="7" width="9" height="9"></image>'
        for n, subset in enumerate(["Train", "Validation", "default", "extra"])
    )
    written(tmp_path, images, meta)
    (tmp_path / "images" / "Train").mkdir(parents=True)
    (tmp_path / "images" / "Train" / "0.jpg").write_bytes(b"")
    items, _ = read(tmp_path, "box")
    assert [item.split for item in items] == ["train", "val", None, "extra"]
    assert items[0].path == tmp_path / "images" / "Train" / "0.jpg"
    assert CvatImporter().sniff(tmp_path)


def test_version_1_0_and_a_byte_order_mark(tmp_path):
    text = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.0</version><meta><task><labels><label><name>car</name><attributes>
<attribute>@select=quality:good,bad</attribute></attributes></label></labels></task></meta>
<image id="0" name="C:\\shots\\ü.jpg"><box label="car" xtl="1" ytl="1" xbr="3" ybr="4" occluded="0">
<attribute name="quality">bad</attribute></box></image></annotations>"""
    (tmp_path / "x.xml").write_text(text, encoding="utf-8")
    items, problems = read(tmp_path / "x.xml", "box", [Item(key="media/shots/ü.jpg")])
    assert [(i.name, i.annotations[0].box, i.annotations[0].attributes) for i in items] == [
        ("shots/ü.jpg", (1, 1, 2, 3), {"quality": "bad"})
    ]
    assert not problems


def test_a_video_is_not_taken_for_images(tmp_path):
    track = (
        '<track id="0" label="car"><box frame="0" xtl="1" ytl="1" xbr="2" ybr="2" outside="0" keyframe="1"/></track>'
    )
    items, problems = read(written(tmp_path, track * 2), "box")
    assert not items
    assert problems[0].startswith("2 tracks of a video are left out (export the task as 'CVAT for images'")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ('<box label="car" xtl="5" ytl="5" xbr="5" ybr="9"/>', "the box has no area: it is 0×4"),
        ('<box label="car" xtl="nan" ytl="5" xbr="5" ybr="9"/>', "nan is no number that could lie in an image"),
        ('<box label="car" xtl="1e308" ytl="5" xbr="5" ybr="9"/>', "1e+308 is no number that could lie in an image"),
        ('<box label="car" ytl="5" xbr="5" ybr="9"/>', "its xtl is no number"),
        ('<polygon label="car" points="1,1;2,2"/>', "a polygon has fewer than three points, or half a point"),
        ('<polygon label="car" points=""/>', "its points are no pairs of numbers"),
        ('<mask label="car" rle="1, 2" left="0" top="0" width="9" height="9"/>', "the runs of the mask do not fill 9×9 pixels"),
        ('<mask label="car" rle="x" left="0" top="0" width="9" height="9"/>', "the runs of the mask are no whole numbers"),
        ('<mask label="car" rle="4" left="0" top="0" width="999999" height="999999"/>', "a mask of 999999×999999 pixels does not fit its image"),
        ('<cuboid label="car" xtl1="5"/>', "1 elements <cuboid> are not read (first: annotations.xml: a.jpg)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_object_is_said(shape, message, tmp_path):
    src = written(tmp_path, f'<image id="0" name="a.jpg" width="60" height="40">{shape}</image>')
    items, problems = read(src, "polygon" if "points" in shape or "rle" in shape else "box")
    assert not items
    assert problems[0] == message


def test_entities_are_refused(tmp_path):
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><annotations><meta>&c;</meta></annotations>'
    (tmp_path / "annotations.xml").write_text(bomb)
    items, problems = read(tmp_path, "box")
    assert not items
    assert "declares a document type" in problems[0]


def test_a_file_that_breaks_off_gives_what_is_before(tmp_path):
    image = (
        '<image id="{}" name="{}.jpg" width="60" height="40"><box label="car" xtl="1" ytl="1" xbr="2" ybr="2"/></image>'
    )
    src = written(tmp_path, "\n".join(image.format(n, n) for n in range(3)))
    src.write_bytes(src.read_bytes()[:-90])
    items, problems = read(src, "box")
    assert [item.name for item in items] == ["0.jpg", "1.jpg"]
    assert "not sound XML" in problems[0]


def test_an_image_labelled_on_its_side_is_left_out(tmp_path):
    image = (
        '<image id="0" name="a.jpg" width="40" height="60"><box label="car" xtl="1" ytl="1" xbr="2" ybr="2"/></image>'
    )
    items, problems = read(written(tmp_path, image), "box", [Item(key="media/a.jpg", meta={"width": 60, "height": 40})])
    assert not items
    assert "before their EXIF orientation" in problems[0]
