"""Calls: the channel between contracts and runtimes, and its implementation over the wire."""
