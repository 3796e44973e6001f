"""`python -m search_api`: the search API and the page, by the settings of the environment and `loupe.toml`."""

from __future__ import annotations

from resources import logs
from resources.allocator import keep_from_collector
from resources.settings import Settings
from search_api.server import server

if __name__ == "__main__":
    settings = Settings.load()
    logs.configure(settings)
    logs.configure_libraries(settings)
    server(settings, on_loaded=keep_from_collector, log_config=None).run()
