"""What a search request means: texts, photos and images into one ranked page, used by the API and by `loupe search`.

Belongs here: query vectors, fusion, sorting, the relevance cut. Not here: how the index is stored, HTTP, model code.
"""

from resources.search.asking import asking, narrowed
from resources.search.cursors import KeptRankings
from resources.search.photo_search import PhotoSearch, TextEncoder
from resources.search.requests import Hit, SearchPage, SearchRequest, SearchWarning

__all__ = [
    "Hit",
    "KeptRankings",
    "PhotoSearch",
    "SearchPage",
    "SearchRequest",
    "SearchWarning",
    "TextEncoder",
    "asking",
    "narrowed",
]
