"""What one connection had served leaves nothing behind that is complained of later."""

from http.client import HTTPConnection


def test_connections_that_come_and_go_leave_no_task_behind(weft_server):
    server = weft_server()
    for _ in range(300):  # enough for Python to look for what is unreachable
        connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/api/v1/plugins")
        assert connection.getresponse().read() == b"[]"
        connection.close()
    server.stop()
    assert "destroyed" not in server.text
