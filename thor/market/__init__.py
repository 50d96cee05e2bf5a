"""The market stages: collect, bus, ticks, bars, studies."""
