import numpy as np

from landbridge.data.blending import blend


def gradient():
    rows, columns = np.mgrid[:60, :80]
    return np.stack([rows, columns, rows + columns], axis=-1).astype(np.uint8)


def test_black_leaves_a_crop_and_white_its_negative():
    digits = np.zeros((20, 28, 28), np.uint8)
    digits[10:] = 255
    images = blend(digits, [gradient()], [0]).astype(int)
    crops = np.where(np.arange(20)[:, None, None, None] < 10, images, 255 - images)
    top, left = crops[:, 0, :1, :1], crops[:, 1, :1, :1]
    ramp = np.arange(28)
    assert (crops[:, 0] == top + ramp[:, None]).all()
    assert (crops[:, 1] == left + ramp).all()
    assert top.max() <= 60 - 28
    assert left.max() <= 80 - 28
    assert len(np.unique(top)) > 5


def test_every_corner_of_a_photograph_can_be_drawn():
    images = blend(np.zeros((400, 58, 79), np.uint8), [gradient()], [3])
    assert {tuple(corner) for corner in images[:, :2, 0, 0].tolist()} == {(t, l) for t in range(3) for l in range(2)}  # noqa: E741


def test_seeded():
    digits = np.random.default_rng(0).integers(0, 256, (9, 28, 28)).astype(np.uint8)
    photographs = [gradient(), 255 - gradient()]
    assert (blend(digits, photographs, [1]) == blend(digits, photographs, [1])).all()
    assert (blend(digits, photographs, [1]) != blend(digits, photographs, [2])).any()
