"""Public checkpoints: which there are, where their files are, and loading a model by name."""
