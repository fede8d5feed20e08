"""The server's port, taken before anything else is done."""

import socket

from medical_data_pipeline.errors import SettingsError


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that has the port and does not listen yet: until it does, callers are turned away at once.

    Raises:
        SettingsError: the port is in use or may not be used, or there is no such host.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError:
        raise SettingsError(f"the host {host} is not known on this machine") from None
    try:
        # A port whose former connections have just ended is free.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        said = (error.strerror or "not usable").lower()
        raise SettingsError(f"port {port} cannot be used: {said}; --port or MDP_PORT names another") from None
    return bound
