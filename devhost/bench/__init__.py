"""Measures devhost side by side with other durable engines, in one run, and prints the ratios."""
