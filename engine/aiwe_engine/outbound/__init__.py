"""Requests to other servers: the engine's one way out, and what guards it."""
