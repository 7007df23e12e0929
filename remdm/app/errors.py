"""What the page says when it cannot do what was asked."""

import sys
import traceback
from html import escape

import gradio as gr

from remdm.runs.request import readable

LONGEST = 500
"""Letters of a refusal: whatever was refused, it is not repeated at length."""
MOST_LOGGED = 4000
"""Letters of an unexpected error in the server's log."""


def refusal(error: Exception) -> gr.Error:
    """One sentence as a toast, which the browser reads as HTML."""
    message = readable(str(error))
    if len(message) > LONGEST:
        message = f"{message[:LONGEST]} …"
    return gr.Error(escape(f"{message.rstrip('.')}."), print_exception=False)


def failure(error: Exception, what: str = "This") -> gr.Error:
    """The toast for work that failed: what was wrong with the request, or else that `what` broke off."""
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, ValueError):
        return refusal(error)
    logged = "".join(traceback.format_exception(error))
    print(logged if len(logged) <= MOST_LOGGED else f"{logged[:MOST_LOGGED // 2]} …\n… {logged[-MOST_LOGGED // 2:]}",
          file=sys.stderr)  # fmt: skip
    return gr.Error(f"{what} broke off; the server's log says why.", print_exception=False)
