"""Documents: what aiwe does with them through the whole stack, beside SQLite and PostgreSQL alone."""
