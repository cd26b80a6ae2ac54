"""Requests as bytes."""

POST = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


def post(*lines: bytes) -> bytes:
    return POST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def get(*lines: bytes) -> bytes:
    return GET + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def line(request_line: bytes, host: bytes = b"Host: a\r\n") -> bytes:
    return request_line + b"\r\n" + host + b"\r\n"
