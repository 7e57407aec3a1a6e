"""Pages that load nothing else: style, script and pictures are in the one file."""

import base64
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


@functools.cache  # to compile a template takes longer than all the rest
def template(
  name: str,
  styles: tuple[str, ...],
  script: str,
  filters: tuple[Callable[..., Any], ...] = (),
) -> Callable[..., str]:
  """Returns the function that fills a template of this folder.

  The template has `style`, `script` and, for its policy, `script_hash`: by its hash,
  the browser runs this script and no other.

  Args:
    name: of the template's file.
    styles: names of the files of its style, in order.
    script: name of the file of its script.
    filters: of the template, by their own names.
  """
  # Imported here: a run that writes no page does not need it.
  import jinja2
  from markupsafe import Markup

  here = Path(__file__).parent
  code = (here / script).read_text(encoding="utf-8")
  digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(here),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters |= {function.__name__: function for function in filters}
  environment.globals |= {
    "style": Markup("".join((here / each).read_text("utf-8") for each in styles)),
    "script": Markup(code),
    "script_hash": digest,
  }
  return environment.get_template(name).render
