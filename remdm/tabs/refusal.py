"""What the page says when it cannot do what was asked."""

from html import escape

import gradio as gr


def refusal(error: Exception) -> gr.Error:
    """One sentence as a toast, which the browser reads as HTML."""
    return gr.Error(escape(f"{str(error).rstrip('.')}."), print_exception=False)
