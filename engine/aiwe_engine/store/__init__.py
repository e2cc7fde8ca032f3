"""Documents: what they are, how they are asked for and changed, and the stores that keep them."""
