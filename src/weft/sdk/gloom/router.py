"""The router that ``register_routes`` gets: routes, groups, middleware, static files, in the order of their making."""

from __future__ import annotations

from functools import partialmethod
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple, Union

from weft.sdk.gloom.config import Config
from weft.sdk.gloom.paths import Pattern
from weft.sdk.gloom.static import Static, allowed_root

Handler = Callable[..., Any]


class Route(NamedTuple):
    """``methods``: None for every one. ``middleware``: a path that has nothing else is not found."""

    methods: Optional[FrozenSet[str]]
    pattern: Pattern
    handlers: Tuple[Handler, ...]
    middleware: bool = False

    def takes(self, method: str) -> bool:
        """Whether it is for that method."""
        return self.methods is None or method in self.methods


class Router:
    """Routes under one prefix. ``get`` and its like take a pattern and handlers, of which each may call the next;
    without handlers they decorate one.

    ``folders``: where ``static`` may serve from, the first being what a relative path is in.
    """

    def __init__(
        self,
        config: Config = Config(),  # noqa: B008 - frozen
        folders: Tuple[str, ...] = (),
        prefix: str = "",
        routes: Optional[List[Route]] = None,
    ) -> None:
        self._config = config
        self._folders = folders
        self._prefix = prefix
        self._routes: List[Route] = [] if routes is None else routes

    def route(self, methods: Union[str, Tuple[str, ...], None], pattern: str, *handlers: Handler) -> Any:
        """Add a route for a method, several, or (None) every one."""
        if not handlers:
            return lambda decorated: self.route(methods, pattern, decorated) and decorated
        names = (methods,) if isinstance(methods, str) else methods
        self._add(None if names is None else frozenset(name.upper() for name in names), pattern, handlers)
        return self

    get = partialmethod(route, ("GET", "HEAD"))
    head = partialmethod(route, "HEAD")
    post = partialmethod(route, "POST")
    put = partialmethod(route, "PUT")
    patch = partialmethod(route, "PATCH")
    delete = partialmethod(route, "DELETE")
    options = partialmethod(route, "OPTIONS")
    all = partialmethod(route, None)

    def use(self, *arguments: Union[str, Handler]) -> "Router":
        """Add middleware: prefixes, where there are any, then handlers. Each calls the next, or answers itself."""
        prefixes = [each for each in arguments if isinstance(each, str)]
        handlers = tuple(each for each in arguments if not isinstance(each, str))
        for prefix in prefixes or ["/"]:
            self._add(None, prefix, handlers, middleware=True)
        return self

    def group(self, prefix: str, *handlers: Handler) -> "Router":
        """A router for what is below ``prefix``; the handlers are middleware of all that."""
        group = Router(self._config, self._folders, _joined(self._prefix, prefix), self._routes)
        return group.use(*handlers) if handlers else group

    def static(self, prefix: str, root: Any, *, index: str = "index.html", max_age: int = 0) -> "Router":
        """Serve the files below ``root``, a folder of the plugin's own or of its data folder, or one file of these.

        ``prefix`` of a file is a pattern: ``*`` serves it on every path. ``max_age``: seconds for which clients may
        keep a file. Raises ValueError for any other folder. What is not there is left to the routes made later.
        """
        files = Static(allowed_root(root, self._folders), index=index, max_age=max_age)
        pattern = prefix if files.is_file else f"{prefix.rstrip('/')}/*"
        self._add(frozenset(("GET", "HEAD")), pattern, (files,), middleware=True, prefix=False)
        return self

    def steps(self, method: str, path: str) -> Iterator[Tuple[Route, Handler, Dict[str, str]]]:
        """What a request meets, in turn: handlers, each with the parameters of its route."""
        for route in self._routes:
            params = route.pattern.match(path) if route.takes(method) else None
            if params is not None:
                for handler in route.handlers:
                    yield route, handler, params

    def methods(self, path: str) -> List[str]:
        """The methods for which a path has routes."""
        found = (each for each in self._routes if each.methods and not each.middleware)
        return sorted({name for each in found if each.pattern.match(path) is not None for name in each.methods or ()})

    def _add(
        self,
        methods: Optional[FrozenSet[str]],
        pattern: str,
        handlers: Tuple[Any, ...],
        *,
        middleware: bool = False,
        prefix: bool = True,
    ) -> None:
        wrong = [each for each in handlers if not callable(each)]
        if wrong or not handlers:
            raise ValueError(f"route {pattern}: expected functions of the request, found {wrong or 'none'}")
        compiled = Pattern(
            _joined(self._prefix, pattern),
            strict=self._config.strict_routing,
            case_sensitive=self._config.case_sensitive,
            prefix=middleware and prefix,
        )
        self._routes.append(Route(methods, compiled, handlers, middleware))


def _joined(prefix: str, pattern: str) -> str:
    if not prefix:
        return pattern
    inner = pattern if pattern.startswith("/") or not pattern else f"/{pattern}"
    return prefix.rstrip("/") + ("" if inner == "/" else inner)
