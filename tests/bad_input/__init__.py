"""The bad-input matrix: what a user, a provider, a model and the surroundings do wrong, and what comes of it."""
