"""Domains: what a token means. One folder each, named in registry.py; the sampler knows none of this."""
