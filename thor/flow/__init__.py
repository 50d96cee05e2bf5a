"""The hallway: the only place where data passes between rooms, one module a staircase."""
