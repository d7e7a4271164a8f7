"""Goes for the server that runs it: its secrets, its stores, and its management."""

import http.client
import os
import socket

from attempts import offer, there


class Control(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(f"{there.state}/control.sock")


def ask(connection, method="GET", path="/api/v1/plugins", **headers):
    connection.request(method, path, headers={"Host": "localhost", **headers})
    answer = connection.getresponse()
    if answer.status in (401, 403):
        raise PermissionError(answer.status)
    return answer.status


def by_the_port():
    return ask(http.client.HTTPConnection("127.0.0.1", there.port, timeout=10))


def by_the_form_of_gloom():
    return ask(http.client.HTTPConnection("127.0.0.1", there.port, timeout=10), path="/api/plugins")


def by_an_address():
    return ask(http.client.HTTPConnection("127.0.0.1", there.port, timeout=10), Host=f"127.0.0.1:{there.port}")


def by_another_process():
    readable, writable = os.pipe()
    if os.fork() == 0:
        os.setsid()
        try:
            os.write(writable, str(by_the_port()).encode())
        except PermissionError:
            os.write(writable, b"")
        finally:
            os._exit(0)
    os.close(writable)
    if not (answer := os.read(readable, 10)):
        raise PermissionError("in another process, too")
    return answer


def by_the_control_socket():
    return ask(Control("localhost"))


def removes_another():
    return ask(Control("localhost"), "DELETE", "/api/v1/plugins/healthy")


def with_the_token():
    with open(f"{there.state}/token") as file:
        return file.read()


def list_the_state():
    return os.listdir(there.state)


def data_of_another():
    return os.listdir(f"{there.state}/data/healthy")


def list_all_data():
    return os.listdir(f"{there.state}/data")


def files_of_another_release():
    return [os.listdir(f"{there.state}/{name}") for name in there.folders]


def database():
    return [open(f"{there.state}/{name}", "rb").read(16) for name in there.files]


def replaces_the_control_socket():
    os.unlink(f"{there.state}/control.sock")


app = offer(globals())
