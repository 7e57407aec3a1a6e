"""How good a trained model is: the measures and the full evaluation.

`measures/` are pure functions. `feature_extractor.py` obtains the network whose
features they compare, `baselines.py` computes the floor and the controls, `evaluate.py`
evaluates a run with all of them, `conditional.py` learns classes from samples,
`sample.py` writes samples of a generator, `choice.py` reads which, `explore.py` makes
the explorer, `probe.py` probes frozen codes, `run_data.py` loads the data of a run.
`apply.py` applies a trained function to new images: `predict.py` names their classes,
`image_to_image.py` makes images of them.
"""
