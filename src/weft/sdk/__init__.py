"""What a plugin's process runs, and what a plugin may import."""
