"""Trust: what is known of agents, and what follows from it."""
