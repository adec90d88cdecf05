"""Where each file format keeps its convolutions. Nothing here runs or deserialises the code of a model."""
