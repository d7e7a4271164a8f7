"""Talks to others over a network, or what works like one."""

import ctypes
import os
import socket
import struct
import tempfile

from attempts import call, libc, offer, there


def connect(family, kind, address, protocol=0):
    with socket.socket(family, kind, protocol) as client:
        client.settimeout(5)
        client.connect(address)
        return client.recv(20)


def tcp():
    return connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", there.port))


def tcp_6():
    return connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", there.port_6))


def tcp_on_several_paths():
    return connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", there.port), 262)


def tcp_with_data_at_once():
    with socket.socket() as client:
        client.sendto(b"escaped", socket.MSG_FASTOPEN, ("127.0.0.1", there.port))
        return client.recv(20)


def tcp_with_a_message_at_once():
    with socket.socket() as client:
        client.sendmsg([b"escaped"], [], socket.MSG_FASTOPEN, ("127.0.0.1", there.port))
        return client.recv(20)


def tcp_with_messages_at_once():
    with socket.socket() as client:
        address = ctypes.create_string_buffer(struct.pack("=HH4s8x", 2, socket.htons(there.port), b"\x7f\0\0\1"), 16)
        text = ctypes.create_string_buffer(b"escaped")
        part = ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(text), 7))
        head = struct.pack("PIPNPNiI", ctypes.addressof(address), 16, ctypes.addressof(part), 1, 0, 0, 0, 0)
        call(307, client.fileno(), ctypes.create_string_buffer(head + bytes(8)), 1, socket.MSG_FASTOPEN)
        return client.recv(20)


def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.3)
        client.connect(("127.0.0.1", there.udp_port))
        client.send(b"escaped")
        return client.recv(20)


def name_server():
    return socket.getaddrinfo("example.com", 80)


def netlink():
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


def raw():
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def packets():
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)


def machine_below():
    return socket.socket(40, socket.SOCK_STREAM)


def cryptography():
    return socket.socket(38, socket.SOCK_SEQPACKET)


def bluetooth():
    return socket.socket(31, socket.SOCK_STREAM, 3)


def express_data_path():
    return socket.socket(44, socket.SOCK_RAW)


def pair_of_another_family():
    pair = (ctypes.c_int * 2)()
    if libc.socketpair(30, socket.SOCK_STREAM, 0, pair) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return list(pair)


def ring():
    return call(425, 8, ctypes.create_string_buffer(120))


def abstract_socket_of_the_host():
    return connect(socket.AF_UNIX, socket.SOCK_STREAM, there.abstract)


def allowed_port():
    return connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", there.allowed_port))


def own_loopback():
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        return client.send(b"to itself")


def own_pair():
    left, right = socket.socketpair()
    with left, right:
        return left.send(b"to itself")


def own_socket_in_its_data():
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(tempfile.mkdtemp() + "/s")
        server.listen()
        client.connect(server.getsockname())
        return client.send(b"to itself")


app = offer(globals())
