"""Pages: HTML files that work offline, with what they share, a frame, tables that sort and find, and figures."""
