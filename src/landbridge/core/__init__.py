"""Floor 0: errors, atomic files, the cache folder, registries resolved late, work across processes."""
