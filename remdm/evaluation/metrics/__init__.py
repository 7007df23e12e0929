"""Figures of samples, and how sure they are."""
