"""Views: pure functions from a trace to what the page shows. Numpy and Plotly only, no torch, no Gradio."""
