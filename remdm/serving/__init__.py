"""Serving: what lets many visitors share one machine."""
