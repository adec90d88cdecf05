"""The report of trainings: what is read of their runs, what is said and drawn of it, and the page."""
