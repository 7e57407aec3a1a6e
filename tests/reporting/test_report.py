"""The report shows what a run directory holds, whatever is missing there."""

import base64
import copy
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from sgae.diagnostics.health import Event
from sgae.errors import UserError
from sgae.methods import views
from sgae.reporting import files, pictures, report_images
from sgae.reporting.report import contents, duration, percent, write_report
from sgae.reporting.report_details import code_histograms
from tests.image_files import encode
from tests.report_page import Page

SHOWN = views.shown()


SAW, ADVICE = "D wins <b>always</b>", "raise gan.penalties.r1"
EVENT = Event("gan", 400, "discriminator_won", SAW, ADVICE)


def build(workdir, events=()):
  write_report(workdir, events, SHOWN)
  return Page(workdir / "report.html")


def test_it_says_what_the_run_is_and_how_it_did(make_run):
  page = build(make_run(), [EVENT])
  for words in (
    "a run",
    "finished",
    "step 1,000 of 1,000",
    "5.10 ± 0.10",
    "better than every control",
    "✗ worse than AE",
    "10,000 samples against 500 images of the test split of",
    "(0123456789ab), accuracy 99.32 %",
    "D wins <b>always</b> raise gan.penalties.r1",
    "2 of 30 latents never fire.",
    "0.4 %",
    "1,600",
    "1 x cpu",
  ):
    assert words in re.sub(r"\s+", " ", page.text), words


def test_the_page_loads_nothing(make_run):
  workdir = make_run()
  page = build(workdir)
  for tag, attributes in page.elements:
    assert tag not in ("iframe", "object", "embed", "video", "audio")
    address = attributes.get("src") or attributes.get("href") or "#"
    assert address.startswith(("data:", "#")), address
  source = (workdir / "report.html").read_text()
  assert not re.search(r"url\((?!data:)|@import|https?://", source)


def test_strings_of_others_are_text(make_run):
  page = build(make_run(), [EVENT])
  assert [tag for tag, _ in page.elements].count("script") == 1
  # config twice, data set, protocol, control (in three places or more), class
  assert page.text.count("<script>document.title='taken'</script>") >= 6
  assert "<i>name<i>" in build(make_run("<i>name<i>")).text


def test_the_same_files_give_the_same_bytes(make_run):
  workdir = make_run()
  build(workdir, [EVENT])
  first = (workdir / "report.html").read_bytes()
  build(workdir, [EVENT])
  assert (workdir / "report.html").read_bytes() == first


def test_a_run_that_has_just_begun(make_run, tmp_path):
  workdir = make_run()
  for name in ("metrics.jsonl", "evaluation.json", "details.json"):
    (workdir / name).unlink()
  for path in (workdir / "images").iterdir():
    path.unlink()
  page = build(workdir)
  assert "step 0 of 1,000" in page.text and "not finished" in page.text
  assert "img" not in [tag for tag, _ in page.elements]
  assert "nothing recorded yet" in build(tmp_path / "empty").text


def test_every_key_may_be_missing_or_nonsense(make_run):
  workdir = make_run()
  for path in (workdir / "images").glob("gan_*"):
    path.unlink()
  places = 0
  for name in ("config.json", "evaluation.json", "details.json"):
    whole = json.loads((workdir / name).read_text())
    for keys in _paths(whole):
      nonsense = (None, "x", -1, [None])[places % 4]
      for changed in (_changed(whole, keys), _changed(whole, keys, nonsense)):
        _store(workdir / name, changed)
        write_report(workdir, [], SHOWN)
      places += 1
    _store(workdir / name, whole)
  assert places > 60


def test_every_metric_may_be_missing(make_run):
  workdir = make_run()
  path = workdir / "metrics.jsonl"
  records = [json.loads(line) for line in path.read_text().splitlines()]

  def progress():
    return [
      (phase["name"], phase["step"]) for phase in contents(workdir, SHOWN)["phases"]
    ]

  whole = progress()
  for key in {key for record in records for key in record} - {"phase", "step"}:
    rest = [{k: v for k, v in record.items() if k != key} for record in records]
    path.write_text("".join(json.dumps(record) + "\n" for record in rest))
    write_report(workdir, [], SHOWN)
    assert progress() == whole, key


