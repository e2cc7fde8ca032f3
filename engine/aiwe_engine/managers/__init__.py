"""Who manages an engine: their tokens, and what they did. Users of apps are elsewhere (`people`)."""
