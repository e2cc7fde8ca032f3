"""What an engine is told: settings and apps' own values, out of files, variables and options."""
