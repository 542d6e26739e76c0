import numpy as np
import pytest
from PIL import Image

from landbridge.core.errors import BadDataError
from landbridge.data.label_maps import VOID, LabelMap, decode_mask, kind_of, raw_labels, size_of

IDS = LabelMap("the list", ids={0: 0, 7: 1, 300: 2, 255: VOID})
COLOURS = LabelMap("the list", colours={(128, 64, 128): 0, (0, 0, 142): 1, (0, 0, 0): VOID})


def palette(path, indices, colours):
    image = Image.fromarray(np.array(indices, np.uint8), "P")
    image.putpalette([value for colour in colours for value in colour])
    image.save(path)
    return path


def test_ids_colours_and_palettes_are_told_apart(tmp_path):
    ids, rgb = tmp_path / "ids.png", tmp_path / "rgb.png"
    Image.fromarray(np.array([[0, 7], [255, 0]], np.uint8)).save(ids)
    Image.fromarray(np.array([[[128, 64, 128], [0, 0, 142]], [[0, 0, 0], [128, 64, 128]]], np.uint8)).save(rgb)
    indexed = palette(tmp_path / "palette.png", [[0, 7], [7, 0]], [(128, 64, 128)] + [(0, 0, 142)] * 7)
    assert [kind_of(path) for path in (ids, rgb, indexed)] == ["ids", "colours", "palette"]
    assert decode_mask(ids, IDS).tolist() == [[0, 1], [VOID, 0]]
    assert decode_mask(rgb, COLOURS).tolist() == [[0, 1], [VOID, 0]]
    assert decode_mask(indexed, IDS).tolist() == [[0, 1], [1, 0]]
    assert decode_mask(indexed, COLOURS).tolist() == [[0, 1], [1, 0]]
    assert decode_mask(ids, IDS).dtype == np.uint8


def test_more_kinds_of_files(tmp_path):
    Image.fromarray(np.array([[0, 300], [7, 255]], np.uint16)).save(tmp_path / "16.png")
    assert decode_mask(tmp_path / "16.png", IDS).tolist() == [[0, 2], [1, VOID]]
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "1.png")
    assert decode_mask(tmp_path / "1.png", LabelMap("two", ids={0: 1, 1: 0})).tolist() == [[0, 1]]
    Image.fromarray(np.array([[[128, 64, 128, 255]]], np.uint8)).save(tmp_path / "alpha.png")
    assert decode_mask(tmp_path / "alpha.png", COLOURS).tolist() == [[0]]
    assert size_of(tmp_path / "1.png") == (1, 2)


def test_ids_and_colours_without_a_meaning_are_counted_and_named(tmp_path):
    values = np.zeros((4, 5), np.uint8)
    values[0, :3], values[1, 0] = 34, 99
    Image.fromarray(values).save(tmp_path / "ids.png")
    with pytest.raises(BadDataError) as caught:
        decode_mask(tmp_path / "ids.png", IDS)
    assert str(caught.value) == (
        f"the label {tmp_path / 'ids.png'}: 4 of 20 pixels have label ids that the list lacks: 34 (3 pixels), "
        "99 (1 pixel): mend the label, or the list"
    )
    Image.fromarray(np.full((2, 3, 3), (1, 2, 3), np.uint8)).save(tmp_path / "rgb.png")
    with pytest.raises(BadDataError, match=r"6 of 6 pixels have colours that the list lacks: \(1, 2, 3\) \(6 pixels\)"):
        decode_mask(tmp_path / "rgb.png", COLOURS)
    Image.fromarray(np.arange(9, dtype=np.uint8).reshape(3, 3) + 10).save(tmp_path / "many.png")
    with pytest.raises(BadDataError, match="14 \\(1 pixel\\) and 4 more"):
        decode_mask(tmp_path / "many.png", IDS)


def test_wrong_kinds_and_damage_are_one_line(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "ids.png")
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "rgb.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "ids.png").read_bytes()[:40])
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "float.tif")
    for file, labels, message in (
        ("ids.png", COLOURS, "greyscale .* goes by colours"),
        ("rgb.png", IDS, "RGB mask .* goes by ids"),
        ("broken.png", IDS, "not an image, or damaged"),
        ("none.png", IDS, "not an image, or damaged"),
        ("float.tif", IDS, "its mode is F"),
    ):
        with pytest.raises(BadDataError, match=message) as caught:
            decode_mask(tmp_path / file, labels)
        assert "\n" not in str(caught.value)
    for look in (kind_of, size_of):
        with pytest.raises(BadDataError, match="not an image"):
            look(tmp_path / "none.png")


def test_a_channel_of_16_bits_is_read_whole(tmp_path):
    from rgb16 import write_rgb16

    ids = np.array([[3, 21], [300, 7]])
    write_rgb16(tmp_path / "16.png", np.stack([ids, ids * 0 + 9, ids * 0], -1))
    assert raw_labels(tmp_path / "16.png", colours=False, channel=0).tolist() == ids.tolist()


def test_meaning_tells_maps_apart():
    assert IDS.meaning() == LabelMap("another name", ids=dict(reversed(IDS.ids.items()))).meaning()
    assert IDS.meaning() != LabelMap("the list", ids={0: 1}).meaning() != COLOURS.meaning()
