"""Files of programs: what clients upload, and what of it is kept."""
