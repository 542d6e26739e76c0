"""Floor 6: one typed function, and one file, per question a user asks."""
