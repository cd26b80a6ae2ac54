import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.http1.upstream import Origin, Upstreams
from tests.proxy.http1.raw import get
from tests.proxy.http1.rig import eventually


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A server's and a client's context over a certificate made for this run."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = (
        builder.not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


async def test_a_worker_may_be_behind_tls(tls):
    server_side, client_side = tls
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        while await reader.read(1000):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
    port = listener.sockets[0].getsockname()[1]
    ups = Upstreams(tls=client_side)
    try:
        origin = Origin.parse(f"https://localhost:{port}")
        for _ in range(3):
            async with ups.exchange(origin, get(), b"") as answer:
                assert await answer.body(10) == b"hello"

        assert connections == 1
    finally:
        await ups.close()
        listener.close()
        await eventually(lambda: ups.connections == 0)
