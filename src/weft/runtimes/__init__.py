"""Where a plugin's code runs: one folder per runtime."""
