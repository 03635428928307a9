"""Programs that talk to a network on a board."""
