"""Images: emoji as codes on a grid, and public ImageNet models."""
