"""Data: the story world, prose and tables that models are trained on."""
