"""Public checkpoints: what there is, where its files lie, and the one door through which a model is loaded."""
