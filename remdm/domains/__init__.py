"""Domains: what a token means. One file each; the sampler knows none of this."""

from remdm.domains import text

DOMAINS = {"text": text.DOMAIN}
"""Every domain by the name it has in flags and addresses."""
