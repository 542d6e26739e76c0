"""Street scenes made on the spot: a layout in three dimensions, and two renderers that look at it."""
