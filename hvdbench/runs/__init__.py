"""Methods over the clips of a dataset: restoring and training."""
