"""Dagster wiring (definitions, partitions, jobs, sensors, schedules) and the `loupe` command line.

No image code, no SQL, no model code: those live in `resources` and are reached through `assets` or directly.
"""
