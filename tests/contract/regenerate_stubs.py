"""Writes the Python stubs of the contract: `make proto` beside the .proto files, the drift test elsewhere, to compare."""

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]


def regenerate(target: Path) -> None:
    """Generate stubs of every .proto below proto/ into `target`; gRPC stubs only for files that define a service."""
    proto = ROOT / "proto"
    include = Path(protoc.__file__).parent / "_proto"
    sources = sorted(proto.rglob("*.proto"))
    services = [source for source in sources if "\nservice " in source.read_text()]
    for files, outputs in ((sources, ("python", "pyi")), (services, ("grpc_python", "mypy_grpc"))):
        arguments = [f"-I{proto}", f"-I{include}", *(f"--{output}_out={target}" for output in outputs), *map(str, files)]
        if protoc.main(["protoc", *arguments]) != 0:
            sys.exit("protoc failed; see above")


if __name__ == "__main__":
    regenerate(ROOT / sys.argv[1])
