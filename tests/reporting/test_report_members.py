"""The members of a population on the page: outcomes, medians and their map."""

from sgae.methods import views
from sgae.reporting.report_curves import groups
from sgae.reporting.report_members import members

SHOWN = views.shown()


def record(member, step, distance, **settings):
  return {
    "phase": "gan",
    "step": step,
    "images_seen": 100 * step,
    "member": member,
    "seed": member % 2,
    "gan/frechet": distance,
    **settings,
  }


def grid(distances):
  """Records of members over two fields; a member without a distance ended early."""
  records = []
  for member, distance in enumerate(distances):
    settings = {"gan.ema_decay": 0.5 + member // 4, "code.rho": member // 2 % 2}
    records.append(record(member, 5, 90.0, **settings))
    if distance is not None:
      records.append(record(member, 10, distance, **settings))
  return records


def test_a_run_without_members_has_no_such_section(tmp_path):
  plain = {"phase": "gan", "step": 5, "gan/frechet": 3.0}
  assert members(tmp_path, [plain], {}, ["gan", "sae"], SHOWN) is None


def test_medians_of_the_seeds_stand_over_two_fields(tmp_path):
  distances = [10, 20, 30, 40, 50, 70, 8, 6]
  shown = members(tmp_path, grid(distances), {}, ["gan"], SHOWN)
  assert shown is not None
  assert shown.map is not None
  assert (shown.map.down, shown.map.across) == ("gan.ema_decay", "code.rho")
  texts = [[cell.text for cell in cells] for _, cells in shown.map.rows]
  assert texts == [["15.0", "35.0"], ["60.0", "7.00"]]
  shades = [[cell.shade for cell in cells] for _, cells in shown.map.rows]
  assert shades == [[0.75, 0.5], [0.25, 1.0]]  # the least distance is darkest


def test_a_member_keeps_its_newest_distance_after_records_without_one(tmp_path):
  later = [record(member, 12, None) for member in range(8)]
  shown = members(tmp_path, grid([7.0] * 8) + later, {}, ["gan"], SHOWN)
  assert shown is not None
  assert [row.figure for row in shown.rows] == ["7.00"] * 8


def test_success_takes_the_place_of_medians_where_there_is_a_target(tmp_path):
  entry = {
    "members": [
      {"member": i, "figures": {"frechet": {"value": 9.0}}, "success": i in (0, 1, 2)}
      for i in range(7)
    ]
    + [{"member": 7, "diverged_at": 8, "success": False}]
  }
  records = grid([9] * 7 + [None])
  shown = members(tmp_path, records, {"gan": entry}, ["gan"], SHOWN)
  assert shown is not None
  assert shown.map is not None
  texts = [[cell.text for cell in cells] for _, cells in shown.map.rows]
  assert texts == [["100%", "50%"], ["0%", "0%"]]
  assert [row.outcome for row in shown.rows[2:4]] == [
    "reached the target",
    "missed the target",
  ]
  assert shown.rows[7].outcome == "diverged at step 8"
  assert shown.rows[7].figure == ""


def test_a_member_whose_records_end_early_has_diverged(tmp_path):
  shown = members(tmp_path, grid([9, None]), {}, ["gan"], SHOWN)
  assert shown is not None
  assert [row.outcome for row in shown.rows] == ["", "diverged after step 5"]


def test_samples_are_linked_where_they_are(tmp_path):
  (tmp_path / "members" / "1").mkdir(parents=True)
  (tmp_path / "members" / "1" / "gan_samples.png").touch()
  shown = members(tmp_path, grid([9, 9]), {}, ["gan"], SHOWN)
  assert shown is not None
  assert [row.picture for row in shown.rows] == ["", "members/1/gan_samples.png"]


def test_curves_are_medians_with_a_band_of_most_members():
  records = [record(member, 10, float(member)) for member in range(11)]
  charts = [
    chart for group in groups(records, ["gan"], SHOWN) for chart in group.charts
  ]
  (chart,) = [c for c in charts if [1000, 5.0, 0.0] in sum(c.data["points"], [])]
  low, high = chart.data["y"]
  assert low <= 1.0
  assert high >= 8.999  # the 9th of 10 steps from the least to the largest
