"""Tabs: the only place that knows Gradio."""
