"""`python -m remdm gpu`: what a CUDA device does with all this, in a few minutes and one command."""
