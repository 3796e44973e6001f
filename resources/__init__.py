"""What the pipeline and the search API share: settings, manifest, imaging, models, vector index, photo store.

No Dagster asset, no HTTP route: those import from here, never the other way round.
"""
