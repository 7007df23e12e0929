"""`python -m remdm ...`."""

from remdm.cli import main

main()
