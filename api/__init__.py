"""The API: REST, server-sent events, health and metrics."""
