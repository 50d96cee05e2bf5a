"""Collectors: each turns one kind of feed into ticks.

Stage 20, collect. A feed comes in at the street door; `Tick`s go out to the bus.
"""
