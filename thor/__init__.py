"""Thor turns a stream of futures ticks into bars, features, predictions and trades."""

__version__ = "0.1.0"
