"""The number of no class, wherever pixels have class numbers."""

VOID = 255
"""The class number of pixels that count nowhere: neither in training nor in a metric."""
