import pytest

from weft.errors import ManifestError, PackageError, UsageError
from weft.packages.archives import pack
from weft.packages.sources import checked_name, open_source


@pytest.mark.parametrize("name", ["a b", "a/b", "../x", "ä", "a.b", "x" * 64, " "])
def test_a_bad_name_is_refused_in_glooms_words(name):
    with pytest.raises(UsageError, match="^invalid plugin name"):
        checked_name(name)


def test_an_empty_name_is_refused_in_glooms_words():
    with pytest.raises(UsageError, match="^plugin name cannot be empty$"):
        checked_name("")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "plugin.yaml").write_text("version: 1.0.0\n")
    (folder / "shop.py").write_text("app = None\n")
    return folder


def test_a_folder_is_opened_where_it_lies(folder, tmp_path):
    source = open_source(folder, None, tmp_path / "into")
    assert (source.folder, source.manifest.name, source.named) == (folder, "shop", False)


def test_a_file_becomes_a_folder_of_its_own(folder, tmp_path):
    (into := tmp_path / "into").mkdir()
    source = open_source(folder / "shop.py", "store", into)
    assert [each.name for each in source.folder.iterdir()] == ["shop.py"]
    assert (source.manifest.name, source.manifest.entry, source.named) == ("store", "shop:app", True)


def test_a_file_whose_name_is_no_plugins_gets_the_given_one(folder, tmp_path):
    (into := tmp_path / "into").mkdir()
    versioned = (folder / "shop.py").rename(folder / "shop-2.0.py")
    with pytest.raises(UsageError, match="invalid plugin name"):
        open_source(versioned, None, tmp_path)
    (tmp_path / "source").rmdir()
    assert open_source(versioned, "shop", into).manifest.name == "shop"


def test_an_archive_is_unpacked(folder, tmp_path):
    source = open_source(pack(folder, tmp_path / "any-1.0.plg"), None, tmp_path / "into")
    assert (source.folder, source.manifest.name) == (tmp_path / "into" / "shop", "shop")


def test_what_is_no_plugin_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="does not exist"):
        open_source(tmp_path / "nothing", None, tmp_path)
    (tmp_path / "half.plg").write_bytes(b"\x1f\x8b\x08half of it")
    with pytest.raises(PackageError, match="half.plg"):
        open_source(tmp_path / "half.plg", None, tmp_path / "into")
