"""Training: the loop that every learned method shares, its checkpoints, records and guards."""
