"""The page on which scans and segmentations are looked at and corrected, and the local server behind it."""
