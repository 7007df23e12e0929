"""Text: the story world with its checker, prose, and public language models."""
