"""What a new release breaks for the users of the one before."""

from __future__ import annotations

from typing import Protocol

import weft
from weft.contracts.declare import contract_of
from weft.server.contract_changes import broken


def described(cls):
    contract = contract_of(cls)
    return {contract.key: contract.describe()}


def shelf(**annotations):
    @weft.contract(name="shelf")
    class Shelf(Protocol):
        async def put(self, book: annotations.get("book", str), copies: int = 1) -> annotations.get("result", int): ...

    return described(Shelf)


def test_more_is_not_less():
    assert broken({}, shelf()) == []
    assert broken(shelf(), shelf()) == []
    assert broken(shelf(), {**shelf(), "other@1": {}}) == []


def test_what_its_users_would_trip_over_is_told():
    (gone,) = broken(shelf(), {"store@1": {}})
    assert gone == "shelf@1 is not provided any more (provided: store@1)"
    (other,) = broken(shelf(), shelf(book=int))
    assert other.startswith("shelf@1 is not what it was: put: the contract says (book: str, copies: int = 1) -> int")
    assert "book is str, not int" in other


def test_a_description_that_cannot_be_read_is_told_and_not_raised():
    (unreadable,) = broken(shelf(), {"shelf@1": {"contract": "shelf"}})
    assert "shelf@1 is not what it was: this is no description of a contract" in unreadable
