"""The report shows methods by what they hand to it, also ones that it has never met."""

import json
import re

from sgae.methods import views
from sgae.reporting.contents import Curve, Drawn, Meaning, MethodReport, Panel, Shown
from sgae.reporting.report import contents, write_report
from tests.report_page import Page

SHOWN = views.shown()


def test_a_new_method_is_shown_as_its_report_says(make_run):
  workdir = make_run()
  config = json.loads((workdir / "config.json").read_text())
  config["config"]["phases"] = ["sae", "gan", "sharp_flow"]
  config["config"]["sharp_flow"] = {"steps": 20}
  (workdir / "config.json").write_text(json.dumps(config))
  with open(workdir / "metrics.jsonl", "a") as file:
    for step in (0, 10, 20):
      record = {"phase": "sharp_flow", "step": step, "images_seen": 8 * step}
      record |= {"sharp_flow/bits": 9.0 - step / 10, "sharp_flow/norm": 1.0 + step}
      file.write(json.dumps(record) + "\n")
  source = workdir / "images" / "gan_samples_001000.png"
  for title in ("samples_000010", "samples_000020", "latent_grid_000020"):
    path = workdir / "images" / f"sharp_flow_{title}.png"
    path.write_bytes(source.read_bytes())
  bits = Meaning("Bits", "lower", "per dimension")
  panels = (("Flow", (Panel("Bits", (Curve("sharp_flow/bits", "training"),)),)),)
  while_training = {"bits": ("sharp_flow/bits", None)}
  report = MethodReport("Flow", panels, {"bits": bits}, ("bits",), while_training)
  shown = SHOWN | {"sharp_flow": Shown("Sharp flow", report)}
  part = contents(workdir, shown)
  assert [phase["title"] for phase in part["phases"]][-1] == "Sharp flow"
  titles = ["Flow", "Generator", "Sparse autoencoder"]
  assert [one["title"] for one in part["parts"]] == titles
  assert part["parts"][0]["headline"][0].value == "7"
  assert part["groups"][0].title == "Flow"
  assert [chart.title for chart in part["others"]] == ["sae/novel", "sharp_flow/norm"]
  # the latest phase that draws samples has the slider; other pictures stay as they are
  assert [picture.step for picture, _ in part["samples"]] == [10, 20]
  caption = {"images_seen": 160, "label": "Bits", "value": 7.0}
  assert part["samples"][-1][1] == caption
  # of several records of a step, as of the members of a population, the first counts
  with open(workdir / "metrics.jsonl", "a") as file:
    for value in (0.0, 5.0):
      record = {"phase": "sharp_flow", "step": 30, "sharp_flow/bits": value}
      file.write(json.dumps(record) + "\n")
  path = workdir / "images" / "sharp_flow_samples_000030.png"
  path.write_bytes(source.read_bytes())
  assert contents(workdir, shown)["samples"][-1][1]["value"] == 0
  path.unlink()
  assert part["interpolations"].step == 1000
  ((heading, about, phase, picture),) = part["other_pictures"]
  assert (heading, about, phase, picture.step) == ("Latent grid", "", "Sharp flow", 20)
  write_report(workdir, [], shown)
  text = re.sub(r"\s+", " ", Page(workdir / "report.html").text)
  assert "Other pictures Latent grid Sharp flow, step 20." in text
  drawn = {"latent_grid": Drawn("Grid", "Images between corners.")}
  shown["sharp_flow"] = Shown("Sharp flow", report._replace(pictures=drawn))
  write_report(workdir, [], shown)
  text = re.sub(r"\s+", " ", Page(workdir / "report.html").text)
  assert "Other pictures Grid Images between corners. Sharp flow, step 20." in text
  # a method of which nothing is known is shown by what it measured and drew
  part = contents(workdir, SHOWN)
  assert part["phases"][-1]["title"] == "sharp_flow"
  assert [chart.title for chart in part["others"]][1:] == [
    "sharp_flow/bits",
    "sharp_flow/norm",
  ]
  assert [picture.step for picture, _ in part["samples"]] == [10, 20]
