"""The market floor: collect, bus, ticks."""
