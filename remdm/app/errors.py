"""What the page says when it cannot do what was asked."""

from html import escape

import gradio as gr

from remdm.models.checkpoints import CheckpointError


def refusal(error: Exception) -> gr.Error:
    """One sentence as a toast, which the browser reads as HTML."""
    return gr.Error(escape(f"{str(error).rstrip('.')}."), print_exception=False)


def failure(error: Exception, what: str) -> gr.Error:
    """The toast for work that failed: what was wrong with the request, or else that `what` broke off."""
    if isinstance(error, ValueError | CheckpointError):
        return refusal(error)
    return gr.Error(f"{what} broke off; the server's log says why.")
