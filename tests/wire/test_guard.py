"""Where an address that people typed in may lead, however it is spelled."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certify.provider import Provider, closed_port, provider
from wire.guard import Guard, bad_url, forbidden
from wire.http import Call, Client, Forbidden, NotSent


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "this machine"),
        ("127.8.9.1", "this machine"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "CGNAT"),
        ("100.100.100.200", "metadata"),
        ("169.254.169.254", "link-local"),
        ("168.63.129.16", "host agent"),
        ("192.0.0.192", "reserved"),
        ("0.0.0.0", "this network"),  # noqa: S104 - refused here, not bound
        ("198.18.0.1", "benchmarking"),
        ("203.0.113.5", "documentation"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "this machine"),
        ("::7f00:1", "reserved"),  # the old "IPv4-compatible" form
        ("::ffff:127.0.0.1", "this machine"),
        ("::ffff:a9fe:a9fe", "link-local"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b:1::1", "local translation"),
        ("2002:7f00:1::", "6to4"),
        ("2001:0:4136:e378::1", "tunnels"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "zone"),
        ("2606:4700::1%1", "zone"),
        ("fec0::1", "site-local"),
        ("fc00::1", "unique-local"),
        ("fd00:ec2::254", "metadata"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "documentation"),
        ("4000::1", "reserved"),
        ("0177.0.0.1", "not an address"),
        ("", "not an address"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str, why: str) -> None:
    assert why in forbidden(address)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14", "172.32.0.1", "100.128.0.1", "11.0.0.1", "2606:4700::1111", "::ffff:93.184.215.14",
        "64:ff9b::5db8:d70e",
    ],
)  # fmt: skip
def test_a_public_address_may_be_reached(address: str) -> None:
    assert forbidden(address) == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "100.64.0.1", "fc00::1", "::1", "::ffff:192.168.0.1"])
def test_private_networks_open_where_the_operator_says_so(address: str) -> None:
    assert forbidden(address, private=True) == ""


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "168.63.129.16", "0.1.2.3", "224.0.0.1"])
def test_where_clouds_keep_their_keys_stays_closed_also_then(address: str) -> None:
    assert forbidden(address, private=True) != ""


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.example/x", "https"),
        ("ftp://shop.example", "https"),
        ("//shop.example", "https"),
        ("https:///x", "no host"),
        ("https://", "no host"),
        ("https://shop.example:0/", "port"),
        ("https://shop.example:99999/", "not a URL"),
        ("https://user:secret@shop.example/", "user name"),
        ("https://shop.example@10.0.0.1/", "user name"),
        ("https://shop.example\\@10.0.0.1/", "backslash"),
        ("https://shop.example/a b", "space"),
        ("https://shop.example/\r\nX: y", "control character"),
        ("https://shop.example/#x", "#"),
        ("https://2130706433/", "odd spelling"),
        ("https://0x7f000001/", "odd spelling"),
        ("https://0x7f.1/", "odd spelling"),
        ("https://017700000001/", "odd spelling"),
        ("https://127.1/", "odd spelling"),
        ("https://0177.0.0.1/", "odd spelling"),
        ("https://127.0.0.1./", "this machine"),
        ("https://LOCALHOST/", "this machine"),
        ("https://localhost./", "this machine"),
        ("https://api.localhost/", "this machine"),
        ("https://[::1]/", "this machine"),
        ("https://[::ffff:7f00:1]:8443/", "this machine"),
        ("https://[fe80::1%25eth0]/", "not a URL|zone"),
        ("https://[::1/", "not a URL"),
        ("https://169.254.169.254/latest/meta-data", "link-local"),
    ],
)
def test_an_address_to_call_is_refused_by_its_spelling(url: str, why: str) -> None:
    assert any(word in bad_url(url) for word in why.split("|")), bad_url(url)


@pytest.mark.parametrize(
    "url", ["https://shop.example/hooks?a=1", "https://shop.example.:8443/", "https://münchen.example/"]
)
def test_an_ordinary_address_is_taken(url: str) -> None:
    assert bad_url(url) == ""


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "127.1", "localhost", "127.0.0.1", "１２７.0.0.1", "[::ffff:127.0.0.1]"]
)
def test_no_spelling_of_this_machine_is_connected_to(host: str, stub: Provider) -> None:
    port = stub.url.rpartition(":")[2]

    with pytest.raises((Forbidden, NotSent)):
        Client(guard=Guard()).send(Call(method="POST", url=f"http://{host}:{port}/"))

    assert stub.count == 0


def test_a_name_that_leads_into_our_network_is_refused_by_its_address(stub: Provider) -> None:
    guard = Guard(resolve=lambda host, port: ["10.0.0.7"])

    with pytest.raises(Forbidden, match=r"rebind\.example leads to 10\.0\.0\.7, which is private"):
        Client(guard=guard).send(Call(method="GET", url="http://rebind.example/"))


def test_of_a_name_with_two_addresses_only_the_public_one_is_used() -> None:
    guard = Guard(resolve=lambda host, port: ["fd12::1", "93.184.215.14", "93.184.215.14"])

    assert guard.addresses("shop.example", 443) == ["93.184.215.14"]


def test_a_name_that_changes_its_answer_gains_nothing(stub: Provider) -> None:
    port, asked = int(stub.url.rpartition(":")[2]), []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    http = Client(guard=Guard(private=True, resolve=resolve))

    assert http.send(Call(method="POST", url=f"http://shop.example:{port}/x", body=b"hi")).status == 200
    assert asked == ["shop.example"]
    assert stub.seen[0].headers["host"] == f"shop.example:{port}"


def test_a_name_nobody_knows_and_a_closed_port_were_not_sent() -> None:
    def nobody(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror

    for resolve in (nobody, lambda host, port: ["127.0.0.1"], lambda host, port: []):
        http = Client(guard=Guard(private=True, resolve=resolve), connect=0.3)
        with pytest.raises(NotSent):
            http.send(Call(method="GET", url=f"http://shop.example:{closed_port()}/"))


def test_tls_is_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    with tls_server(tmp_path, "shop.example") as (port, authority, names):
        http = Client(guard=Guard(private=True, resolve=lambda host, port: ["127.0.0.1"]), trust=str(authority))

        assert http.send(Call(method="GET", url=f"https://shop.example:{port}/")).status == 204
        with pytest.raises(NotSent):
            http.send(Call(method="GET", url=f"https://other.example:{port}/"))

    assert names == ["shop.example", "other.example"]


class tls_server:  # noqa: N801 - reads as a function
    """Serve 204 over TLS with a certificate for one name; tells the server names that clients asked for."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name, self.names = folder, name, list[str | None]()

    def __enter__(self) -> tuple[int, Path, list[str | None]]:
        certificate = certificate_for(self._name, self._folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda sock, name, ctx: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, args=(context,), daemon=True)
        self._thread.start()
        return self._listener.getsockname()[1], certificate, self.names

    def __exit__(self, *_: object) -> None:
        self._thread.join(5)
        self._listener.close()

    def _serve(self, context: ssl.SSLContext) -> None:
        for _ in range(2):
            raw, _address = self._listener.accept()
            with raw:
                try:
                    with context.wrap_socket(raw, server_side=True) as stream:
                        stream.recv(4096)
                        stream.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                except OSError:
                    continue  # the client refused the certificate


def certificate_for(name: str, folder: Path) -> Path:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file
