"""Evaluation: checks of what models write, and the numbers that the tables show."""
