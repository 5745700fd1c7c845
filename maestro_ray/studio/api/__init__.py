"""Studio's REST calls: one file for each noun, over the functions that do the work."""
