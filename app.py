"""Serves ReMDM Studio: on Hugging Face Spaces, in a container, or at home (`make demo`)."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from remdm.tabs.page import launch_arguments, page

demo = page()

if __name__ == "__main__":
    demo.launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        server_port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        **launch_arguments(),
    )
