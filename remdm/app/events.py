"""What the events of the page have in common."""

from typing import Any

UI_EVENT: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
"""For events that the page answers at once: no dimming, and nothing in the list of endpoints.

On no component, not only hidden: at every message of any event Gradio tells each component that an event has ever had
as an output how far that event is, and looks it up in the whole page first. It was most of what a step cost a browser.
"""
