"""Load for a node, from this machine: arrivals, what they ask, what came back. `biaojie capacity` and the benchmarks use it."""
