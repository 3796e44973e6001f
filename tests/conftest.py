"""Makes `small_library` importable from every folder of tests."""
