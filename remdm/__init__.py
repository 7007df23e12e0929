"""ReMDM Studio: see how a masked diffusion model writes, errs and repairs itself."""
