"""The gRPC edge: servicers, conversion between protobuf and domain, error mapping. Nothing here computes."""
