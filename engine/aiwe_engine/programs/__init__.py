"""Programs: from notebooks and files to scripts that V8 runs, and from V8's positions back."""
