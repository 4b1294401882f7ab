"""RabbitMQ from .peers/: a node of its own on free ports, all its files in one folder."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.fakes.service import free_port
from tests.peers.processes import DEBIAN, LIBRARIES, process

ERLANG = DEBIAN / "usr/lib/erlang"
EPMD = ERLANG / "erts-13.1.5/bin/epmd"
RABBIT = DEBIAN / "usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin/rabbitmq-server"


def rabbit(peers: ExitStack, folder: Path) -> int:
    """Start a node; return the port at which it speaks AMQP."""
    (folder / "plugins").write_text("[].\n")
    names, port = free_port(), free_port()
    environment = {
        **LIBRARIES, "HOME": str(folder), "PATH": f"{ERLANG / 'bin'}:/usr/bin:/bin", "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODENAME": "bus@localhost",
        "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"), "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }  # fmt: skip
    register: list[str | Path] = [EPMD, "-address", "127.0.0.1", "-port", str(names)]
    peers.enter_context(process(register, folder, port=names, environment=LIBRARIES))
    peers.enter_context(process([RABBIT], folder, port=port, environment=environment))
    return port
