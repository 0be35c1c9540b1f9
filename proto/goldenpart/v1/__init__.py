"""The contract: generated messages and gRPC stubs."""
