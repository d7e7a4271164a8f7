"""Where paths lead, with real links."""

from __future__ import annotations

from pathlib import Path

from weft.server.places import look_up


def test_links_are_followed_on_both_sides(tmp_path: Path) -> None:
    photos, link, state = tmp_path / "photos", tmp_path / "link", tmp_path / "state"
    (photos / "large").mkdir(parents=True)
    state.mkdir()
    link.symlink_to(photos)
    (photos / "out").symlink_to(state / "token")
    paths = [str(each) for each in (photos, link, photos / "large", photos / "out", tmp_path / "gone" / "x")]
    places = look_up(paths, state)
    assert places.of(str(link)) == str(photos)
    assert places.covers(str(link), str(photos / "large"))
    assert places.covers(str(photos), str(link))
    assert not places.covers(str(photos), str(photos / "out"))
    assert places.reaches_state(str(photos / "out"))
    assert not places.reaches_state(str(tmp_path / "gone" / "x"))


def test_a_state_folder_that_is_a_link_is_known_by_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "real")
    places = look_up([str(tmp_path / "real" / "data")], tmp_path / "state")
    assert places.reaches_state(str(tmp_path / "real" / "data"))
