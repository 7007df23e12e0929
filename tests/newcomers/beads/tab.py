"""A workbench with a line under it."""

import gradio as gr

from remdm.app.workbench.workbench import Workbench


class Tab:
    def __init__(self, domain, recorded, measurement):
        self.bench = Workbench(domain, recorded, measurement)
        gr.Markdown("All beads are of glass.", elem_id="beads-more")


TAB = Tab