def test_damaged_files_are_named_and_left_out(make_run):
  workdir = make_run()
  (workdir / "evaluation.json").write_text('{"gan": {"fig')
  (workdir / "images" / "sae_reconstructions_000100.png").write_bytes(b"PNG?")
  page = build(workdir)
  assert "evaluation.json is damaged" in page.text
  # the newest evaluation made while training stands in
  assert "Measured while training" in page.text
  assert contents(workdir, SHOWN)["reconstructions"] is None


def test_a_full_disk_leaves_the_old_report(make_run, monkeypatch):
  workdir = make_run()
  build(workdir)
  old = (workdir / "report.html").read_bytes()

  def full(_):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(files.os, "fsync", full)
  with pytest.raises(UserError, match="No space left"):
    write_report(workdir, [EVENT], SHOWN)
  assert (workdir / "report.html").read_bytes() == old
  assert not list(workdir.glob(".*"))


def test_a_phase_is_finished_at_its_last_step(make_run):
  workdir = make_run()
  assert contents(workdir, SHOWN)["finished"]
  path = workdir / "metrics.jsonl"
  path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
  part = contents(workdir, SHOWN)
  assert not part["finished"]
  assert [phase["finished"] for phase in part["phases"]] == [True, False]
  assert part["phases"][1]["step"] == 900 and part["phases"][1]["steps"] == 1000
  assert part["phases"][1]["speed"] == 1600


def test_a_phase_is_finished_when_its_patience_ends(make_run):
  workdir = make_run()
  path = workdir / "metrics.jsonl"
  *kept, _ = path.read_text().splitlines(keepends=True)
  config = json.loads((workdir / "config.json").read_text())
  config["config"].setdefault("evaluation", {})["patience"] = 1
  (workdir / "config.json").write_text(json.dumps(config))
  for step, distance, finished in ((910, 0.1, False), (920, 0.2, True)):
    record = {"phase": "gan", "step": step, "gan/frechet": distance}
    kept.append(json.dumps(record) + "\n")
    path.write_text("".join(kept))
    assert contents(workdir, SHOWN)["phases"][1]["finished"] == finished


def test_a_long_run_keeps_12_grids_with_the_first_and_the_last(make_run):
  workdir = make_run()
  source = (workdir / "images" / "gan_samples_000000.png").read_bytes()
  for step in range(1100, 9001, 100):
    (workdir / "images" / f"gan_samples_{step:06d}.png").write_bytes(source)
  steps = [picture.step for picture, _ in contents(workdir, SHOWN)["samples"]]
  assert len(steps) == 12 and (steps[0], steps[-1]) == (0, 9000)
  assert set(np.diff(steps)) <= {800, 900}  # 9000 / 11 = 818


def test_large_pictures_do_not_make_a_heavy_page(make_run):
  workdir = make_run()
  rng = np.random.default_rng(0)
  noise = encode(rng.integers(0, 256, (522, 1302, 3)).astype(np.uint8))
  for step in range(0, 1001, 100):
    (workdir / "images" / f"gan_samples_{step:06d}.png").write_bytes(noise)
  write_report(workdir, [], SHOWN)
  assert (workdir / "report.html").stat().st_size < 5_000_000
  shown = [picture for picture, _ in contents(workdir, SHOWN)["samples"]]
  assert (shown[0].step, shown[-1].step) == (0, 1000)
  assert (shown[0].width, shown[0].height) == (1302, 522)


def test_each_atom_is_cut_from_its_own_place(tmp_path):
  # Atom i is grey i everywhere, so what a place shows tells which atom it is.
  for shape in ((16, 16), (20, 28), (64, 64)):
    cells = np.zeros((130, *shape, 1), np.uint8)
    cells += np.arange(130, dtype=np.uint8)[:, None, None, None]
    path = tmp_path / "atoms.png"
    Image.fromarray(pictures.grid(cells, 20)[..., 0]).save(path)
    picture = report_images.embed(1, path)
    assert picture is not None
    size, aspect, places = report_images.atoms(picture, 130)
    # CSS: the box is 1/size of the picture, its left edge at position * (picture - box)
    wide, high = (float(part) / 100 for part in size.replace("%", "").split())
    width, height = picture.width / wide, picture.height / high
    assert aspect == f"{width:.0f} / {height:.0f}"
    pixels = np.asarray(Image.open(path))
    for i, place in enumerate(places):
      left = round(place.x / 100 * (picture.width - width))
      top = round(place.y / 100 * (picture.height - height))
      cut = pixels[top : top + round(height), left : left + round(width)]
      assert (cut == i).all(), (shape, i)
    assert len(places) == 130
    assert min(width, height) > 0.9 * min(shape)


