"""A forked process has no share in its parent's engine: it is told so, may have its own, and disturbs nothing."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("way", ["os", "fork"])
def test_a_forked_child_is_told_and_its_end_disturbs_nothing(program, way):
    pid, told, own, childs, parents = program("forks", way).splitlines()
    assert told.startswith("the engine belongs to process ")
    assert "start an engine after the fork (gunicorn: in post_fork" in told
    assert childs == f"child 1 {own}"
    assert parents == f"parent 0 1 {pid}"


def test_an_engine_is_not_sent_to_a_spawned_child(program):
    pid, told, parents = program("forks", "spawn").splitlines()
    assert told == "an engine belongs to its process and cannot be sent to another: make one there"
    assert parents == f"parent None 1 {pid}"
