"""Studies of the solver: how accurate it is, and how it does beside the tools that people use."""
