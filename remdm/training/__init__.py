"""Training the embedded models: the loop that the domains' `train.py` share."""
