"""The LiTS data set for TFDS."""
