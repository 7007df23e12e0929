"""ReMDM Studio: see how a masked diffusion model writes, errs and repairs itself.

Read in this order: schedule, grid, remasking, posterior, transition, sampler, methods; then trace, frames, recording.
Imports point one way, from the page to the core (tests/test_layers.py).
"""

__version__ = "0.1.0"
