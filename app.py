"""Serves ReMDM Studio: on Hugging Face Spaces, in a container, or at home (`make demo`)."""

import gc
import logging
import os
import signal
import sys
import threading
from contextlib import suppress

from remdm.serving import temporary

# Nothing here tells anyone outside that it runs, and threads that wait for each other let others have the processor;
# these have to stand before the imports.
_FLAGS = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_WAIT_POLICY": "passive"}
for _flag, _value in _FLAGS.items():
    os.environ.setdefault(_flag, _value)
NAME, PORT = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), os.environ.get("GRADIO_SERVER_PORT", "7860")
if not (PORT.isdecimal() and 0 < int(PORT) < 65536):  # Gradio reads it too, as soon as it is imported
    sys.exit(f"GRADIO_SERVER_PORT must be a number from 1 to 65535, got {PORT[:80]}; unset it to use 7860.")

try:  # Gradio's own folder has a name that another user of this machine may have taken
    os.environ.setdefault("GRADIO_TEMP_DIR", str(temporary.own_folder("page")))
except OSError as error:
    sys.exit(f"No folder for temporary files can be written ({error.strerror}); set TMPDIR to one that can.")

gc.disable()  # everything that is made until the page stands will stay
from remdm import limits
from remdm.app import startup
from remdm.models import network
from remdm.serving import engine

try:
    limits.serve(NAME)
    engine.configured()
    network.wanted()
except ValueError as error:
    sys.exit(f"{error}.")

with startup.without_stubs():
    from gradio.blocks import Block

    from remdm.app.page import launch_arguments, page
    from remdm.domains import registry
    from remdm.hub import idle
    from remdm.serving.apart import APART
    from remdm.serving.streamed_runs import RUNS

    startup.remember_signatures(Block)

GRACE = 2
"""Seconds that visitors have to be told when the server stops."""
demo = page(registry.DOMAINS, registry.measurements(), registry.tabs())
gc.freeze()  # neither a visitor's run nor the end of the process waits for a look at all of it
gc.enable()


def cut_off() -> None:
    """End the connections that pages hold open; that they were cut is not an error to be logged."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    demo.server.force_exit = True


def stop(*_: object) -> None:
    """A container is stopped by a signal: runs end and their visitors are told, then the server closes."""
    RUNS.close()
    leave = threading.Timer(GRACE, cut_off)
    leave.daemon = True
    leave.start()
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    idle.watch()
    try:
        with suppress(KeyboardInterrupt):  # before it serves; afterwards Gradio itself ends in order
            demo.launch(server_name=NAME, server_port=int(PORT), **launch_arguments())
    except OSError as error:
        sys.exit(f"The page cannot be served at {NAME}:{PORT} ({error}); choose another GRADIO_SERVER_PORT.")
    APART.close()
    temporary.remove()
    sys.stdout.flush()
    os._exit(0)  # at once: to take apart what an hour's visits left takes half a minute, and nobody needs it
