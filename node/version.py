"""The version of the node, the one place where it is written."""

VERSION = "0.1.0"


async def show(*_: object) -> None:
    """The command `version`."""
    print(f"biaojie {VERSION}")
