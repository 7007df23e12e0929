"""What the app never imports: the paper's tables beside ours, the benchmark, side experiments."""
