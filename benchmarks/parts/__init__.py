"""What `python benchmarks` measures: a module a part, whose `measured()` gives figures (`results.Figure`).

The first line of a part says what it measures. Not here: how figures are kept and told (`results`, `report`), other
tools (`peers`), studies that only their own page cites.
"""
