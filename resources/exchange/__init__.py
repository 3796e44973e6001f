"""What goes out of a library and comes in: exports, tables of a person's own, sidecars beside photos.

Belongs here: file formats and conventions of other programs. Not here: what a table of the manifest looks like.
"""
