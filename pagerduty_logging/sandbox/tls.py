"""https for the sandbox, with a new certificate or with given files."""

import os
import socket
import ssl
import tempfile

MISSING = 'https needs trustme: pip install "pagerduty-logging[sandbox]"'


def made_for(host: str) -> tuple[ssl.SSLContext, str]:
    """Make a server's context with a new certificate for `host` and this machine's names.

    Returns the context, and the path of the certificate authority's file, which a client has to trust. The
    authority's key is never written, and is dropped when this call ends.

    Raises:
        ModuleNotFoundError: trustme is not installed.
    """
    try:
        import trustme
    except ModuleNotFoundError:
        raise ModuleNotFoundError(MISSING, name="trustme") from None
    authority = trustme.CA(organization_name="pagerduty-logging sandbox")
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1", socket.gethostname()])
    if host not in ("", "0.0.0.0", "::"):
        names[host] = None
    context = _server_context()
    authority.issue_cert(*names).configure_cert(context)
    handle, path = tempfile.mkstemp(prefix="pagerduty-sandbox-", suffix=".pem")
    with open(handle, "wb") as file:
        file.write(authority.cert_pem.bytes())
    return context, path


def from_files(certificate: str | os.PathLike[str], key: str | os.PathLike[str]) -> ssl.SSLContext:
    """Make a server's context with a certificate chain and a key from PEM files.

    Raises:
        OSError: a file cannot be read; `ssl.SSLError` if it holds something else.
    """
    context = _server_context()
    context.load_cert_chain(certificate, key)
    return context


def _server_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
