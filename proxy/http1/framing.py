"""HTTP/1.1 framing without a socket: the front door of the pure half of this room."""

from proxy.http1.bodies import (
    LAST_CHUNK,
    ChunkedDecoder,
    CloseDecoder,
    Decoder,
    LengthDecoder,
    chunk,
    decoder_for,
)
from proxy.http1.heads import parse_request_head, parse_response_head
from proxy.http1.messages import (
    HOP_BY_HOP,
    Framing,
    FramingError,
    Headers,
    RequestHead,
    ResponseHead,
    bodyless,
    connection_nominated,
)
from proxy.http1.render import render_request, render_response

__all__ = [
    "HOP_BY_HOP",
    "LAST_CHUNK",
    "ChunkedDecoder",
    "CloseDecoder",
    "Decoder",
    "Framing",
    "FramingError",
    "Headers",
    "LengthDecoder",
    "RequestHead",
    "ResponseHead",
    "bodyless",
    "chunk",
    "connection_nominated",
    "decoder_for",
    "parse_request_head",
    "parse_response_head",
    "render_request",
    "render_response",
]
