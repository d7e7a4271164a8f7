from __future__ import annotations

import ipaddress
import os
import socket
import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.server.management.sockets import (
    Row,
    endpoint,
    find_holders,
    find_socket,
    look_for_socket,
    parse_endpoint,
    parse_row,
    read_tables,
)

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux alone has these tables")
PORTS = st.integers(0, 65535)
ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6)


def kernels(address, port):
    """As the kernel prints it."""
    return (
        "".join(f"{word:08X}" for word in struct.unpack(f"={len(address.packed) // 4}I", address.packed))
        + f":{port:04X}"
    )


def line(local, remote, state=1, uid=1000, inode=42):
    times = "00000000:00000000 00:00000000 00000000"
    return f"   7: {local} {remote} {state:02X} {times} {uid:5d}        0 {inode} 1 0000000000000000 20 4 30 10 -1\n"


@given(ADDRESSES, PORTS)
def test_endpoints_survive_the_kernels_form(address, port):
    assert parse_endpoint(kernels(address, port)) == endpoint(str(address), port)


@given(st.ip_addresses(v=4), PORTS)
def test_an_ipv4_address_mapped_into_ipv6_is_the_same(address, port):
    mapped = ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
    assert parse_endpoint(kernels(mapped, port)) == parse_endpoint(kernels(address, port)) == (address, port)


@given(ADDRESSES, PORTS, ADDRESSES, PORTS, st.integers(0, 255), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_rows(local, port, remote, remote_port, state, uid, inode):
    row = parse_row(line(kernels(local, port), kernels(remote, remote_port), state, uid, inode))
    assert row == Row(endpoint(str(local), port), endpoint(str(remote), remote_port), state, uid, inode)


@given(st.text(alphabet="0123456789ABCDEFabcdef: \n-x", max_size=120) | st.text(max_size=60))
def test_whatever_the_line_it_is_a_row_or_none(text):
    assert parse_row(text) is None or isinstance(parse_row(text), Row)


def test_the_heading_is_no_row():
    assert (
        parse_row("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode")
        is None
    )


A, B = endpoint("127.0.0.1", 40000), endpoint("127.0.0.1", 3000)
HERE, THERE = kernels(*A), kernels(*B)


def test_only_the_exact_pair_of_addresses_counts():
    assert find_socket([line(HERE, THERE)], A, B) is not None
    assert find_socket([line(THERE, HERE)], A, B) is None
    assert find_socket([line(HERE, kernels(A[0], 3001))], A, B) is None


@pytest.mark.parametrize("change", [{"state": 6}, {"state": 8}, {"state": 10}, {"inode": 0}])
def test_only_an_established_socket_that_somebody_holds_counts(change):
    assert find_socket([line(HERE, THERE, **change)], A, B) is None


def test_two_rows_of_one_pair_decide_nothing():
    assert find_socket([line(HERE, THERE), line(HERE, THERE, uid=0)], A, B) is None
    assert find_socket([line(HERE, THERE), line(HERE, THERE, state=6, inode=0)], A, B) is None


def test_a_row_that_the_kernel_gives_twice_is_one_socket():
    found = find_socket([line(HERE, THERE), line(HERE, THERE)], A, B)
    assert found is not None
    assert found.inode == 42


def test_a_connection_is_found_while_others_come_and_go():
    """Tables that change while they are read have rows twice, or not at all: each look must find this one."""
    over = threading.Event()

    def come_and_go():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            while not over.is_set():
                with socket.create_connection(listener.getsockname()) as client, listener.accept()[0]:
                    client.shutdown(socket.SHUT_RDWR)

    others = [threading.Thread(target=come_and_go) for _ in range(2)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client, listener.accept()[0]:
            ends = [endpoint(*client.getsockname()), endpoint(*client.getpeername())]
            for other in others:
                other.start()
            try:
                found = [look_for_socket(*ends) for _ in range(60)]
            finally:
                over.set()
                for other in others:
                    other.join()
            assert {row and row.inode for row in found} == {os.fstat(client.fileno()).st_ino}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_real_connection_is_found_and_so_are_its_holders(family):
    with socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family) as listener:
        with socket.create_connection(listener.getsockname()[:2]) as client, listener.accept()[0]:
            ends = [endpoint(*client.getsockname()[:2]), endpoint(*client.getpeername()[:2])]
            row = find_socket(read_tables(), *ends)
            assert row is not None
            assert row.uid == os.geteuid()
            assert row.inode == os.fstat(client.fileno()).st_ino
            assert os.getpid() in find_holders(row.inode).seen
        assert find_socket(read_tables(), *ends) is None


@pytest.mark.parametrize("text", ["", "localhost", "127.0.0.1.5", "nonsense%eth0"])
def test_no_endpoint(text):
    assert endpoint(text, 1) is None
