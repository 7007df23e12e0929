"""Networks and their loaders: one file per checkpoint family."""
