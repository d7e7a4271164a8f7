"""Plugins in processes of their own, with an interpreter and packages of their own."""
