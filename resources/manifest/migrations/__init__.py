"""Numbered SQL files, applied in order by `Manifest.prepare`; none is changed once released."""
