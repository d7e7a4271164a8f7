"""The wire: frames, codec and connection between a host and a plugin's process."""
