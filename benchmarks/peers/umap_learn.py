# /// script
# dependencies = ["umap-learn==0.5.12", "pynndescent==0.7.0", "numba==0.68.1", "scikit-learn==1.9.1", "numpy==2.4.6"]
# ///
"""Places by plain umap-learn, as Loupe asked it for them: twice in one process, the second with all that is compiled.

umap_learn.py VECTORS_NPY PLACES_NPY
"""

import json
import resource
import sys
import time

began = time.perf_counter()

import numpy as np  # noqa: E402
from umap import UMAP  # noqa: E402


def main():
    vectors = np.load(sys.argv[1])
    places = UMAP(n_neighbors=15, min_dist=0.1, metric="cosine").fit_transform(vectors)
    cold = time.perf_counter() - began
    again = time.perf_counter()
    UMAP(n_neighbors=15, min_dist=0.1, metric="cosine").fit_transform(vectors)
    warm = time.perf_counter() - again
    np.save(sys.argv[2], places.astype(np.float32))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"cold_s": cold, "warm_s": warm, "peak_bytes": peak}))


main()
