"""SelfHVD: its equations, its parts, and its training over clips."""
