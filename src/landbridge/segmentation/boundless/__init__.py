"""Classes that only the target has: their pixels are found by what is said of the classes, without a label.

After ZS3Net (Bucher, Vu, Cord and Perez, "Zero-shot semantic segmentation", NeurIPS 2019) within one domain, and BUDA
(the same authors, "BUDA: Boundless unsupervised domain adaptation in semantic segmentation", arXiv:2004.01130) across
two. `method` says in which order, `generator` makes features from descriptions, `pseudo_labels` says which pixels of
the target a network may label itself, `classes` and `descriptions` hold the class space and what is said of it.
"""
