"""BluRef (CVPR 2026, arXiv 2603.14176): sharp frames near in time, matched densely, teach a network for pictures."""
