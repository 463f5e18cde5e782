"""A sweep over stabilisers: what each leaves of a hand's motion, and of restored quality."""
