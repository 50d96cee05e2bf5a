"""Collectors: each turns one kind of feed into ticks.

Stage 20, collect. Takes a feed; gives `Tick`s.
"""
