"""Devices, machines and processes: the only place that names jit, pmap or a mesh.

`mesh.py` places arrays, `compiled_steps.py` compiles many steps into one call in three
ways that agree, `batched_apply.py` runs a function of rows on all devices,
`processes.py` joins several processes into one run, `backend.py` and `machine.py` say
what is at hand.
"""
