"""The plugins of one load: what each is to be given, in which order they start, what came of each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

from weft.engine import dependencies
from weft.engine.files import Copied
from weft.engine.given import Given
from weft.engine.plugin import Plugin
from weft.errors import Conflict, LoadFailed, UsageError, WeftError
from weft.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Job:
    """One plugin to be loaded: ``name`` in place of its own, ``given`` to it, ``replaces`` the running ones it may."""

    source: Path
    name: str | None = None
    given: Given = field(default_factory=Given)
    replaces: frozenset[str] = frozenset()
    installed: EntryPoint | None = None
    """What to read it from where it is installed in this interpreter; ``source`` is the folder then."""
    found: bool = False
    """Whether it was found in a folder of plugins, and not named itself."""

    @property
    def what(self) -> str:
        """What was to be loaded: a path, or an entry point's value."""
        return self.installed.value if self.installed is not None else str(self.source)


@dataclass(frozen=True)
class Outcome:
    """What came of a job. ``name``: '' where it could not be read."""

    job: Job
    name: str
    result: Plugin | WeftError


class Batch:
    """Jobs on their way.

    ``present``: what others can rely on; ``taken``: the names of all that is loaded; ``given``: what plugins are given,
    by their names.
    """

    def __init__(self, present: Mapping[str, Manifest], taken: Collection[str], given: Mapping[str, Given]) -> None:
        self.jobs: dict[str, Job] = {}
        self.copies: dict[str, Copied] = {}
        self.loaded: list[str] = []
        """Those that were started, in that order."""
        self._present = present
        self._taken = frozenset(taken)
        self._given = given
        self._outcomes: dict[Job, Outcome] = {}
        self._expected: dict[Job, str] = {}

    def given(self, name: str) -> Given:
        """What a plugin is given."""
        return self._given.get(name, self.jobs[name].given)

    def is_new(self, name: str) -> bool:
        """Whether nothing of that name is loaded; else it is an upgrade."""
        return name not in self._taken

    def expect(self, job: Job, name: str) -> None:
        """One that is added later, or fails; what requires it is held until then."""
        self._expected[job] = name

    def add(self, job: Job, copied: Copied) -> None:
        """One that could be read. One with a name that another has fails."""
        self._expected.pop(job, None)
        name = copied.manifest.name
        if name in self.copies:
            other = self.jobs[name].what
            self.fail(job, Conflict(f"{job.what} and {other} are both named {name}: rename one", plugin=name), name)
        elif not self.is_new(name) and name not in job.replaces:
            remedy = f"engine.upgrade({name!r}, …) replaces it, name=… gives this one another name"
            self.fail(job, Conflict(f"there is a plugin {name} already: {remedy}", plugin=name), name)
        else:
            self.jobs[name], self.copies[name] = job, copied

    def fail(self, job: Job, error: WeftError, name: str = "") -> None:
        """One that cannot be started."""
        self._expected.pop(job, None)
        known = job.name or (job.installed.name if job.installed else "")
        self._outcomes[job] = Outcome(job, name or known, error)

    def done(self, name: str, result: Plugin | WeftError) -> None:
        """What came of one."""
        self._outcomes[self.jobs[name]] = Outcome(self.jobs[name], name, result)
        if isinstance(result, Plugin):
            self.loaded.append(name)

    def outcomes(self, jobs: Sequence[Job]) -> list[Outcome]:
        """What came of these, in their order."""
        return [self._outcomes[job] for job in jobs]

    def check_given(self) -> None:
        """Raises UsageError when something is given to a plugin that is not there, as far as all could be read."""
        known = {*self.copies, *self._expected.values()}
        unknown = sorted(self._given.keys() - known)
        if unknown and not self._outcomes:
            there = ", ".join(sorted(known))
            raise UsageError(f"config, env or order is given to {', '.join(unknown)}, and the plugins are {there}")

    def plan(self) -> None:
        """Fail what could not run among the others and what runs already, before any of them is started."""
        while failed := self._unmet({**self._running, **self._left}):
            for name, error in failed.items():
                self.done(name, error)

    def _unmet(self, expected: Mapping[str, Manifest]) -> dict[str, WeftError]:
        cycles = dependencies.find_cycles(expected)
        failed: dict[str, WeftError] = {}
        for name, manifest in self._left.items():
            if name in cycles:
                failed[name] = UsageError(dependencies.circular(cycles[name]))
                continue
            try:
                dependencies.check_requirements(manifest, expected)
                dependencies.check_dependents(manifest, self._running)
            except WeftError as error:
                failed[name] = error
        return failed

    def order(self) -> list[tuple[str, list[str]]]:
        """Those to be started, with what they require of each other, which comes before them."""
        required = dependencies.requirements(self._left)
        return [(name, required[name]) for name in dependencies.in_start_order(self._left)]

    @property
    def _left(self) -> dict[str, Manifest]:
        """Those of which nothing has come yet, and that are not held."""
        left = {name: each.manifest for name, each in self.copies.items() if self.jobs[name] not in self._outcomes}
        return dependencies.without(self._expected.values(), left)

    @property
    def _running(self) -> dict[str, Manifest]:
        """What others can rely on by now."""
        return {**self._present, **{name: self.copies[name].manifest for name in self.loaded}}


def plugins_of(outcomes: Sequence[Outcome]) -> tuple[Plugin, ...]:
    """The plugins of a folder. Raises LoadFailed, with errors by name, or by path where there is none."""
    loaded = [each.result for each in outcomes if isinstance(each.result, Plugin)]
    names = {plugin.name for plugin in loaded}
    errors: dict[str, WeftError] = {}
    for each in outcomes:
        if isinstance(each.result, WeftError):
            own = each.name and each.name not in names | errors.keys()
            errors[each.name if own else each.job.what] = each.result
    if errors:
        raise LoadFailed(errors, sorted(names))
    return tuple(loaded)
