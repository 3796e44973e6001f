"""What goes over the wire: pydantic models of requests and replies, one module per noun.

No behaviour: what a field means, its unit, its bounds and an example.
"""
