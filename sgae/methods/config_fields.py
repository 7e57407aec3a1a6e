"""Fields that the sections of all methods have in common."""

from typing import Any

# Fields of a method's own section that may change when a run is resumed.
RESUMABLE = ("steps", "evaluate_every", "save_every")


def optimizer_fields(
  learning_rate: float, beta1: float, beta2: float, schedule: str = "constant"
) -> dict[str, Any]:
  """Returns the fields of one optimizer."""
  return {
    # 'adam', 'rmsprop' (beta2 is its decay) or 'sgd' (beta1 is its momentum).
    "name": "adam",
    # The size of a step, before the schedule.
    "learning_rate": learning_rate,
    # Decays of the averages of the gradient, and of its square.
    "beta1": beta1,
    "beta2": beta2,
    # 'constant', 'linear', 'late_linear' (constant for the first half) or 'cosine', to
    # 0 at the phase's last update.
    "schedule": schedule,
    # Updates over which the rate rises to its full size.
    "warmup_updates": 0,
  }


def cadence_fields(steps: int) -> dict[str, Any]:
  """Returns how long a method trains, and how often it is evaluated and saved."""
  return {
    # Steps of the phase, and steps between metric lines (also the steps in one compiled
    # call), pictures and checkpoints. log_every divides the others. A schedule ends at
    # `steps`: under one that decays, a run that is made longer is not the run that had
    # them from the start.
    "steps": steps,
    "log_every": 50,
    "evaluate_every": 500,
    "save_every": 500,
  }
