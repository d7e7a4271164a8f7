"""Imports what nobody installed."""

import surely_not_installed_anywhere


async def app(scope, receive, send): ...
