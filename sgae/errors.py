"""What a run can end with, besides success: each carries one line and an exit code."""


class UserError(Exception):
  """Something the user can mend: what is wrong, what is allowed, what to do."""

  exit_code = 2


class MemberDiverged(UserError):
  """A member of a population diverged, so that it has no state to look at."""


class TrainingDiverged(Exception):
  """A metric or the state became NaN or infinite; names step, metric, checkpoint."""

  exit_code = 3


class StoppedBySignal(Exception):
  """SIGINT, SIGTERM or SIGHUP arrived and the run was saved; says how to go on."""

  def __init__(self, message: str, signal_number: int):
    super().__init__(message)
    self.exit_code = 128 + signal_number
