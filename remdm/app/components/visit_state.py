"""What the page holds for each visit, where it begins with runs."""

from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component


class VisitState(gr.State):
    """A state that begins with runs, which nothing changes in place.

    At each start and each visit Gradio would turn every part of them into a table, and then leave that out of what
    the browser is told: half of the time that it takes to describe the whole page.
    """

    def get_config(self, cls: type[Block] | None = None) -> dict[str, Any]:
        """What the browser is told: nothing of the value."""
        return Component.get_config(self, Block)

    def get_block_name(self) -> str:
        """What the browser sees: an ordinary state."""
        return "state"
