from hypothesis import given
from hypothesis import strategies as st
from trainset_vision.formats.coco_images import ByImage
from trainset_vision.formats.coco_json import Object

numbers = st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1])
ids = st.lists(numbers) | st.lists(numbers | st.sampled_from(["", "0", "1", "-3"]) | st.just(2**70))


@given(ids)
def test_every_object_is_found_with_its_image_in_the_order_of_the_file(ids):
    places = ByImage([Object(image_id=one) for one in ids])
    for image in [*ids, "nowhere", 99]:
        assert places.of(image) == [n for n, one in enumerate(ids) if one == image]


@given(ids)
def test_objects_of_other_images_are_counted(ids):
    known = ids[::2]
    others = dict(ByImage([Object(image_id=one) for one in ids]).others(known))
    assert others == {one: ids.count(one) for one in ids if one not in known}
