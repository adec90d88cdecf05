"""The mathematics without a network: stencils, their consistency, level set functions, exact solutions."""
