"""Feature rows, training sets, models and what they predict."""
