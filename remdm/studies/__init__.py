"""What the app never imports: the paper's tables and ours, the benchmark, side experiments."""
