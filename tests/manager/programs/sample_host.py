"""szlabs go-plugin's sample host, line by line."""

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import weft
from weft.manager import background, default_manager

log = logging.getLogger("host")


@dataclass
class Hello:
    name: str


def main():
    logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
    plugin_base_dir = Path.cwd() / "plugins"
    log.info("[INFO]: Plugin base dir: %s", plugin_base_dir)

    plugin_manager = default_manager()
    plugin_manager.set_plugin_base_dir(plugin_base_dir)
    plugin_manager.load_plugins()

    try:
        spec, executor = plugin_manager.get_plugin("sample")
    except weft.WeftError as error:
        print_error(error)
    log.info("[INFO]: Plugin '%s' loaded with version '%s'", spec.name, spec.version)

    context = background()
    context.set_value("sample", Hello("hello go-plugin"))
    executor(context)
    log.info("[INFO]: Plugin said '%s'", context.get_value("said"))


def print_error(error):
    log.error("[Error]: %s", error)
    sys.exit(1)


if __name__ == "__main__":
    main()
