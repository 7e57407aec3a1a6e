"""Both sides in turn, each in a process of its own, and the ratio pair by pair."""

import importlib.util
import subprocess
import sys
from statistics import median

PAIRS = 5
SECONDS = 3.0
BATCHES = (64, 128, 512)


def measure(side: str, batch_size: int) -> float:
  """Returns images per second of one process of `sgae.benchmark.<side>`."""
  command = [sys.executable, "-m", f"sgae.benchmark.{side}"]
  done = subprocess.run(
    [*command, str(batch_size), str(SECONDS)],
    capture_output=True,
    text=True,
    check=True,
  )
  return float(done.stdout.splitlines()[-1])


def main() -> None:
  """Prints the table; without PyTorch, our column alone."""
  with_pytorch = importlib.util.find_spec("torch") is not None
  sys.stdout.write("seed MLP pair, one D + one G update per batch, images/s, medians\n")
  sys.stdout.write("batch       sgae    PyTorch  ratio (least to largest)\n")
  for batch_size in BATCHES:
    ours, theirs = [], []
    for _ in range(PAIRS):
      ours.append(measure("ours", batch_size))
      if with_pytorch:
        theirs.append(measure("pytorch", batch_size))
    row = f"{batch_size:>5} {median(ours):>10,.0f}"
    if theirs:
      ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
      row += f" {median(theirs):>10,.0f}  {median(ratios):.2f}"
      row += f" ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
  main()
