"""Reads a trained network as numerical analysis: which of its kernels are finite differences."""
