"""Studio's page in a real browser."""
