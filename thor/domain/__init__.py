"""Pure types and rules: no clock, no database, no bus."""
