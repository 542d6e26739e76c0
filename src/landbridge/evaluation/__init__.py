"""Floor 2: protocols. The only place where sealed labels are opened, once, at the end."""
