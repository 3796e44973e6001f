"""`python -m search_api`: the search API and the page, by the settings of the environment and `loupe.toml`."""

from __future__ import annotations

from resources.settings import Settings
from search_api.server import server

if __name__ == "__main__":
    server(Settings.load()).run()
