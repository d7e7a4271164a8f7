"""Ends its process while it is imported, after a few last words."""

import os
import sys

print("last words", file=sys.stderr, flush=True)
os._exit(7)
