"""Dagster assets, one module per asset, and the plain photo stream they run.

Bodies stay about 15 lines: pick the pending work, call the plain function, report. No storage detail, no HTTP.
"""
