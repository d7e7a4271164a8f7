"""What runs between a host and its plugins: the warm process that forks them, and each one's keeper.

::

    host ── zygote (one per environment, warm, single-threaded, runs no code of a plugin)
              └── keeper (one per instance: first process of its namespaces, reaps, tells, ends what is left)
                    └── the plugin (confined before any of its code runs)
                          └── whatever it starts

All of it runs on the plugin's interpreter with the host's copy of weft, and needs the standard library alone.
"""
