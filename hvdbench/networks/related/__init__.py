"""Networks of related tasks: a short video from one blurry picture."""
