"""Serves ReMDM Studio: on Hugging Face Spaces, in a container, or at home (`make demo`)."""

import os

# Nothing here tells anyone outside that it runs; these have to stand before the imports.
for _flag, _value in {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}.items():
    os.environ.setdefault(_flag, _value)

from remdm.app import stubs

with stubs.unwritten():
    from remdm.app.page import launch_arguments, page
    from remdm.domains import registry

demo = page(registry.DOMAINS, registry.measurements(), registry.tabs())

if __name__ == "__main__":
    demo.launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        server_port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        **launch_arguments(),
    )
