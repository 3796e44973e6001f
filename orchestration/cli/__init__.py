"""The `loupe` command line, one module per noun. Starts quickly: heavy imports wait inside the commands.

Belongs here: options, printing, exit statuses. Not here: what the commands do.
"""

from orchestration.cli.app import main

__all__ = ["main"]
