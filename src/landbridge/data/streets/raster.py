"""Which face is seen in which pixel: convex polygons drawn all at once, the nearest in front."""

import numpy as np

from landbridge.data.streets.geometry import Flags, Floats, Integers


def normals(points: Floats) -> Floats:
    """Where faces [F, 8, 3] look, not of unit length [F, 3]."""
    first = points[:, 0]
    return np.cross(points[:, 1] - first, points[:, 2] - first)


def rasterise(corners: Floats, plane: Floats, shape: tuple[int, int], start: Floats) -> tuple[Integers, Floats]:
    """For each pixel the polygon with the largest value there.

    A pixel belongs to a polygon that its middle lies in.

    Args:
        corners: (column, row) of convex polygons' corners, in pixels from the upper left corner, float32 [F, V, 2].
        plane: a, b, c [F, 3]; a polygon's value at (column, row) is a * column + b * row + c.
        shape: rows and columns.
        start: values that polygons have to exceed, float32 [rows * columns].

    Returns:
        Numbers of polygons [rows, columns], -1 where there is none, and the values there, float32.
    """
    rows, columns = shape
    x, y = corners[..., 0], corners[..., 1]
    top, bottom = _first_middle(y.min(1), rows), _first_middle(y.max(1), rows)
    some = np.flatnonzero((bottom > top) & (x.max(1) > 0) & (x.min(1) < columns))
    heights = (bottom - top)[some]
    face = np.repeat(some, heights)
    row = _counted(heights) + np.repeat(top[some], heights)
    middle = (row + 0.5).astype(np.float32)
    left, right = _spans(x, y, face, middle)
    begin, end = _first_middle(left, columns), _first_middle(right, columns)
    widths = np.maximum(end - begin, 0)
    column = _counted(widths) + np.repeat(begin, widths)
    pixel = np.repeat(row * columns, widths) + column
    along = plane[face, 0]
    base = plane[face, 1] * middle + plane[face, 2] + 0.5 * along
    value = np.repeat(base, widths) + np.repeat(along, widths) * column.astype(np.float32)
    best = start.copy()
    np.maximum.at(best, pixel, value)
    number = np.full(rows * columns, -1)
    seen: Flags = (value == best[pixel]) & (value > start[pixel])
    number[pixel[seen]] = np.repeat(face, widths)[seen]
    return number.reshape(shape), best.reshape(shape)


def _spans(x: Floats, y: Floats, face: Integers, middle: Floats) -> tuple[Floats, Floats]:
    """Where lines through the middles of rows enter and leave their polygons."""
    rise = np.roll(y, -1, axis=1) - y
    slope = (np.roll(x, -1, axis=1) - x) / np.where(rise == 0, 1, rise)
    offset = x - slope * y
    below = y[face] <= middle[:, None]
    crossed = below != np.roll(below, -1, axis=1)
    at = slope[face] * middle[:, None] + offset[face]
    return np.where(crossed, at, np.inf).min(1), np.where(crossed, at, -np.inf).max(1)


def _first_middle(edge: Floats, most: int) -> Integers:
    """The first pixel whose middle is not before an edge, 0 to `most`."""
    pixel: Integers = np.clip(np.ceil(edge - 0.5), 0, most).astype(np.int64)
    return pixel


def _counted(lengths: Integers) -> Integers:
    """0, 1, ... within each of several runs of these lengths."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
