"""How good a trained model is: the measures and the full evaluation.

`measures/` are pure functions. `feature_extractor.py` obtains the network whose
features they compare, `baselines.py` computes the floor and the controls, `evaluate.py`
evaluates a run with all of them, `sample.py` writes samples of a generator, `probe.py`
probes frozen codes, and `predict.py` names the classes of new images.
"""
