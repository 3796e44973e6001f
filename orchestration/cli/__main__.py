"""`python -m orchestration.cli`: the same as `loupe`."""

from orchestration.cli import main

main()
