"""What the app knows of runs and does with them."""
