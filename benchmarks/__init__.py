"""What is claimed of speed, as commands: `make bench`, or `python -m benchmarks NAME...`."""
