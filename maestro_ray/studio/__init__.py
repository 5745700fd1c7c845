"""The embedded Studio server."""
