"""Modules of inline plugins: whose names are whose, versions beside each other, and what is left in the end."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import sys
import threading
import weakref

import pytest

from weft.runtimes.inline.finder import plugin_finder
from weft.runtimes.inline.modules import PluginModules
from weft.runtimes.inline.names import plugin_files


@pytest.fixture
def modules(folder):
    """``modules(name, files, entry, plugin="shop")``: open; closed in the end."""
    opened = []

    def make(name, files, entry="", *, plugin="shop", opens=True):
        its = PluginModules(plugin_files(folder(name, files), entry), owner=plugin, who=f"plugin {plugin}")
        if opens:
            opened.append(its)
            assert plugin_finder().open(its) == []
        return its

    yield make
    for its in opened:
        plugin_finder().close(its)


PACKAGE = {
    "shop_p/__init__.py": "from shop_p.a import name, later\nfrom . import b\n",
    "shop_p/a.py": (
        "from .deep import leaf\nfrom .deep.leaf import value\nname = value\n"
        "def later():\n    from . import c\n    import shop_p.deep.late as late\n    return c.value, late.value\n"
    ),
    "shop_p/b.py": "import shop_p.a as a\nfrom shop_p import a as again\n",
    "shop_p/c.py": "from shop_lone import *\n",
    "shop_p/deep/__init__.py": "from .. import a\n",
    "shop_p/deep/leaf.py": "value = 'VERSION'\n",
    "shop_p/deep/late.py": "from ..a import name as value\n",
    "shop_lone.py": "__all__ = ['value']\nvalue = 'lone VERSION'\n",
}


def version(number):
    return {path: text.replace("VERSION", str(number)) for path, text in PACKAGE.items()}


def test_a_package_with_submodules_relative_and_circular_imports(modules):
    its = modules("one", version(1))
    package = its.load("shop_p")
    assert package.name == "1"
    assert package.later() == ("lone 1", "1")
    assert sys.modules["shop_p.deep.leaf"] is package.a.leaf
    assert package.b.a is package.b.again is package.a
    assert importlib.import_module("shop_p.deep.late").value == "1"
    assert package.__spec__.origin == package.__file__
    assert importlib.util.find_spec("shop_p.nothing") is None
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'shop_p.nothing'"):
        its.load("shop_p.nothing")


def test_the_host_imports_what_the_plugin_has_not_yet(modules):
    its = modules("one", version(1))
    assert importlib.import_module("shop_lone") is its.load("shop_lone")
    assert importlib.import_module("shop_p.c").value == "lone 1"


def test_versions_live_beside_each_other_and_each_imports_its_own(modules):
    """What the old version imports for the first time after the upgrade is still the old version's."""
    old = modules("one", version(1)).load("shop_p")
    new = modules("two", version(2)).load("shop_p")
    assert sys.modules["shop_p"] is new
    assert old.later() == ("lone 1", "1")
    assert new.later() == ("lone 2", "2")
    assert sys.modules["shop_p.c"] is new.c is not old.c
    assert importlib.import_module("shop_lone").value == "lone 2"


def test_a_failed_version_puts_the_old_one_back_whole(modules):
    its = modules("one", version(1))
    package = its.load("shop_p")
    sys.modules["shop_p.made"] = made = object()
    before = {name: module for name, module in sys.modules.items() if name.startswith("shop_")}
    failed = modules("two", version(2) | {"shop_p/b.py": "raise ValueError", "shop_more.py": ""})
    failed.load("shop_more")
    with pytest.raises(ValueError, match="^$"):
        failed.load("shop_p")
    assert "shop_p.made" not in sys.modules
    plugin_finder().close(failed)
    assert {name: module for name, module in sys.modules.items() if name.startswith("shop_")} == before
    assert sys.modules["shop_p.made"] is made
    assert package.later() == ("lone 1", "1")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("shop_more")


def test_an_old_version_that_is_closed_leaves_the_new_one_alone(modules):
    old = modules("one", version(1))
    old.load("shop_p")
    new = modules("two", version(2)).load("shop_p")
    plugin_finder().close(old)
    assert sys.modules["shop_p"] is new
    assert new.later() == ("lone 2", "2")


