"""Which frames of a clip are sharp: labellers, and how right they are."""
