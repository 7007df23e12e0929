"""Views: pure functions from a trace to what the page shows. Numpy only, no torch, no Gradio."""