def test_a_picture_of_another_form_is_shown_whole(tmp_path):
  path = tmp_path / "atoms.png"
  Image.fromarray(np.zeros((50, 333), np.uint8)).save(path)
  picture = report_images.embed(1, path)
  assert picture is not None
  assert report_images.atoms(picture, 130)[2] == []


def test_atoms_have_rates_of_their_own_step_alone(make_run):
  workdir = make_run()
  dictionary = contents(workdir, SHOWN)["dictionary"]
  assert [rate for _, rate in dictionary["atoms"]][:3] == [0.9, 0.4, 0.1]
  assert len(dictionary["atoms"]) == 30
  details = json.loads((workdir / "details.json").read_text())
  details["sae"]["step"] = 50
  _store(workdir / "details.json", details)
  assert {rate for _, rate in contents(workdir, SHOWN)["dictionary"]["atoms"]} == {None}


def test_many_classes_are_cut_to_those_that_are_furthest_off(make_run):
  workdir = make_run()
  share = np.full(1000, 0.001)
  share[[123, 777]] = 0.011, 0.0
  reference = np.full(1000, 0.001).tolist()
  details = {"class_share": share.tolist(), "class_share_reference": reference}
  _store(workdir / "details.json", {"gan": details})
  part = contents(workdir, SHOWN)
  assert [row["name"] for row in part["classes"]][:2] == ["123", "777"]
  assert (len(part["classes"]), part["classes_in_all"]) == (30, 1000)
  assert part["classes"][0]["width"] == 100
  assert part["classes"][0]["text"] == "1.10 %"


def test_the_histogram_of_firing_rates_counts_every_latent_that_fires(make_run):
  chart = contents(make_run(), SHOWN)["code_histograms"][0]
  tops = [float(top) for top in re.findall(r"V([\d.]+)h", chart.bars)]
  # 1 latent in 0.0032..0.0056, 25 in 0.056..0.1, 1 in 0.32..0.56, 1 in 0.56..1
  heights = [150 - top for top in tops]
  np.testing.assert_allclose(
    np.divide(heights, max(heights)), [1 / 25, 1, 1 / 25, 1 / 25], atol=0.01
  )


def test_the_smallest_firing_rate_is_counted_also_at_an_edge():
  chart = code_histograms({"firing_rate": [0.1, 0.1, 0.5, 0.0]})[0]
  tops = [float(top) for top in re.findall(r"V([\d.]+)h", chart.bars)]
  assert [150 - top for top in tops] == pytest.approx([133.3, 66.7], abs=0.1)


def test_times_and_shares_are_readable():
  assert [duration(x) for x in (3.44, 59.6, 192, 7384)] == [
    "3.4 s",
    "1 min 0 s",
    "3 min 12 s",
    "2 h 3 min",
  ]
  assert [percent(x) for x in (0, 0.0004, 0.0123, 0.1, 1)] == [
    "0 %",
    "0.04 %",
    "1.2 %",
    "10 %",
    "100 %",
  ]


def test_embedded_pictures_are_the_files(make_run):
  workdir = make_run()
  page = build(workdir)
  sources = [a["src"] for tag, a in page.elements if tag == "img"]
  assert len(sources) == 11 + 3  # samples; reconstructions, interpolations, neighbours
  with Image.open(io.BytesIO(_decoded(sources[0]))) as image:
    assert np.asarray(image)[30, 30] == 0
  with Image.open(io.BytesIO(_decoded(sources[10]))) as image:
    assert np.asarray(image)[30, 30] == 255


def _decoded(uri):
  return base64.b64decode(uri.removeprefix("data:image/png;base64,"))


def _store(path, value):
  path.write_text(json.dumps(value))


def _paths(value, start=()):
  if isinstance(value, dict):
    for key, inner in value.items():
      yield (*start, key)
      yield from _paths(inner, (*start, key))


def _changed(whole, keys, *replacement):
  changed = copy.deepcopy(whole)
  part = changed
  for key in keys[:-1]:
    part = part[key]
  if replacement:
    part[keys[-1]] = replacement[0]
  else:
    del part[keys[-1]]
  return changed
