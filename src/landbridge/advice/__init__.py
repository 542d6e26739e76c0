"""Floor 5: which way to go. It looks across the settings: measures, tries what is cheap, ranks, and names commands."""
