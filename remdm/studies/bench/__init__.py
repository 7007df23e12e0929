"""`python -m remdm bench`: what a step, a crowd of visitors and the page cost, as rows of a JSON file."""
