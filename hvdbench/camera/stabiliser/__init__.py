"""The simulated optical stabiliser: its controller, its lens, its kinds, and what a recipe says about it."""
