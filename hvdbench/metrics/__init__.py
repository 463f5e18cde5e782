"""Numbers for one restored frame; ``docs/protocol.md`` says how they become rows of a board."""
