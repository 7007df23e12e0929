"""What a deployment carries: measured through the engine, and simulated beyond what this machine can show."""

from remdm.studies.scale.command import add_arguments, run

__all__ = ["add_arguments", "run"]
