"""Doors for processes: each job can be run alone, `python -m jobs.<name>`."""
