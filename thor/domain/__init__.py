"""What things are: pure types and rules, with no clock, database or bus."""
