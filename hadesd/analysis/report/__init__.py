"""One run as an HTML file for people."""
