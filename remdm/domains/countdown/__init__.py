"""Countdown: three numbers, a target and the equations that reach it."""
