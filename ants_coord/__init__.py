"""ants_coord."""
