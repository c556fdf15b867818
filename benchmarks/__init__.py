"""Speed and memory of jaxloss against its peers: ``python -m benchmarks --help``."""
