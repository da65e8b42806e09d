"""HTTP message signatures (RFC 9421) with content digests (RFC 9530), in the profile that peering uses."""
