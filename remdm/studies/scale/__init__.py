"""What a deployment carries: measured through the engine, and simulated beyond what this machine can show."""
