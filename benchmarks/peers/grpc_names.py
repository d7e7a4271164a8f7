"""What gRPC's host and plugin share."""

from __future__ import annotations

ECHO, NUMBERS = "/Plugin/Echo", "/Plugin/Numbers"
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def same(data: bytes) -> bytes:
    return data


def write_number(number: int) -> bytes:
    return number.to_bytes(8, "little")


def read_number(data: bytes) -> int:
    return int.from_bytes(data, "little")
