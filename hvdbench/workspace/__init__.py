"""Where things lie, how files are written whole, how jobs run: what every stage uses and no stage owns."""
