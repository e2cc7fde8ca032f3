"""Where programs run: worker processes, their isolates, and the turns that carry invocations."""
