"""Sockets that servers of this machine listen on, and their addresses for people."""

import socket


def bound_socket(host: str, port: int) -> socket.socket:
    """Returns a socket that is bound to an address but does not listen yet; port 0 takes a free one.

    Raises:
        OSError: if the port is in use or the address is none of this machine.
        OverflowError: if there is no such port.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError):
        bound.close()
        raise
    return bound


def url(bound: socket.socket) -> str:
    """Returns the address of a socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
