"""Domains: what a token means. One file each; the sampler knows none of this."""

from remdm.domains import countdown, image, molecule, text

DOMAINS = {"text": text.DOMAIN, "countdown": countdown.DOMAIN, "image": image.DOMAIN, "molecule": molecule.DOMAIN}
"""Every domain by the name it has in flags and addresses."""
