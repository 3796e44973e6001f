"""The FastAPI app: search, photos, folders, jobs and the web page.

`main.py` only assembles; models, decoding and storage come from `resources`.
"""
