"""A simulated world: real processes that are killed at chosen points, and an endpoint that fails by a seed."""
