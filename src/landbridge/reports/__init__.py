"""Floor 5: tables and pictures that people look at."""
