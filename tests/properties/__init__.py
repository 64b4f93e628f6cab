"""The two promises of the card, as properties: one holder at a time, and until the deadline that it was told."""
