"""The demo: pictures that Loupe draws itself, a library made of them and two tiny models trained on them.

Belongs here: the drawings, the demo library, training and evidence. Not here: anything the product needs to
run; `demo` may import `resources`, never the other way round.
"""
