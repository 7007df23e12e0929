"""Training of the embedded models: one file per domain, all on `loop.train`."""
