"""Speed beside PyTorch on the same machine: `python -m sgae.benchmark`."""
