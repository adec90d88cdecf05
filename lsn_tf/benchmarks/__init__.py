"""What `python -m lsn_tf.benchmark` measures: a module for each topic, whose `measure` returns rows, and `timing`."""
