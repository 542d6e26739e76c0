"""Landbridge: carry what a model learned where labels are many to where they are few or missing."""

__version__ = "0.1.0"
