"""Components of the page that Gradio does not have."""
