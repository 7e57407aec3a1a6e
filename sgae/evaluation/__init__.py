"""How good a trained model is: measures, what they need, and the full evaluation.

`measures/` are pure functions. `feature_extractor.py` obtains the network whose
features they compare, `baselines.py` the floor and the controls, `sample.py` images of
a generator; `evaluate.py` puts them together.
"""
