"""Molecules: SMILES strings learned from QM9."""
