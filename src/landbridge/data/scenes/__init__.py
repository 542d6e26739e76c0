"""Sets of street scenes with a class for each pixel, one file a layout; and folders of one's own in `own`."""
