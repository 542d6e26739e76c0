"""Floor 3: the one trainer, schedules, and steps that several settings share."""
