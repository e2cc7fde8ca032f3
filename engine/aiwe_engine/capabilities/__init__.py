"""What programs may ask of the host: one file a capability, and the gate they all pass."""
