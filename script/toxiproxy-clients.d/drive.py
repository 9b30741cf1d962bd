"""Drives a Toxiproxy server, at the URL given, with PyPI's toxiproxy-python: its answers, and what happens to data."""

import socket
import sys
import threading
import time
from urllib.parse import urlsplit

from toxiproxy import Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

ATTRIBUTES = {
    "bandwidth": {"rate": 100},
    "slow_close": {"delay": 10},
    "timeout": {"timeout": 0},
    "slicer": {"average_size": 10, "size_variation": 5, "delay": 10},
    "limit_data": {"bytes": 100},
    "reset_peer": {"timeout": 0},
}


def echo():
    """Starts a server that sends back what it gets; returns its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(client):
        try:
            while data := client.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        client.close()

    def accept():
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return "127.0.0.1:%d" % server.getsockname()[1]


def round_trip(listen):
    """Milliseconds a message takes there and back, on a connection of its own."""
    host, port = listen.split(":")
    with socket.create_connection((host, int(port)), 5) as client:
        start = time.perf_counter()
        client.sendall(b"hello")
        assert client.recv(5) == b"hello", "closed without an answer"
        return (time.perf_counter() - start) * 1000


def fails(expected, action):
    """Makes sure that the action raises this exception."""
    try:
        action()
    except expected:
        return
    raise AssertionError("no %s" % expected.__name__)


def main(url):
    address = urlsplit(url)
    toxiproxy = Toxiproxy()
    toxiproxy.update_api_consumer(address.hostname, address.port)
    assert toxiproxy.running()
    assert b"2.12.0" in toxiproxy.version(), toxiproxy.version()
    toxiproxy.destroy_all()
    assert toxiproxy.proxies() == {}

    upstream = echo()
    proxy = toxiproxy.create(upstream=upstream, name="python")
    assert proxy.enabled
    fails(ProxyExists, lambda: toxiproxy.create(upstream=upstream, name="python"))
    listen = toxiproxy.get_proxy("python").listen
    assert round_trip(listen) < 200

    proxy.add_toxic(type="latency", attributes={"latency": 300, "jitter": 0})
    assert round_trip(listen) >= 300, "the toxic delays"
    proxy.destroy_toxic("latency_downstream")
    assert round_trip(listen) < 200, "the toxic is gone"

    for kind, attributes in ATTRIBUTES.items():
        proxy.add_toxic(type=kind, attributes=attributes, stream="upstream", toxicity=0.5)
        toxic = proxy.get_toxic(kind + "_upstream")
        assert toxic.attributes == attributes, toxic.attributes
        assert toxic.toxicity == 0.5
    assert len(proxy.toxics()) == len(ATTRIBUTES)
    fails(InvalidToxic, lambda: proxy.add_toxic(type="nope"))

    assert toxiproxy.reset()
    assert proxy.toxics() == {}
    with proxy.down():
        assert not toxiproxy.get_proxy("python").enabled
        fails(ConnectionRefusedError, lambda: round_trip(listen))
    assert round_trip(listen) < 200

    several = [
        {"name": "a", "upstream": upstream, "listen": "127.0.0.1:0"},
        {"name": "python", "upstream": upstream, "listen": listen},
    ]
    created = [each.name for each in toxiproxy.populate(several)]
    assert created == ["a"], "what is there already stays"
    fails(NotFound, lambda: APIConsumer.get("/proxies/none"))
    toxiproxy.destroy_all()
    assert toxiproxy.proxies() == {}


main(sys.argv[1])
