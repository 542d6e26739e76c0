"""Floor 4: a few labels on the target, on frozen features. One file a classifier, one line here."""

from landbridge.core.registry import Registry

CLASSIFIERS = Registry(
    "classifier",
    {
        "svm": "landbridge.probing.svm:LinearSVM",
        "softmax": "landbridge.probing.softmax:SoftmaxRegression",
        "knn": "landbridge.probing.knn:NearestNeighbours",
        "prototype": "landbridge.probing.prototype:NearestClassMean",
        "ncm": "landbridge.probing.ncm:ShrunkenClassMean",
        "deep": "landbridge.probing.deep_head:DeepHead",
    },
)
