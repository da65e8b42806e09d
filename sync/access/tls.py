"""TLS to the top level: whom it is spoken with, and, where it fails, why, in words for who has to see to it."""

from __future__ import annotations

import os
import ssl

_NO_PASSPHRASE = ""  # asked for on the terminal otherwise, and a service has none
# Of OpenSSL (X509_V_ERR_…): what is wrong with the top level's certificate.
_CERTIFICATE = {
    9: ("is not valid yet: check both clocks", "尚未生效，请核对双方时钟"),
    10: ("has expired", "已过期"),
    18: ("is signed by itself, and not known here", "为自签名证书，未被信任"),
    19: ("is of an authority that is not known here", "的签发机构未被信任"),
    20: ("is of an authority that is not known here", "的签发机构未被信任"),
    21: ("is of an authority that is not known here", "的签发机构未被信任"),
    23: ("was revoked", "已被吊销"),
    26: ("is not one of a server", "不是服务器证书"),
    62: ("is of another host", "与主机名不符"),
    64: ("is of another host", "与主机地址不符"),
}
# Ends of OpenSSL's names of alerts: what the top level holds against this node's certificate.
_ALERTS = {
    "CERTIFICATE_REQUIRED": ("it asks for a client certificate: BIAOJIE_PEERING_CERTIFICATE", "要求客户端证书：BIAOJIE_PEERING_CERTIFICATE"),
    "UNKNOWN_CA": ("it does not know the authority of this node's certificate", "不信任本节点证书的签发机构"),
    "CERTIFICATE_EXPIRED": ("this node's certificate has expired", "本节点证书已过期"),
    "CERTIFICATE_REVOKED": ("this node's certificate was revoked", "本节点证书已被吊销"),
    "BAD_CERTIFICATE": ("it refuses this node's certificate", "拒绝本节点证书"),
    "CERTIFICATE_UNKNOWN": ("it refuses this node's certificate", "拒绝本节点证书"),
    "UNSUPPORTED_CERTIFICATE": ("this node's certificate is not one of a client", "本节点证书不可用作客户端证书"),
    "PROTOCOL_VERSION": ("it speaks no TLS 1.2 or later", "不支持 TLS 1.2 及以上版本"),
    "UNSUPPORTED_PROTOCOL": ("it speaks no TLS 1.2 or later", "不支持 TLS 1.2 及以上版本"),
    "WRONG_VERSION_NUMBER": ("it speaks no TLS at this port", "该端口未使用 TLS"),
    "HANDSHAKE_FAILURE": ("there is no way of encryption that both know, or no certificate", "无共同的加密方式，或缺少证书"),
}  # fmt: skip

SILENT = "it may not take this node's certificate 可能不接受本节点的客户端证书"


def client_context(certificate: str, key: str, authorities: str) -> ssl.SSLContext:
    """TLS 1.2 or later; files in PEM form, empty: none, of authorities those of the system. Raises OSError, `ssl.SSLError`."""
    context = ssl.create_default_context(cafile=os.fspath(authorities) if authorities else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        context.load_cert_chain(certificate, key or None, password=_NO_PASSPHRASE)
    return context


def trouble(wrong: BaseException) -> str:
    """One sentence in both languages for what TLS found; else what the error says."""
    found = _of_tls(wrong)
    if isinstance(found, ssl.SSLCertVerificationError):
        en, zh = _CERTIFICATE.get(found.verify_code, (found.verify_message, found.verify_message))
        return f"the certificate of the top level {en} 国家顶级节点的证书{zh}"
    if found is not None:
        for name, (en, zh) in _ALERTS.items():
            if (found.reason or "").endswith(name):
                return f"TLS with the top level: {en} 与国家顶级节点建立 TLS：{zh}"
    return str(wrong) or type(wrong).__name__


def _of_tls(wrong: BaseException) -> ssl.SSLError | None:
    """The one that OpenSSL raised, which libraries wrap into their own."""
    for one in (getattr(wrong, "certificate_error", None), getattr(wrong, "os_error", None), wrong, wrong.__cause__):
        if isinstance(one, ssl.SSLError) and (one.reason or isinstance(one, ssl.SSLCertVerificationError)):
            return one
    return None
