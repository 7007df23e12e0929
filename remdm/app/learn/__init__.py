"""The lesson and its stations."""
