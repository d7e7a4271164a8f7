# /// script
# dependencies = []
# ///
"""A storage backend in Stockpile's shape: entries in one file of the plugin's data folder. Its id is ``shelf``.

Settings are those of Weft's own backend ``file``: ``ttl``, a time for each category, ``default_ttl``, ``max_entry``,
``max_bytes``.
"""

from weft.sdk.storage.file import File

Metadata = {
    "Name": "Shelf",
    "Version": "1.0.0",
    "Authors": ["The Weft maintainers"],
    "Website": "https://example.org/shelf",
}


def InitializePlugin(ctx):
    ctx.register_storage_backend("shelf", lambda config: File(config, ctx.data_dir))