def test_code_goes_on_after_its_modules_were_closed(modules):
    its = modules("one", version(1))
    package = its.load("shop_p")
    plugin_finder().close(its)
    assert not [name for name in sys.modules if name.startswith("shop_")]
    assert package.later() == ("lone 1", "1")
    assert not [name for name in sys.modules if name.startswith("shop_")]


def test_namespace_packages_are_the_entrys_own(modules):
    files = {"ns_a/x.py": "from . import y\n", "src/ns_a/y.py": "value = 3\n", "ns_b/z.py": ""}
    its = modules("one", files, "ns_a.x:app")
    assert its.load("ns_a.x").y.value == 3
    assert len(sys.modules["ns_a"].__path__) == 2
    assert its.files.names == {"ns_a"}


def test_tests_and_the_like_are_no_part_of_a_plugin(modules):
    files = dict.fromkeys(["shop_a.py", "tests/__init__.py", "test_a.py", "conftest.py", "docs/__init__.py"], "")
    assert modules("one", files).files.names == {"shop_a"}
    assert modules("two", files, "tests.x", opens=False).files.names == {"shop_a", "tests"}


def refusals(its):
    return "\n".join(plugin_finder().open(its))


def test_two_plugins_with_modules_of_one_name_are_refused_both_named(modules):
    modules("one", {"shop_a.py": "", "shop_b.py": ""}, plugin="first")
    other = modules("two", {"shop_a.py": "", "shop_b.py": "", "shop_c.py": ""}, plugin="second", opens=False)
    lines = plugin_finder().open(other)
    assert [line.partition(" (")[0] for line in lines] == [
        "module shop_a is one of plugin first too", "module shop_b is one of plugin first too",
    ]  # fmt: skip
    assert all("one" in line and "rename one of the two" in line for line in lines)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("shop_c")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("json", r"module json is imported by the host already \(.*json.__init__.py\): rename"),
        ("sys", r"module sys is imported by the host already \(with no file\)"),
        ("antigravity", "module antigravity is one of Python's standard library"),
        ("pytest_timeout", "module pytest_timeout is imported by the host already"),
        ("hatchling", r"module hatchling is one of the host's \(.*hatchling.__init__.py\): rename .* sys.path"),
    ],
)
def test_a_name_of_the_hosts_is_refused_with_where_it_lies(modules, name, reason):
    import re

    assert re.search(reason, refusals(modules("one", {f"{name}.py": ""}, opens=False)))


def test_a_plugins_own_folder_on_the_hosts_path_is_not_elsewhere(modules, monkeypatch):
    its = modules("one", {"shop_a.py": ""}, opens=False)
    monkeypatch.syspath_prepend(str(its.files.folder))
    assert refusals(its) == ""
    plugin_finder().close(its)


def test_a_module_may_put_another_in_its_place(modules):
    text = "import sys\nclass Lazy:\n    value = 5\n    def __len__(self): return 0\nsys.modules[__name__] = Lazy()\n"
    its = modules("one", {"shop_a.py": "import shop_lazy\nfrom shop_lazy import value\n", "shop_lazy.py": text})
    module = its.load("shop_a")
    assert module.shop_lazy.value == module.value == 5
    assert importlib.import_module("shop_lazy") is module.shop_lazy


def test_modules_that_take_themselves_out_do_no_harm(modules):
    text = "import sys\ndel sys.modules[__name__]\nfrom shop_b import value\n"
    its = modules("one", {"shop_a.py": text, "shop_b.py": "import sys\nsys.modules['shop_a'] = None\nvalue = 1\n"})
    assert its.load("shop_a").value == 1
    plugin_finder().close(its)
    assert "shop_a" not in sys.modules


