"""Learn and its stations."""
