"""What a run shows and writes: console, metrics, pictures, TensorBoard, the report.

`console.py` is the terminal, `metrics.py` the records, `journal.py` what a training
loop reports to, `report.py` the page `report.html`, `explorer.py` the page on which
codes are changed by hand. `files.py` writes files that are never half there.
"""
