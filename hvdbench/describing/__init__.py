"""What ``hvdbench dataset describe`` measures and draws."""
