"""Fitting a model: what happens at the end of an epoch, and how a run stops, resumes and is judged."""
