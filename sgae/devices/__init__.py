"""Devices, machines and processes: meshes, jit, shard_map and pmap.

`mesh.py` places arrays, `compiled_steps.py` compiles many steps into one call (by jit,
shard_map or pmap, with equal results), `batched_apply.py` applies a function in batches
on all devices, `processes.py` joins several processes into one run, and `backend.py`
and `machine.py` describe what this process has.
"""
