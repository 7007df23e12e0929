"""A domain's tab: stage, settings, and what a run leaves behind."""
