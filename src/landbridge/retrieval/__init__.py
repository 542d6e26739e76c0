"""An index of embeddings behind one protocol: what lies near a vector, found exactly or by a graph."""

from landbridge.retrieval.exact import ExactIndex
from landbridge.retrieval.faiss_index import FaissIndex
from landbridge.retrieval.index import Hits, Index, Metric, made_by
from landbridge.retrieval.making import EXACT_UP_TO, is_there, is_vector_store, make_index, open_index
from landbridge.retrieval.milvus_index import MilvusIndex

__all__ = [
    "EXACT_UP_TO",
    "ExactIndex",
    "FaissIndex",
    "Hits",
    "Index",
    "Metric",
    "MilvusIndex",
    "is_there",
    "is_vector_store",
    "made_by",
    "make_index",
    "open_index",
]
