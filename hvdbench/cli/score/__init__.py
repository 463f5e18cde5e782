"""Commands that restore, score and rank."""
