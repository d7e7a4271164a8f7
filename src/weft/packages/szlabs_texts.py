"""The files of a new plugin in szlabs go-plugin's form; $name, $module and $domain are filled in."""

from __future__ import annotations

PLUGIN_JSON = """\
{
  "name": "$name",
  "version": "0.1.0",
  "description": "A go-plugin in Python",
  "source": {
    "mode": "local_so",
    "path": "$module.py"
  },
  "http_services": {
    "driver": "asgi",
    "routes": [
      { "route": "/api/plugin/$name/:id", "method": "GET", "label": "plugin.get" },
      { "route": "/api/plugin/$name", "method": "POST", "label": "plugin.post" }
    ]
  }
}
"""

MODULE = '''\
"""$name: one ``Execute(ctx)``, told by the label which of its endpoints was asked."""


def Execute(ctx):
    """What is returned is the response: None is 204, a dict or list JSON, str and bytes are sent as they are."""
    label = ctx.get_value("label")
    if label == "plugin.get":
        return {"id": ctx.get_value("id")}
    if label == "plugin.post":
        return ctx.get_value("request").json()
    raise ValueError(f"label {label!r} is not known")
'''

TEST = '''\
"""Executes the plugin as its host does. Run with: python -m unittest (in an environment that has weft)"""

import unittest
from pathlib import Path

from weft.manager import PluginManager, background


class TestPlugin(unittest.TestCase):
    def setUp(self):
        self.manager = self.enterContext(PluginManager())
        self.manager.set_plugin_base_dir(Path(__file__).parents[1])
        self.manager.load_plugin("$name")
        self.spec, self.executor = self.manager.get_plugin("$name")

    def test_its_spec_is_that_of_plugin_json(self):
        self.assertEqual((self.spec.name, self.spec.version), ("$name", "0.1.0"))

    def test_the_label_says_what_is_asked(self):
        context = background()
        context.set_value("label", "plugin.get")
        context.set_value("id", "7")
        self.assertEqual(self.executor(context), {"id": "7"})


if __name__ == "__main__":
    unittest.main()
'''

README = """\
# $name

A plugin in szlabs go-plugin's form.

    weft check .       # look it over
    weft dev .         # run it, with reload on save
    weft deploy .      # put it on the running server: http://$domain:3000/api/plugin/$name/7
    weft run $name --values '{"label": "plugin.get", "id": "7"}'

`$module.py` has its `Execute(ctx)`, `plugin.json` says what the plugin is. Packages go into a `requirements.txt`.
"""

FILES = {"plugin.json": PLUGIN_JSON, "$module.py": MODULE, "test_$module.py": TEST, "README.md": README}
