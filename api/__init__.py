"""The door for people and screens: REST, server-sent events, health and metrics."""
