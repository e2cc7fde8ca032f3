"""What goes in and out of an engine as a whole: exports, imports, backups, resets."""
