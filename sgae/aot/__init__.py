"""What training would be on a TPU slice that is not here, from compiling for it."""