def test_dataclasses_and_annotations_find_their_module(modules):
    text = (
        "from __future__ import annotations\nimport dataclasses, typing, msgspec, pickle\n"
        "@dataclasses.dataclass\nclass A:\n    a: int\n"
        "@dataclasses.dataclass\nclass I:\n    kind: dataclasses.InitVar[int] = 0\n"
        "class B(msgspec.Struct):\n    a: A | None = None\n"
        "hints = typing.get_type_hints(A)['a']\ndecoded = msgspec.json.decode(b'{\"a\": {\"a\": 1}}', type=B)\n"
        "again = pickle.loads(pickle.dumps(A(2)))\n"
    )
    module = modules("one", {"shop_a.py": text}).load("shop_a")
    assert (module.hints, module.decoded.a, module.again) == (int, module.A(1), module.A(2))


def test_nothing_is_written_into_a_plugins_folder(modules, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    its = modules("one", version(1))
    its.load("shop_p").later()
    importlib.import_module("shop_p.deep.late")
    assert sum(len(files) for _, _, files in os.walk(its.files.folder)) == len(PACKAGE)


def test_a_module_is_executed_once_however_many_threads_import_it(modules):
    text = "import threading, time\nruns.append(1)\ntime.sleep(0.05)\nvalue = 7\n"
    runs = []
    its = modules("one", {"shop_a.py": "import shop_b\n", "shop_b.py": text}, opens=False)
    its._given["runs"] = runs
    values = []
    threads = [threading.Thread(target=lambda: values.append(its.load("shop_a").shop_b.value)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert (values, runs) == ([7] * 8, [1])


def test_a_failed_module_can_be_tried_again(modules):
    its = modules("one", {"shop_a.py": "from shop_b import ok\n", "shop_b.py": "if not done:\n    raise ValueError\n"})
    its._given["done"] = done = []
    with pytest.raises(ValueError, match="^$"):
        its.load("shop_a")
    assert not {"shop_a", "shop_b"} & sys.modules.keys()
    done.append(1)
    with pytest.raises(ImportError, match="cannot import name 'ok' from 'shop_b'"):
        its.load("shop_a")
    assert its.load("shop_b").done is done


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        ("from ... import x", ImportError, "beyond top-level package"),
        ("import shop_p.lost", ModuleNotFoundError, "No module named 'shop_p.lost'"),
        ("import shop_p.plain.more", ModuleNotFoundError, "No module named 'shop_p.plain.more'"),
        ("from . import lost", ImportError, "cannot import name 'lost' from 'shop_p'"),
        ("from .plain import lost", ImportError, "cannot import name 'lost' from 'shop_p.plain'"),
    ],
)
def test_imports_that_fail_say_what_pythons_own_say(modules, code, error, text):
    its = modules("one", {"shop_p/__init__.py": "", "shop_p/plain.py": "", "shop_p/a.py": code})
    with pytest.raises(error, match=text):
        its.load("shop_p.a")


def test_dunder_import_gives_what_pythons_own_gives(modules):
    code = (
        "top = __import__('shop_p.deep.leaf')\nsub = __import__('shop_p.deep.leaf', fromlist=['value'])\n"
        "relative = __import__('deep.leaf', globals(), level=1)\nhosts = __import__('os.path')\n"
    )
    files = {f"shop_p/{name}": "" for name in ("__init__.py", "deep/__init__.py", "deep/leaf.py")}
    module = modules("one", {**files, "shop_p/a.py": code}).load("shop_p.a")
    assert [module.top.__name__, module.sub.__name__, module.relative.__name__, module.hosts] == [
        "shop_p", "shop_p.deep.leaf", "shop_p.deep", os,
    ]  # fmt: skip


def test_an_unloaded_plugin_is_gone(modules):
    class_text = "class Thing:\n    def __init__(self): self.me = self\nthing = Thing()\n"
    its = modules("one", {"shop_p/__init__.py": "from . import a\n", "shop_p/a.py": class_text})
    module = its.load("shop_p.a")
    gone = [weakref.ref(each) for each in (its, module, module.Thing, module.thing)]
    plugin_finder().close(its)
    name = its.files.folder
    del its, module
    modules.__closure__[1].cell_contents.clear()
    gc.collect()
    assert [each() for each in gone] == [None] * 4
    assert not [each for each in sys.path_importer_cache if each.startswith(str(name))]
