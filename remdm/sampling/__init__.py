"""The method: schedule, remasking, posterior, draw. It imports nothing else of this project."""
