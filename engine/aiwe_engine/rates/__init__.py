"""How often somebody may call: rules, whom they count, and the counters."""
