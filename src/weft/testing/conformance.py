"""``python -m weft.testing.conformance SOURCE``: checks a plugin against the contracts that it says it provides."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from weft.contracts.declare import declared
from weft.errors import UsageError
from weft.testing.examination import Report, examine

DONE, FAILED, MISUSED = 0, 1, 2
"""Exit codes."""
_RED, _GREEN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when everything is well, 1 when something is not, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        for module in options.contracts:
            _import_contracts(module)
        report = asyncio.run(examine(_existing(options.source), options.state, options.config))
    except UsageError as error:
        sys.stderr.write(f"weft.testing.conformance: {error}\n")
        return MISUSED
    sys.stdout.write(_json(report) if options.json else _table(report))
    return DONE if report.well else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m weft.testing.conformance", description=__doc__)
    parser.add_argument("source", type=Path, help="the plugin, in any form")
    parser.add_argument(
        "--contracts", action="append", default=[], metavar="MODULE", help="where the host declares its contracts"
    )
    parser.add_argument("--state", type=Path, help="a folder for environments, kept for the next time")
    parser.add_argument("--config", type=_config, metavar="JSON", help="what the plugin is given to be configured with")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _config(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"it is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError('expected an object: {"KEY": VALUE}')
    return value


def _existing(source: Path) -> Path:
    if not source.exists():
        raise UsageError(f"{source} is not there")
    return source.absolute()


def _import_contracts(module: str) -> None:
    before = {contract.key for contract in declared()}
    sys.path.insert(0, str(Path.cwd()))
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"--contracts {module}: {error}") from error
    finally:
        sys.path.pop(0)
    if {contract.key for contract in declared()} <= before:
        raise UsageError(f"--contracts {module}: it declares none (a class with @weft.contract)")


def _json(report: Report) -> str:
    described: dict[str, Any] = {**asdict(report), "well": report.well}
    return json.dumps(described, indent=2) + "\n"


def _table(report: Report) -> str:
    colours = sys.stdout.isatty()
    title = f"{report.name} {report.version} ({report.runtime})" if report.name else report.source
    width = max(len(each.what) for each in report.findings)
    lines = [f"{_BOLD}{title}{_PLAIN}" if colours else title]
    for each in report.findings:
        mark = "ok  " if each.well else "FAIL"
        if colours:
            mark = f"{_GREEN if each.well else _RED}{mark}{_PLAIN}"
        lines.append(f"{mark}  {each.what:{width}}  {each.found}".replace("\n", f"\n{'':{width + 8}}"))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
