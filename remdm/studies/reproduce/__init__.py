"""`python -m remdm reproduce TABLE`: draws and scores what a table of the paper reports."""
