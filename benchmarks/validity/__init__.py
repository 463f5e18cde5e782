"""Is it sound to learn from a clip's own sharp frames? Two objections, answered by measurement: docs/validity.md."""
