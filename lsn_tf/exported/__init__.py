"""What an exported model consists of: its signatures, and what lies beside them to trust it."""
