"""The fields of a second side of the data, without anything that is slow to import."""

# Those of the first side's that a second side has too, where it is not read from a
# source of its own: field -> value.
SECOND_FIELDS = {
  "name": "mnist",
  "directory": "",
  "path": "",
  "array": "activations",
  "background": "",
  "image_size": 0,
  "examples": 0,
  "examples_seed": 0,
}
