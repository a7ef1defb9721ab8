"""Where to listen: on IPv4, and on IPv6 where the machine has it."""

import socket
from contextlib import closing


def addresses(port: int) -> list[str]:
    """Returns the addresses for gunicorn's ``bind``: whoever reaches the machine is to be answered."""
    try:
        with closing(socket.socket(socket.AF_INET6, socket.SOCK_STREAM)) as probe:
            probe.bind(("::", 0))
            # Where the system lets such a socket take IPv4 too, as most do, a second one could not be opened.
            takes_both = probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0
    except OSError:  # no IPv6 in this kernel, or switched off
        return [f"0.0.0.0:{port}"]
    return [f"[::]:{port}"] if takes_both else [f"0.0.0.0:{port}", f"[::]:{port}"]
