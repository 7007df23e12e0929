"""`python -m remdm gpu`: what a CUDA device does with all this, in a few minutes and one command."""

from remdm.studies.gpu.command import add_arguments, run

__all__ = ["add_arguments", "run"]
