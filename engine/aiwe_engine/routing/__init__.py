"""Which handler answers a request: patterns, the table of routes, and clashes between routes."""
