"""Serves ReMDM Studio: on Hugging Face Spaces, in a container, or at home (`make demo`)."""

import os
import sys

# Nothing here tells anyone outside that it runs; these have to stand before the imports.
for _flag, _value in {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}.items():
    os.environ.setdefault(_flag, _value)
NAME, PORT = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), os.environ.get("GRADIO_SERVER_PORT", "7860")
if not (PORT.isdecimal() and 0 < int(PORT) < 65536):  # Gradio reads it too, as soon as it is imported
    sys.exit(f"GRADIO_SERVER_PORT must be a number from 1 to 65535, got {PORT[:80]}; unset it to use 7860.")

from remdm import limits
from remdm.app import stubs

try:
    limits.serve(NAME)
except ValueError as error:
    sys.exit(f"{error}.")

with stubs.unwritten():
    from remdm.app.page import launch_arguments, page
    from remdm.domains import registry

demo = page(registry.DOMAINS, registry.measurements(), registry.tabs())

if __name__ == "__main__":
    try:
        demo.launch(server_name=NAME, server_port=int(PORT), **launch_arguments())
    except OSError as error:
        sys.exit(f"The page cannot be served at {NAME}:{PORT} ({error}); choose another GRADIO_SERVER_PORT.")
