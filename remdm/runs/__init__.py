"""What is made of a run: requests, records, traces, and what a domain offers."""
